"""Keeping profiles current: who looked a profile over when, what a rep proposes, who was reminded."""

from typing import Any

from django.db import models
from django.db.models import Q

from reps.models.people import User
from reps.models.profile import Rep


class ProfileReview(models.Model):
    """Somebody looked the profile over and says it is right. Appended, never edited."""

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="reviews")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    at = models.DateTimeField()
    is_own = models.BooleanField(default=False, help_text="The rep's own confirmation.")

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.rep}, {self.at:%Y-%m-%d}"


class ProfileProposal(models.Model):
    """What a rep wants changed in the own expertise, until a manager says yes or no. Kept as the difference, so that
    approving it leaves alone what somebody else changed meanwhile."""

    class State(models.TextChoices):
        OPEN = "open", "Waiting"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"
        REPLACED = "replaced", "Replaced by a later one"

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="proposals")
    proposed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    proposed_at = models.DateTimeField()
    difference: Any = models.JSONField(help_text="Tags to set, tags to remove, fields to set.")
    changes: Any = models.JSONField(help_text="The same for people: field to [before, after].")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    told_state = models.CharField(max_length=10, blank=True, help_text="The state that was last told of.")
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-proposed_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["rep"], condition=Q(state="open"), name="profile_proposal_one_open"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "approved", "declined", "withdrawn", "replaced"]),
                name="profile_proposal_state_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.rep}: {', '.join(self.changes)}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN


class ProfileReminder(models.Model):
    """That somebody was reminded in a period: of the teams' profiles, or of the own one. Once each."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    period = models.DateField(help_text="Its first day.")
    is_own = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "period", "is_own"], name="profile_reminder_once"),
        )

    def __str__(self) -> str:
        return f"{self.user}, {self.period}"
