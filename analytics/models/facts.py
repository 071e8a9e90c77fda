"""What analytics counts: one narrow row for each event of an opportunity, and sums of them by day.

Facts and sums are worked out from the records of the other apps (`analytics.services.refresh`) and can be thrown away
and made again. References carry no constraints: a fact follows its opportunity, and nothing waits for it.
"""

from django.db import models

from crm.models import Opportunity
from reps.models import Rep


class Fact(models.Model):
    """One event of one opportunity on one day of the organisation's calendar.

    | event | one for each | `hit` | `seconds` |
    |---|---|---|---|
    | assigned | assignment | the owner has touched it; null where nobody can know | until the first touch |
    | closed | closed opportunity that had an owner | won; null where disqualified | since it was assigned |
    | judged | suggestion that a person decided | somebody else, or nobody, was wanted | since it was made |
    | routed | opportunity that came in and was to be routed | by the model or a rule; null: was not to be chosen | |

    The rep's team is that of today and not kept; `team_id` is whose queue has it, where nobody has.
    """

    class Event(models.TextChoices):
        ASSIGNED = "assigned", "Assigned"
        CLOSED = "closed", "Closed"
        JUDGED = "judged", "Suggestion decided"
        ROUTED = "routed", "Routed"

    class Path(models.TextChoices):
        """How it came to its owner."""

        MODEL = "model", "by the model"
        RULE = "rule", "by a rule or an account"
        TURN = "turn", "in turn"
        STRATEGY = "strategy", "by an experiment’s control"
        PERSON = "person", "by a person"
        IMPORT = "import", "with an import"
        NOBODY = "nobody", "nobody yet"

    class Mode(models.TextChoices):
        REAL_TIME = "real_time", "Real time"
        BATCH = "batch", "Batch"
        HAND = "hand", "By hand"

    event = models.CharField(max_length=8, choices=Event)
    day = models.DateField()
    opportunity = models.ForeignKey(
        Opportunity, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    assignment_id = models.BigIntegerField(null=True)
    decision_id = models.BigIntegerField(null=True)
    rep = models.ForeignKey(
        Rep, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    team_id = models.BigIntegerField(null=True)
    territory_id = models.BigIntegerField(null=True)
    source = models.CharField(max_length=80, blank=True)
    policy = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=10, choices=Opportunity.Kind)
    path = models.CharField(max_length=8, choices=Path)
    mode = models.CharField(max_length=9, choices=Mode)
    score = models.FloatField(null=True)
    bin = models.SmallIntegerField(null=True, help_text="The score's tens: 7 for 70 to 79, 9 for 90 to 100.")
    hit = models.BooleanField(null=True)
    seconds = models.BigIntegerField(null=True)
    value = models.FloatField(null=True, help_text="Of the opportunity, in the base currency.")
    win_probability = models.FloatField(null=True, help_text="Of this rep, as forecast when it was assigned.")

    class Meta:
        indexes = (
            models.Index(fields=["event", "day"], name="fact_by_event"),
            models.Index(fields=["rep", "event", "day"], name="fact_by_rep"),
            models.Index(
                fields=["territory_id", "event", "day"],
                condition=models.Q(territory_id__isnull=False),
                name="fact_by_territory",
            ),
            models.Index(fields=["day"], name="fact_by_day"),
            models.Index(
                fields=["day"], condition=models.Q(event="assigned", path="person"), name="fact_by_person"
            ),
        )

    def __str__(self) -> str:
        return f"{self.event} {self.day}"


class ChosenMatch(models.Model):
    """How a person's choice stood beside the router's, at the decision that was there: worked out by replay, once for
    each assignment by a person that had a decision before it. Probabilities are None where rules decided."""

    assignment_id = models.BigIntegerField(primary_key=True)
    decision_id = models.BigIntegerField()
    rep_id = models.BigIntegerField(help_text="Whom the person chose.")
    score = models.FloatField(
        null=True, help_text="None where the rep was not on the roster, or left out before scores."
    )
    win_probability = models.FloatField(null=True)
    router_rep_id = models.BigIntegerField(null=True, help_text="Whom the router would have.")
    router_score = models.FloatField(null=True)
    router_win_probability = models.FloatField(null=True)

    def __str__(self) -> str:
        return f"Assignment {self.assignment_id}"


class By(models.TextChoices):
    """What sums are of: everything, or apart by source or policy."""

    ALL = "all", "All"
    SOURCE = "source", "Source"
    POLICY = "policy", "Policy"


class Counted(models.Model):
    """Facts, counted: all of them (`by` all), or apart by source or policy (`key`)."""

    by = models.CharField(max_length=8, choices=By)
    key = models.CharField(max_length=120, blank=True)
    event = models.CharField(max_length=8, choices=Fact.Event)
    kind = models.CharField(max_length=10)
    path = models.CharField(max_length=8, choices=Fact.Path)
    mode = models.CharField(max_length=9, choices=Fact.Mode)
    bin = models.SmallIntegerField(null=True)
    count = models.IntegerField()
    known = models.IntegerField(help_text="Of which it is known whether they hit.")
    hits = models.IntegerField()
    scored = models.IntegerField()
    score_sum = models.FloatField()
    value_sum = models.FloatField()

    class Meta:
        abstract = True


class DaySum(Counted):
    """The facts of a day."""

    By = By
    day = models.DateField()

    class Meta:
        indexes = (
            models.Index(fields=["by", "day"], name="day_sum_read"),
            models.Index(fields=["by", "key"], name="day_sum_keys"),
            models.Index(fields=["day"], name="day_sum_by_day"),
        )

    def __str__(self) -> str:
        return f"{self.by} {self.key} {self.day}"


class MonthSum(Counted):
    """The facts of a calendar month, for long periods."""

    month = models.DateField()

    class Meta:
        indexes = (
            models.Index(fields=["by", "key", "month"], name="month_sum_read"),
            models.Index(fields=["month"], name="month_sum_by_month"),
        )

    def __str__(self) -> str:
        return f"{self.by} {self.key} {self.month}"


class TouchSum(models.Model):
    """First touches of a day's assignments by how long they took, to three significant digits, for their median."""

    day = models.DateField()
    mode = models.CharField(max_length=9, choices=Fact.Mode)
    kind = models.CharField(max_length=10)
    seconds = models.BigIntegerField()
    count = models.IntegerField()

    class Meta:
        indexes = (models.Index(fields=["day"], name="touch_sum_by_day"),)

    def __str__(self) -> str:
        return f"{self.day} {self.seconds} s"


class TouchMonthSum(models.Model):
    """The same of a calendar month, of all of them or apart by source or policy: for long periods."""

    month = models.DateField()
    by = models.CharField(max_length=8, choices=By)
    key = models.CharField(max_length=120, blank=True)
    mode = models.CharField(max_length=9, choices=Fact.Mode)
    kind = models.CharField(max_length=10)
    seconds = models.BigIntegerField()
    count = models.IntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["by", "key", "month"], name="touch_month_sum_read"),
            models.Index(fields=["month"], name="touch_month_sum_by_month"),
        )

    def __str__(self) -> str:
        return f"{self.by} {self.key} {self.month} {self.seconds} s"


class RepMonthSum(models.Model):
    """Assignments and closings of a rep in a calendar month."""

    month = models.DateField()
    rep = models.ForeignKey(
        Rep, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    event = models.CharField(max_length=8, choices=Fact.Event)
    bin = models.SmallIntegerField(null=True)
    count = models.IntegerField()
    known = models.IntegerField()
    hits = models.IntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["event", "month"], name="rep_month_sum_read"),
            models.Index(fields=["month"], name="rep_month_sum_by_month"),
        )

    def __str__(self) -> str:
        return f"{self.rep_id} {self.month}"


class RepDay(models.Model):
    """A rep's load at the end of a day. Days before the first night that wrote them are counted back from who owned
    what when, under the maximum of then."""

    day = models.DateField()
    rep = models.ForeignKey(
        Rep, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    load = models.IntegerField()
    max_open = models.IntegerField()
    is_counted_back = models.BooleanField(default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["day", "rep"], name="rep_day_once"),)

    def __str__(self) -> str:
        return f"{self.rep_id} {self.day}"
