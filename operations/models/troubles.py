"""What is wrong: alarms as episodes, and what the last check of the guarantees found."""

from typing import Any

from django.db import models
from django.db.models import Q


class Incident(models.Model):
    """One episode of one kind of trouble: begins with its cause, and ends once that has been gone for some minutes.
    Told once, as it begins."""

    class Kind(models.TextChoices):
        INTAKE = "intake", "Intake fails"
        UNDECIDED = "undecided", "Leads are accepted but not decided"
        OUTBOX = "outbox", "Messages do not go out"
        WORKER = "worker", "No worker works"
        CALENDARS = "calendars", "Calendars cannot be read"
        MODEL = "model", "The model is out of date"
        INVARIANT = "invariant", "A guarantee is broken"
        DISK = "disk", "The disk is nearly full"
        BACKUP = "backup", "There is no recent backup"
        GROWTH = "growth", "The disk will be full soon"

    kind = models.CharField(max_length=10, choices=Kind)
    said = models.CharField(max_length=500)
    began_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(help_text="When it last had cause.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-began_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["kind"], condition=Q(ended_at__isnull=True), name="incident_one_episode"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("began_at")),
                name="incident_ends_later",
            ),
        )

    def __str__(self) -> str:
        return self.get_kind_display()


class InvariantCheck(models.Model):
    """A check of the guarantees: when, on how many rows, and what of them is broken (the first of them in words)."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    rows = models.PositiveBigIntegerField()
    violations = models.PositiveIntegerField()
    named: Any = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        return f"{self.violations} violations, {self.started_at:%Y-%m-%d %H:%M}"
