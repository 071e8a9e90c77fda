"""The first-touch clock of an assignment: until when a call, an email or a meeting is due, and what follows if not."""

from typing import Any

from django.db import models
from django.db.models import Q

from crm.models import Assignment, Opportunity
from reps.models import User
from routing.models.queue import OverrideReason


class FirstTouchClock(models.Model):
    """One for each assignment whose policy has something to do but to measure. Starts with the assignment.

    Moments say when; `…ed_at` when it was done, once. A clock in working time has its moments worked out anew by the
    sweep, since hours and absences change; where it stands still (away without an end) they are empty.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        TOUCHED = "touched", "Touched"
        OVER = "over", "Closed, or given to somebody else"
        MISSED = "missed", "Not touched in time, and routed to somebody else"
        UNANSWERED = "unanswered", "Not answered in time, and routed to somebody else"
        DECLINED = "declined", "Declined"
        PASSED = "passed", "Passed"

    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="clock")
    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="clocks")
    policy_name = models.CharField(max_length=120)
    terms: Any = models.JSONField(help_text="As the policy had them (routing.engine.clock.Terms).")
    in_working_hours = models.BooleanField(default=False)
    may_reroute = models.BooleanField(
        default=False, help_text="Automation gave it, so that automation may take it away."
    )
    due_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)
    reroute_at = models.DateTimeField(null=True, blank=True)
    accept_by = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    unanswered_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was noticed that nobody had answered in time."
    )
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    ended_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.ForeignKey(
        OverrideReason, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(state="running", ended_at__isnull=True)
                | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="clock_ended_when",
            ),
        )
        indexes = (
            models.Index(fields=["opportunity"], name="clock_by_opportunity"),
            models.Index(fields=["due_at"], condition=Q(state="running"), name="clock_running"),
        )

    def __str__(self) -> str:
        return f"{self.opportunity}: {self.get_state_display().lower()}"
