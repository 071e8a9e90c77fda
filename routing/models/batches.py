"""What waits for a batch, until when; the batches, and what each has for whom."""

from typing import Any

from django.db import models

from crm.models import Opportunity
from reps.models import Job, Rep, User
from routing.models.configuration import ConfigurationVersion
from routing.models.decisions import Decision
from routing.models.queue import QueueItem
from routing.models.registry import ModelVersion


class BatchWait(models.Model):
    """An opportunity whose policy decides in batches. Its row goes when it is decided, or somebody took it out."""

    opportunity = models.OneToOneField(Opportunity, on_delete=models.CASCADE, related_name="batch_wait")
    policy_name = models.CharField(max_length=120)
    configuration = models.ForeignKey(
        ConfigurationVersion,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="By which it waits; under a newer one the moment is worked out again.",
    )
    due_at = models.DateTimeField()
    waiting_since = models.DateTimeField()

    class Meta:
        ordering = ("waiting_since", "id")
        indexes = (models.Index(fields=["due_at"], name="batch_wait_due"),)

    def __str__(self) -> str:
        return f"{self.opportunity}: {self.policy_name}"


class Batch(models.Model):
    """One run of a policy's batch: planned by a worker, published at once as proposals, looked over by people, closed.

    What it is worth is in its items; `found` has what only the whole has (proof, prices, walls), as
    `services.batch_runs.planning` writes it and `queries.batches` reads it.
    """

    class State(models.TextChoices):
        PLANNING = "planning", "Being planned"
        REVIEW = "review", "To be looked over"
        CLOSED = "closed", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    policy_name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNING)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="None: by schedule.",
    )
    requested_at = models.DateTimeField()
    configuration = models.ForeignKey(
        ConfigurationVersion, null=True, on_delete=models.PROTECT, related_name="+"
    )
    model = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="+")
    objective = models.CharField(max_length=8, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    confirms_itself = models.BooleanField(
        default=False, help_text="When its time is up it is confirmed, instead of withdrawn."
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    found = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-requested_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["policy_name"],
                condition=models.Q(state="planning"),
                name="batch_one_of_a_policy_at_a_time",
            ),
        )
        indexes = (models.Index(fields=["state", "requested_at"], name="batch_by_state"),)

    def __str__(self) -> str:
        return f"Batch {self.pk}: {self.policy_name}"


class BatchItem(models.Model):
    """An opportunity in a batch: what the plan has for it, and what other ways of deciding would have had.

    `chance` of winning and `low`, what of it outlasts the choosing, with the rep of the plan; the chance also with whom
    routing one by one, the next in turn, and the best pair first would have chosen. Nought where nobody was. `worth` is
    what it adds to the batch."""

    class Edit(models.TextChoices):
        NONE = "", "–"
        FIXED = "fixed", "Kept"
        MOVED = "moved", "Moved"
        HELD = "held", "Held back"

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="batch_items")
    position = models.PositiveIntegerField()
    decision = models.ForeignKey(Decision, null=True, on_delete=models.PROTECT, related_name="+")
    queue_item = models.ForeignKey(
        QueueItem,
        null=True,
        on_delete=models.PROTECT,
        related_name="batch_items",
        help_text="Where it waits or waited; none where it was assigned at once.",
    )
    rep = models.ForeignKey(Rep, null=True, on_delete=models.PROTECT, related_name="+")
    why_not = models.PositiveSmallIntegerField(default=0)
    score = models.FloatField(null=True)
    value = models.FloatField(default=0.0)
    chance = models.FloatField(default=0.0)
    low = models.FloatField(default=0.0)
    worth = models.FloatField(default=0.0)
    alone_rep = models.ForeignKey(Rep, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    alone_chance = models.FloatField(default=0.0)
    turn_rep = models.ForeignKey(Rep, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    turn_chance = models.FloatField(default=0.0)
    pair_chance = models.FloatField(default=0.0)
    edit = models.CharField(max_length=8, choices=Edit, blank=True, default=Edit.NONE)
    edited_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    edited_at = models.DateTimeField(null=True)
    conflict = models.CharField(
        max_length=200, blank=True, help_text="Why it could not be confirmed, when somebody tried."
    )

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=["batch", "opportunity"], name="batch_item_once"),
            models.UniqueConstraint(fields=["batch", "position"], name="batch_item_position"),
        )

    def __str__(self) -> str:
        return f"{self.opportunity} in batch {self.batch_id}"


class BatchPart(models.Model):
    """A part of a large batch, while it is planned: its opportunities share no rep with other parts, so any worker may
    plan it. `positions`: opportunity ids with their places in the batch; `found` and `walls` as
    `services.batch_runs.parts` writes and reads them."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)
    positions: Any = models.JSONField()
    at = models.DateTimeField()
    configuration = models.ForeignKey(ConfigurationVersion, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    found: Any = models.JSONField(default=dict)
    walls = models.BinaryField(default=bytes)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=["batch", "number"], name="batch_part_number"),)

    def __str__(self) -> str:
        return f"Part {self.number} of batch {self.batch_id}"


class BatchPiece(models.Model):
    """Some hundred proposals of a part, compressed, until the batch is published."""

    part = models.ForeignKey(BatchPart, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"Piece {self.number} of {self.part}"
