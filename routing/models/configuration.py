"""The working configuration (the draft) and the published versions that decisions are made with.

`Rule`, `Policy`, `CapacitySettings` and, below, `territories.Territory` are what people edit. Nothing of it takes
effect until it is published: `ConfigurationVersion.content` is a frozen copy; the newest one, candidates for
experiments aside, is live.
"""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from reps.models import Rep, Team, User


class Rule(models.Model):
    """A routing rule: when the condition matches, the action. Lower position is higher priority."""

    class Action(models.TextChoices):
        ROUTE_TO_REP = "route_to_rep", "Route to rep"
        ROUTE_TO_TEAM = "route_to_team", "Route to team"
        EXCLUDE_REPS = "exclude_reps", "Exclude reps"
        REQUIRE = "require", "Require"

    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(help_text="1 comes first.")
    condition: Any = models.JSONField(
        default=dict, help_text="In the condition language (crm.engine.conditions)."
    )
    action = models.CharField(max_length=15, choices=Action)
    rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    excluded = models.ManyToManyField(Rep, blank=True, related_name="+")
    required_field = models.CharField(
        max_length=20,
        blank=True,
        help_text="industry, product, language, competitor, certification, tier, ...",
    )
    required_value = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("position", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["position"], name="rule_position_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(
                condition=Q(action="route_to_rep", rep__isnull=False, team__isnull=True)
                | Q(action="route_to_team", team__isnull=False, rep__isnull=True)
                | Q(action="exclude_reps", rep__isnull=True, team__isnull=True)
                | (Q(action="require", rep__isnull=True, team__isnull=True) & ~Q(required_field="")),
                name="rule_action_complete",
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(starts_at__lt=F("ends_at")),
                name="rule_schedule_ordered",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Policy(models.Model):
    """How the decision is applied, for the opportunities that the condition matches. The first match counts."""

    class Mode(models.TextChoices):
        REAL_TIME = "real_time", "At once"
        BATCH = "batch", "In batches"

    class Application(models.TextChoices):
        SUGGEST = "suggest", "Suggest"
        ASSIGN = "assign", "Assign"
        SHADOW = "shadow", "Decide and log only"

    class Cadence(models.TextChoices):
        HOURLY = "hourly", "Every hour"
        TWICE_DAILY = "twice_daily", "Twice a day"
        DAILY = "daily", "At chosen times of the day"

    class Objective(models.TextChoices):
        VALUE = "value", "Expected value"
        WINS = "wins", "Expected wins"
        SCORE = "score", "Match scores"

    class Fallback(models.TextChoices):
        ROUND_ROBIN = "round_robin", "Round-robin within team"
        MANAGER = "manager", "Route to manager"
        HOLD = "hold", "Hold in queue"

    class Unanswered(models.TextChoices):
        ESCALATE = "escalate", "Tell the manager"
        REROUTE = "reroute", "Route it to somebody else"

    class Language(models.TextChoices):
        REQUIRED = "required", "Required"
        PREFERRED = "preferred", "Preferred"

    name = models.CharField(max_length=120, unique=True)
    position = models.PositiveIntegerField(help_text="1 comes first.")
    condition: Any = models.JSONField(default=dict, blank=True)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.REAL_TIME)
    application = models.CharField(max_length=10, choices=Application, default=Application.SUGGEST)
    threshold = models.FloatField(
        default=50,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="The least match score that counts as confident.",
    )
    fallback = ArrayField(
        models.CharField(max_length=12, choices=Fallback),
        default=list,
        blank=True,
        help_text="Tried in order; ends in hold.",
    )
    language = models.CharField(
        max_length=10,
        choices=Language,
        default=Language.REQUIRED,
        help_text="Required: only reps who speak it, as long as one of those left does.",
    )
    needs_working_now = models.BooleanField(default=False, help_text="Only reps within their working hours.")
    prefers_ready = models.BooleanField(
        default=False,
        db_default=False,
        verbose_name="who works now and has room comes first",
        help_text="For what needs a quick answer: they are chosen among, if one of them is confident; else everybody.",
    )
    first_touch_target_minutes = models.PositiveIntegerField(null=True, blank=True)
    exploration_share = models.FloatField(
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(0.5)],
        help_text="The share of predictions that go to one of those who come close to the best, at random, to "
        "measure what they would win. 0 is off; 0.05 is plenty.",
    )
    exploration_within = models.FloatField(
        default=5,
        validators=[MinValueValidator(0), MaxValueValidator(30)],
        help_text="How many points of match score count as close to the best.",
    )
    batch_cadence = models.CharField(
        max_length=12, choices=Cadence, default=Cadence.DAILY, db_default=Cadence.DAILY
    )
    batch_times = ArrayField(
        models.CharField(max_length=5),
        default=list,
        blank=True,
        db_default=[],
        help_text="Times of day such as 09:00, 14:30.",
    )
    batch_time_zone = models.CharField(
        max_length=40, blank=True, db_default="", help_text="Empty: the organisation’s."
    )
    batch_weekdays_only = models.BooleanField(default=True, db_default=True)
    batch_expiry_hours = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="A suggestion that nobody confirmed by then waits for the next batch; empty: it stays.",
    )
    batch_objective = models.CharField(
        max_length=8,
        choices=Objective,
        default=Objective.VALUE,
        db_default=Objective.VALUE,
        help_text="What a batch makes as large as it can over all its opportunities together.",
    )
    batch_confirms = models.BooleanField(default=False, db_default=False)
    # The first-touch clock, and the answer that is asked of the rep
    clock_in_working_hours = models.BooleanField(
        default=False,
        db_default=False,
        verbose_name="the clock runs in the rep’s working hours only",
        help_text="It stands still at night, on days off and while the rep is away.",
    )
    clock_remind_pct = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    clock_escalates = models.BooleanField(default=False, db_default=False)
    clock_reroute_after_minutes = models.PositiveIntegerField(null=True, blank=True)
    clock_takes_named_accounts = models.BooleanField(default=False, db_default=False)
    accept_within_minutes = models.PositiveIntegerField(null=True, blank=True)
    accept_unanswered = models.CharField(
        max_length=10, choices=Unanswered, default=Unanswered.ESCALATE, db_default=Unanswered.ESCALATE
    )
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("position", "id")
        verbose_name_plural = "policies"
        constraints = (
            models.UniqueConstraint(
                fields=["position"], name="policy_position_once", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(
                condition=Q(threshold__gte=0, threshold__lte=100), name="policy_threshold_range"
            ),
            models.CheckConstraint(
                condition=Q(exploration_share__gte=0, exploration_share__lte=0.5, exploration_within__gte=0),
                name="policy_exploration_range",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CapacitySettings(models.Model):
    """The bounds of the capacity bands and what lowers priority. One row."""

    available_up_to_pct = models.FloatField(default=70)
    near_up_to_pct = models.FloatField(default=90)
    at_up_to_pct = models.FloatField(default=100)
    high_match_score = models.FloatField(
        default=70, help_text="Reps near capacity get only matches this good."
    )
    high_match_top_share = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01), MaxValueValidator(0.99)],
        help_text="Instead of a fixed score: the top share of the last 90 days' best scores, such as 0.3.",
    )
    near_capacity_penalty = models.FloatField(default=0.3, help_text="In log-odds, as all penalties.")
    assigned_today_penalty = models.FloatField(default=0.1, help_text="For each beyond the comfortable day.")
    pipeline_penalty = models.FloatField(default=0.1, help_text="At twice the peers' average pipeline value.")
    absence_ahead_penalty = models.FloatField(default=0.3)
    absence_horizon_hours = models.FloatField(default=48)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "capacity settings"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="capacity_settings_one_row"),
            models.CheckConstraint(
                condition=Q(available_up_to_pct__gt=0)
                & Q(available_up_to_pct__lt=F("near_up_to_pct"))
                & Q(near_up_to_pct__lt=F("at_up_to_pct"))
                & Q(at_up_to_pct__lte=100),
                name="capacity_bounds_ordered",
            ),
            models.CheckConstraint(
                condition=Q(high_match_score__gte=0, high_match_score__lte=100),
                name="capacity_high_match_range",
            ),
            models.CheckConstraint(
                condition=Q(high_match_top_share__isnull=True)
                | Q(high_match_top_share__gt=0, high_match_top_share__lt=1),
                name="capacity_high_match_share",
            ),
        )

    def __str__(self) -> str:
        return "Capacity settings"


class ConfigurationVersion(models.Model):
    """A published configuration, frozen. The one with the highest number that is no candidate is live."""

    number = models.PositiveIntegerField(unique=True)
    content: Any = models.JSONField()
    content_hash = models.CharField(max_length=64)
    note = models.CharField(max_length=200, blank=True)
    is_candidate = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Kept for an experiment against the live version; decides nothing by itself.",
    )
    published_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"Configuration {self.number}"
