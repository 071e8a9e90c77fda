"""What a night found of reps who do clearly worse or better than forecast, and what people said to it."""

from django.db import models
from django.db.models import Q

from reps.models import Rep, User


class CoachingLook(models.Model):
    """The last look at everybody's closed opportunities. One row; forecasts are put right by its calibration."""

    at = models.DateTimeField()
    first_day = models.DateField(help_text="Closed since then counts.")
    closed = models.IntegerField(default=0, help_text="Won or lost, with a forecast for who had them.")
    groups = models.IntegerField(default=0, help_text="Reps, and segments of reps, that were looked at.")
    intercept = models.FloatField(default=0)
    slope = models.FloatField(default=1)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="coaching_look_one_row"),)

    def __str__(self) -> str:
        return f"{self.groups} groups, {self.at:%Y-%m-%d}"


class CoachingFinding(models.Model):
    """A rep does clearly worse or better than forecast: with an empty dimension in all, else in one segment. One row
    for each of these; it lives while nights find it, with their numbers. One that was dismissed keeps its own."""

    class Kind(models.TextChoices):
        WORSE = "worse", "Clearly worse"
        BETTER = "better", "Clearly better"

    class State(models.TextChoices):
        OPEN = "open", "Holds"
        OVER = "over", "Does not hold any more"
        DISMISSED = "dismissed", "Dismissed"

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="coaching_findings")
    kind = models.CharField(max_length=6, choices=Kind)
    dimension = models.CharField(max_length=12, blank=True, help_text="Of analytics.queries.segments.")
    level = models.CharField(max_length=120, blank=True)
    closed = models.IntegerField()
    won = models.IntegerField()
    expected = models.FloatField(help_text="Wins, at the rep's level elsewhere.")
    rest_closed = models.IntegerField(help_text="The rep's other opportunities.")
    rest_won = models.IntegerField()
    rest_expected = models.FloatField(help_text="As forecast.")
    difference = models.FloatField(help_text="Of the share won, shrunken.")
    low = models.FloatField()
    high = models.FloatField()
    p = models.FloatField()
    q = models.FloatField(help_text="With everything that was looked at.")
    first_seen = models.DateField()
    last_seen = models.DateField()
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("rep", "p")
        constraints = (
            models.UniqueConstraint(
                fields=["rep", "kind", "dimension", "level"], name="coaching_finding_once"
            ),
            models.CheckConstraint(condition=Q(won__lte=models.F("closed")), name="coaching_finding_counts"),
            models.CheckConstraint(
                condition=~Q(state="dismissed") | Q(decided_at__isnull=False),
                name="coaching_finding_decided_when",
            ),
        )
        indexes = (models.Index(fields=["rep"], condition=Q(state="open"), name="coaching_finding_open"),)

    def __str__(self) -> str:
        return f"{self.rep}: {self.get_kind_display().lower()}, {self.level or 'in all'}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN
