"""The Routing Queue: what waits for a person, and what people decided instead."""

import datetime

from django.db import models
from django.db.models import Expression, F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from crm.models import Account, Assignment, Opportunity, Product
from reps.models import Rep, Team, User
from routing.models.configuration import ConfigurationVersion
from routing.models.decisions import Decision
from routing.models.registry import ModelVersion

NO_TARGET = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC)  # behind everything that has one
# What the list is ordered by, as plain columns or as these; an index for each, so that a page costs the same however
# many wait.
MOST_POINTS_FIRST: Expression = 0.0 - F("order_points")  # ties: who waits longest
DUE_SOONEST: Expression = Coalesce(F("touch_due_at"), Value(NO_TARGET))


class OverrideReason(models.Model):
    """A reason that people can choose. Only those about fit teach the model."""

    label = models.CharField(max_length=80, unique=True)
    is_about_fit = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("position", "label")

    def __str__(self) -> str:
        return self.label


class QueueItem(models.Model):
    """One thing that waits: a suggestion to confirm, an opportunity held, or one given to a manager to hand out."""

    class Kind(models.TextChoices):
        SUGGESTION = "suggestion", "Suggestion"
        HELD = "held", "Held"
        MANAGER = "manager", "For the manager"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        APPROVED = "approved", "Approved"
        CHANGED = "changed", "Given to somebody else"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"

    opportunity = models.ForeignKey(Opportunity, on_delete=models.PROTECT, related_name="queue_items")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="queue_items")
    kind = models.CharField(max_length=12, choices=Kind)
    rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="queue_items")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    waiting_since = models.DateTimeField(
        help_text="When the opportunity began to wait; kept when re-decided."
    )
    order_points = models.FloatField(
        default=0, help_text="Lead score, urgency and value together (routing.engine.order)."
    )
    score = models.FloatField(default=0, help_text="The match score of whom it suggests; 0 without.")
    value = models.DecimalField(
        max_digits=16,
        decimal_places=2,
        default=0,
        help_text="Of the opportunity, in the base currency; a trigger keeps it, the lead score and the points.",
    )
    lead_score = models.PositiveSmallIntegerField(default=0, help_text="Of the opportunity; 0 without.")
    counted_value = models.DecimalField(
        max_digits=16,
        decimal_places=2,
        default=0,
        editable=False,
        help_text="What of it is in the rep’s `pending_value`; written by a trigger.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    assignment = models.OneToOneField(
        Assignment, null=True, blank=True, on_delete=models.PROTECT, related_name="queue_item"
    )
    note = models.CharField(max_length=300, blank=True)
    expires_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="A suggestion of a batch that nobody has confirmed by then waits for the next batch.",
    )
    touch_due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the policy’s first-touch target is over, counted from when it began to wait.",
    )
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody was told that it waits, if anybody was."
    )

    # Whether a suggestion still holds (routing.queries.doubts)
    checked_configuration = models.ForeignKey(
        ConfigurationVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="By which it was decided, or looked at last and found to hold.",
    )
    checked_model = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    facts_changed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the lead changed since; written by triggers."
    )
    is_exempt = models.BooleanField(
        default=False, help_text="It belongs to whom it suggests, whatever the load."
    )
    is_of_batch = models.BooleanField(default=False, help_text="It was decided in a batch of its policy.")
    taken_back_because = models.CharField(
        max_length=200, blank=True, help_text="Why automation took a suggestion back: “who has left”."
    )
    renewed_from = models.ForeignKey(
        Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False,
        help_text="Whom the suggestion named that gave way to this item.",
    )  # fmt: skip
    renewed_because = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("waiting_since", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["opportunity"], condition=Q(state="pending"), name="queue_item_one_pending"
            ),
            models.CheckConstraint(
                condition=Q(state="pending", resolved_at__isnull=True)
                | (~Q(state="pending") & Q(resolved_at__isnull=False)),
                name="queue_item_resolved_when",
            ),
            models.CheckConstraint(
                condition=Q(kind="suggestion", rep__isnull=False) | ~Q(kind="suggestion"),
                name="queue_item_suggests_a_rep",
            ),
        )
        indexes = (
            models.Index(
                fields=["waiting_since", "id"], condition=Q(state="pending"), name="queue_item_waiting"
            ),
            models.Index(
                MOST_POINTS_FIRST, F("id"), condition=Q(state="pending"), name="queue_item_by_points"
            ),
            models.Index(DUE_SOONEST, F("id"), condition=Q(state="pending"), name="queue_item_by_due"),
            models.Index(fields=["value", "id"], condition=Q(state="pending"), name="queue_item_by_value"),
            models.Index(fields=["score", "id"], condition=Q(state="pending"), name="queue_item_by_score"),
            models.Index(
                fields=["lead_score", "id"], condition=Q(state="pending"), name="queue_item_by_lead_score"
            ),
            models.Index(
                fields=["kind", "waiting_since", "id"],
                condition=Q(state="pending"),
                name="queue_item_by_kind",
            ),
            models.Index(fields=["team"], condition=Q(state="pending"), name="queue_item_pending_by_team"),
            models.Index(fields=["rep"], condition=Q(state="pending"), name="queue_item_pending_by_rep"),
            models.Index(
                fields=["checked_configuration", "checked_model"],
                condition=Q(state="pending", kind="suggestion"),
                name="queue_item_checked",
            ),
            models.Index(
                fields=["facts_changed_at"],
                condition=Q(state="pending", facts_changed_at__isnull=False),
                name="queue_item_facts_changed",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(state="pending", expires_at__isnull=False),
                name="queue_item_expiring",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state="pending", told_at__isnull=True),
                name="queue_item_untold",
            ),
            models.Index(fields=["told_at"], condition=Q(told_at__isnull=False), name="queue_item_told"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.opportunity}"


class FactsChange(models.Model):
    """An account has another owner, or a product another name: suggestions for their leads are to be looked at. Written
    by triggers, which lock nothing of the queue; the sweep marks the items and takes the row away."""

    account = models.ForeignKey(
        Account, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    product = models.ForeignKey(
        Product, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )

    def __str__(self) -> str:
        return str(self.account or self.product)


class Override(models.Model):
    """A person chose otherwise than the router, or moved an opportunity. Appended; the recommendation stays. What was
    taken back at once teaches and counts nothing."""

    opportunity = models.ForeignKey(Opportunity, on_delete=models.PROTECT, related_name="overrides")
    decision = models.ForeignKey(Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    from_rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    to_rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.ForeignKey(
        OverrideReason, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at", "-id")

    def __str__(self) -> str:
        return f"{self.opportunity}: {self.from_rep} → {self.to_rep}"
