"""What people are told of the whole: reports of a day or a week, and alarms while something holds."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from reps.models import User


class Report(models.Model):
    """One report of one reader's day, as it was then. The row for kind, user and day is what makes it once."""

    class Kind(models.TextChoices):
        DAILY = "daily", "Daily"
        WEEKLY = "weekly", "Weekly"

    kind = models.CharField(max_length=8, choices=Kind)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="reports")
    day = models.DateField(
        help_text="The reader’s own; of a weekly one the day it was made, about the week before."
    )
    said = models.CharField(max_length=400, help_text="All of it in a sentence.")
    content: Any = models.JSONField(help_text="As analytics.queries.report_lines makes it.")
    is_told = models.BooleanField(default=False, help_text="It had something to do, and was sent.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-day", "-id")
        constraints = (models.UniqueConstraint(fields=["kind", "user", "day"], name="report_once"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} report of {self.day}"


class Alarm(models.Model):
    """One episode: began when a figure gave cause, over when it does no more. Told once, as it begins."""

    class Kind(models.TextChoices):
        LIFT_TURNED = "lift_turned", "The lift has turned"
        LIFT_PLATEAU = "lift_plateau", "The lift does not grow any more"
        CALIBRATION = "calibration", "Forecasts are off"
        OVERRIDES = "overrides", "More is overridden than should be"
        COVERAGE = "coverage", "Less is routed by the model than should be"

    kind = models.CharField(max_length=12, choices=Kind)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    evidence: Any = models.JSONField(help_text="What it rests on, and the candidates of a lift’s alarm.")
    acknowledged_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-began_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=["kind"], condition=Q(ended_at__isnull=True), name="alarm_one_episode"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("began_at")),
                name="alarm_ends_later",
            ),
        )

    def __str__(self) -> str:
        return self.get_kind_display()
