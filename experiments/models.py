"""Controlled experiments of routing strategies: what is compared, who was allocated where, every look at the result.

Routing asks for an opportunity's arm and stores what it decided in it; what became of it is read from the records.
"""

from typing import Any

from django.db import models
from django.db.models import F, Q

from crm.models import Opportunity
from reps.models import Rep, User

CONTROL, TREATMENT = "control", "treatment"
ARMS = ((CONTROL, "Control"), (TREATMENT, "Treatment"))


class Experiment(models.Model):
    """Two strategies compared on the opportunities of a population.

    A strategy is {"kind": …} with the `Strategy` below, and {"version": id} where it is another configuration version.
    `layer_from` and `layer_to` bound the units that it may have: those of running experiments never overlap. `split` is
    the share of treatment now; `stage` counts its changes. `horizon_days`: within how many days a win counts.
    `planned_units` of both arms, and `planned_information` that they bring, are fixed when it starts.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        RUNNING = "running", "Running"
        MATURING = "maturing", "Waiting for outcomes"
        ENDED = "ended", "Ended"

    class Outcome(models.TextChoices):
        NONE = "", "–"
        PROMOTED = "promoted", "Treatment promoted"
        NO_DIFFERENCE = "no_difference", "No difference detected"
        ROLLED_BACK = "rolled_back", "Rolled back"
        STOPPED = "stopped", "Stopped early"

    class Strategy(models.TextChoices):
        ROUND_ROBIN = "round_robin", "Round-robin"
        WEIGHTED = "weighted_round_robin", "Weighted round-robin"
        TERRITORY = "territory", "Territory only"
        RULES = "rules", "Rules-based"
        PREDICTIVE = "predictive", "Predictive"
        EXPLORING = "exploring", "Predictive with exploration"
        VERSION = "version", "Another configuration version"

    class Design(models.TextChoices):
        SLOT_SPLIT = "slot_split", "Slot split"
        REP_PARTITION = "rep_partition", "Rep partition"
        SWITCHBACK = "switchback", "Switchback"
        LEAD_SPLIT = "lead_split", "Lead split"

    class Metric(models.TextChoices):
        WIN_RATE = "win_rate", "Win rate"
        FIRST_TOUCH = "first_touch", "Time to first touch"
        VELOCITY = "velocity", "Deal velocity"

    class Ramp(models.TextChoices):
        NONE = "", "None: one split throughout"
        ASK = "ask", "Progressive, asking me at each step"
        AUTOMATIC = "automatic", "Progressive, by itself"

    name = models.CharField(max_length=120, unique=True)
    hypothesis = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    outcome = models.CharField(max_length=15, choices=Outcome, blank=True, default=Outcome.NONE)
    design = models.CharField(max_length=15, choices=Design, default=Design.SLOT_SPLIT)
    control: Any = models.JSONField()
    treatment: Any = models.JSONField()
    condition: Any = models.JSONField(default=dict, blank=True)
    layer_from = models.FloatField(default=0.0)
    layer_to = models.FloatField(default=1.0)
    salt = models.CharField(max_length=32)
    split = models.FloatField(default=0.5, help_text="The share of treatment.")
    stage = models.PositiveSmallIntegerField(default=0)
    metric = models.CharField(max_length=12, choices=Metric, default=Metric.WIN_RATE)
    secondaries: Any = models.JSONField(default=list, blank=True)
    guardrails: Any = models.JSONField(default=list, blank=True)
    ramp = models.CharField(max_length=10, choices=Ramp, blank=True, default=Ramp.NONE)
    is_hold_out = models.BooleanField(
        default=False, help_text="Kept for ever: a share stays on control, and the lift is valid at any time."
    )
    duration_weeks = models.PositiveSmallIntegerField(default=8)
    horizon_days = models.PositiveSmallIntegerField(default=60)
    touch_minutes = models.PositiveIntegerField(
        default=240, help_text="A first touch counts within so many minutes."
    )
    base_rate = models.FloatField(null=True, help_text="Of the primary metric before the start.")
    planned_units = models.PositiveIntegerField(null=True)
    planned_information = models.FloatField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True, help_text="Nobody is allocated any more from then on.")
    ended_at = models.DateTimeField(null=True)
    serves = models.CharField(
        max_length=10,
        choices=ARMS,
        blank=True,
        help_text="The arm whose strategy its population gets after the end, until it is let go.",
    )

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.CheckConstraint(
                condition=Q(layer_from__gte=0, layer_to__lte=1, layer_from__lt=F("layer_to")),
                name="experiment_layer",
            ),
            models.CheckConstraint(condition=Q(split__gte=0, split__lte=1), name="experiment_split"),
            models.CheckConstraint(
                condition=Q(is_hold_out=False) | Q(state="draft") | Q(planned_units__isnull=False),
                name="experiment_hold_out_is_planned",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def counts_after_days(self) -> float:
        """From which age on a lead says all that the primary metric asks of it."""
        if self.metric == self.Metric.FIRST_TOUCH:
            return self.touch_minutes / (24 * 60)
        return float(self.horizon_days)

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING


class ExperimentStamp(models.Model):
    """One row, whose number is another one after every change of what routing must know."""

    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.version)


class Stage(models.Model):
    """From when to when an experiment had one split."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="stages")
    number = models.PositiveSmallIntegerField()
    split = models.FloatField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=["experiment", "number"], name="experiment_stage"),)

    def __str__(self) -> str:
        return f"{self.experiment}: stage {self.number}"


class ArmRep(models.Model):
    """Who of a rep partition works for which arm; drawn at the start. `pair`: whom with."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="reps")
    rep = models.ForeignKey(Rep, on_delete=models.PROTECT, related_name="+")
    arm = models.CharField(max_length=10, choices=ARMS)
    pair = models.PositiveIntegerField()

    class Meta:
        ordering = ("pair", "arm")
        constraints = (models.UniqueConstraint(fields=["experiment", "rep"], name="experiment_rep_once"),)

    def __str__(self) -> str:
        return f"{self.rep}: {self.arm} of {self.experiment}"


class ArmTurn(models.Model):
    """Where a rep stands in the turns of an arm that goes by turns: each arm has its own, or one would take the
    other's. `finish` the rep's tag, `clock` the arm's when it was written."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="turns")
    arm = models.CharField(max_length=10, choices=ARMS)
    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="+")
    finish = models.FloatField()
    clock = models.FloatField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["experiment", "arm", "rep"], name="experiment_turn_of_rep"),
        )

    def __str__(self) -> str:
        return f"{self.rep} in {self.arm} of {self.experiment}"


class Enrolment(models.Model):
    """A unit (an account, or an opportunity without one) in an experiment: its arm for ever, and the stage in which it
    came."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="enrolments")
    unit = models.CharField(max_length=40)
    arm = models.CharField(max_length=10, choices=ARMS)
    stage = models.PositiveSmallIntegerField()
    enrolled_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["experiment", "unit"], name="experiment_unit_once"),)

    def __str__(self) -> str:
        return f"{self.unit}: {self.arm} of {self.experiment}"


class Exposure(models.Model):
    """One routing decision in an experiment. `decision_id` is routing's. `apart`: what decided where it would have been
    the same in both arms (a lock, an owner, a rule that names the rep); that is not counted as exposed. `fallback`: why
    the strategy chose nobody, where it did not."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="exposures")
    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="exposures")
    decision_id = models.BigIntegerField()
    unit = models.CharField(max_length=40)
    arm = models.CharField(max_length=10, choices=ARMS)
    stage = models.PositiveSmallIntegerField()
    exposed_at = models.DateTimeField()
    is_counted = models.BooleanField(
        default=True, help_text="Not in the first days of a switchback's period."
    )
    period = models.PositiveIntegerField(null=True, help_text="Of a switchback, from 0.")
    apart = models.CharField(max_length=20, blank=True)
    configuration_number = models.PositiveIntegerField()
    model_number = models.PositiveIntegerField()
    eligible = models.PositiveIntegerField()
    rep = models.ForeignKey(Rep, null=True, on_delete=models.PROTECT, related_name="+")
    load = models.PositiveIntegerField(null=True, help_text="The rep's before it.")
    max_open = models.PositiveIntegerField(null=True)
    score = models.FloatField(null=True)
    fallback = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ("exposed_at", "id")
        indexes = (models.Index(fields=["experiment", "opportunity"], name="exposure_by_opportunity"),)

    def __str__(self) -> str:
        return f"{self.opportunity}: {self.arm} of {self.experiment}"


class Look(models.Model):
    """One evaluation of a running experiment by the nightly job; the boundary of a look depends on those before it, so
    they are kept. `found` has everything else that the results page shows, as it was then."""

    class Crossed(models.TextChoices):
        NO = "", "No"
        UP = "up", "Treatment is better"
        DOWN = "down", "Treatment is worse"

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="looks")
    looked_at = models.DateTimeField()
    day = models.DateField()
    information = models.FloatField(null=True)
    fraction = models.FloatField(null=True, help_text="Of the planned information.")
    estimate = models.FloatField(null=True)
    se = models.FloatField(null=True)
    bound = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    crossed = models.CharField(max_length=4, choices=Crossed, blank=True, default=Crossed.NO)
    is_final = models.BooleanField(default=False)
    unavailable = models.TextField(blank=True, help_text="Why nothing could be said.")
    found: Any = models.JSONField(default=dict)

    class Meta:
        ordering = ("looked_at", "id")
        constraints = (
            models.UniqueConstraint(fields=["experiment", "day"], name="experiment_look_once_a_day"),
        )

    def __str__(self) -> str:
        return f"{self.experiment} on {self.day}"


class ExperimentChange(models.Model):
    """What was done to an experiment, by whom (nobody: by itself) and why."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="changes")
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=200)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-changed_at", "-id")

    def __str__(self) -> str:
        return f"{self.experiment}: {self.what}"


class SatisfactionScore(models.Model):
    """What a customer said of how the opportunity was handled, 0 to 10. The newest one of an opportunity counts."""

    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="satisfaction_scores")
    score = models.FloatField()
    given_at = models.DateTimeField()
    external_id = models.CharField(max_length=120, blank=True)
    source = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ("given_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=10), name="satisfaction_from_0_to_10"
            ),
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="satisfaction_external_id"
            ),
        )

    def __str__(self) -> str:
        return f"{self.score} for {self.opportunity}"
