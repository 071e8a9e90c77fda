"""A turn of the round-robin that came to nothing, and was given back."""

from django.db import models
from django.utils import timezone

from routing.models.decisions import Decision


class TurnReturn(models.Model):
    """One decision's turn, given back once. Taken away again only where a suggestion is brought back."""

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="turn_return")
    why = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.decision}: {self.why}"
