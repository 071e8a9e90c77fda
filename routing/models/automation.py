"""Whether automation runs: who paused it, when and why, and who let it go on. Appended; the newest row holds."""

from django.db import models
from django.utils import timezone

from reps.models import User


class AutomationChange(models.Model):
    """One press of the button."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"

    state = models.CharField(max_length=10, choices=State)
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "paused"]), name="automation_state_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_state_display()} since {self.at}"
