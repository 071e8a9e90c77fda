"""Who left, and what became of the work. Appended; coming back adds to the row and changes nothing of it."""

from typing import Any

from django.db import models
from django.utils import timezone

from reps.models import Rep, User
from routing.models.configuration import ConfigurationVersion


class Departure(models.Model):
    """One rep's leaving: what was chosen and how much it was, and the version without the rep where one was needed."""

    rep = models.ForeignKey(Rep, on_delete=models.PROTECT, related_name="departures")
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=200, blank=True)
    lines: Any = models.JSONField(default=list, help_text="What was done, a sentence each.")
    version = models.ForeignKey(
        ConfigurationVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    returned_at = models.DateTimeField(null=True, blank=True)
    returned_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-made_at", "-id")

    def __str__(self) -> str:
        return f"{self.rep} left"
