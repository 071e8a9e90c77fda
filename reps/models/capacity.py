"""When a rep carried more than the maximum: one row from the moment that it is noticed to the moment it is over."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from reps.models.profile import Rep


class OverCapacity(models.Model):
    """One episode: began when the load passed the bound of "at capacity", over when it is at the bound again."""

    rep = models.ForeignKey(Rep, on_delete=models.CASCADE, related_name="over_capacity")
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    load = models.PositiveIntegerField(help_text="Open opportunities when it was noticed.")
    max_open = models.PositiveIntegerField(help_text="The maximum at that time.")

    class Meta:
        ordering = ("-began_at", "-id")
        verbose_name_plural = "over capacity"
        constraints = (
            models.UniqueConstraint(
                fields=["rep"], condition=Q(ended_at__isnull=True), name="over_capacity_one_episode"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("began_at")),
                name="over_capacity_ends_later",
            ),
        )

    def __str__(self) -> str:
        return f"{self.rep}: {self.load} of {self.max_open}"
