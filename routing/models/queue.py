"""The Routing Queue: what waits for a person, and what people decided instead."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models import Assignment, Opportunity
from reps.models import Rep, Team, User
from routing.models.decisions import Decision


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
            models.Index(fields=["rep"], condition=Q(state="pending"), name="queue_item_pending_by_rep"),
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
