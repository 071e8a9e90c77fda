"""Decisions, kept as they were made. A trigger in the database refuses to change or delete one."""

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models import Assignment, Opportunity
from reps.models import Rep
from routing.models.configuration import ConfigurationVersion
from routing.models.registry import ModelVersion


class RosterSnapshot(models.Model):
    """The static part of a roster (skills, seniority, limits), shared by all decisions made with it."""

    digest = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField(help_text="Compressed JSON.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.digest[:12]


class Decision(models.Model):
    """What was decided for an opportunity, with everything it was decided on; `replay_decision` proves it."""

    class Outcome(models.TextChoices):
        ASSIGN = "assign", "Assigned"
        SUGGEST = "suggest", "Suggested"
        MANAGER = "manager", "To the manager"
        HOLD = "hold", "Held"
        UNTOUCHED = "untouched", "Left alone"
        SHADOW = "shadow", "Logged only"

    class Via(models.TextChoices):
        LOCKED = "locked", "locked"
        DUPLICATE = "duplicate", "the owner of what it repeats"
        DUPLICATE_COVER = "duplicate_cover", "covering for the owner of what it repeats"
        NAMED_ACCOUNT = "named_account", "named account"
        COVERING = "covering", "covering for the account's owner"
        RULE = "rule", "rule"
        PREDICTION = "prediction", "prediction"
        ROUND_ROBIN = "round_robin", "round-robin"
        STRATEGY = "strategy", "an experiment’s strategy"
        MANAGER = "manager", "manager"
        HOLD = "hold", "hold"

    # `decision_by_opportunity` begins with it.
    opportunity = models.ForeignKey(
        Opportunity, on_delete=models.PROTECT, related_name="decisions", db_index=False
    )
    made_at = models.DateTimeField()
    engine = models.PositiveSmallIntegerField(
        default=1, help_text="The version of the ladder; a replay is exact under the same one."
    )
    seed = models.BigIntegerField()
    recent_high_match = models.FloatField(null=True, blank=True)
    # These three are never looked for, and every decision would write into their indexes.
    configuration = models.ForeignKey(
        ConfigurationVersion, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    roster = models.ForeignKey(RosterSnapshot, on_delete=models.PROTECT, related_name="+", db_index=False)
    facts: Any = models.JSONField(encoder=DjangoJSONEncoder)
    state = models.BinaryField(help_text="Loads, absences and turns at that moment, compressed.")

    outcome = models.CharField(max_length=10, choices=Outcome)
    via = models.CharField(max_length=15, choices=Via)
    rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    team_id = models.BigIntegerField(null=True, blank=True)
    policy_name = models.CharField(max_length=120, blank=True)
    score = models.FloatField(null=True, blank=True)
    win_probability = models.FloatField(null=True, blank=True)
    win_probability_low = models.FloatField(
        null=True, blank=True, help_text="What is left of it once the best was chosen by it."
    )
    priority = models.FloatField(null=True, blank=True)
    propensity = models.FloatField(default=1)
    trace: Any = models.JSONField(encoder=DjangoJSONEncoder)
    columns = models.BinaryField(help_text="Scores and their parts by candidate, compressed.")
    result_digest = models.CharField(max_length=64)
    assignment = models.OneToOneField(
        Assignment, null=True, blank=True, on_delete=models.PROTECT, related_name="decision"
    )

    class Meta:
        ordering = ("-made_at", "-id")
        indexes = (
            models.Index(fields=["opportunity", "-id"], name="decision_by_opportunity"),
            models.Index(fields=["-made_at"], condition=Q(via="round_robin"), name="decision_of_a_turn"),
        )

    def __str__(self) -> str:
        return f"Decision {self.pk}: {self.outcome}"

    @property
    def archive(self) -> str:
        """The file that its inputs and reasons went to (docs/growth.md); empty while they are here."""
        return str(self.trace.get("archive", ""))
