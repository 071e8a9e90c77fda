"""Forms on websites that may send leads in."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from reps.models import User


class WebForm(models.Model):
    """A form on somebody's website. Whoever has its key may send leads, and learns nothing else."""

    name = models.CharField(max_length=80, unique=True)
    key = models.CharField(max_length=64, unique=True, editable=False)
    is_active = models.BooleanField(default=True)
    origins = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    mapping: Any = models.JSONField(default=dict, help_text="{name in the form: our field}")
    fixed: Any = models.JSONField(default=dict, blank=True, help_text="{our field: value}")
    refuses_unknown = models.BooleanField("refuse fields that are not listed", default=False)
    trap = models.CharField(max_length=40, default="homepage")
    thanks = models.CharField("page afterwards", max_length=300, blank=True)
    most_by_address = models.PositiveIntegerField("at most per address and hour", default=20)
    most = models.PositiveIntegerField("at most per hour", default=600)
    acts_as = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", editable=False)
    accepted = models.PositiveIntegerField(default=0, editable=False)
    refused = models.PositiveIntegerField(default=0, editable=False)
    limited = models.PositiveIntegerField(default=0, editable=False)
    trapped = models.PositiveIntegerField(default=0, editable=False)
    unknown = models.PositiveIntegerField(default=0, editable=False)
    last_at = models.DateTimeField(null=True, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class WebFormHour(models.Model):
    """How many came in an hour, from one address (its keyed hash) or, with an empty one, from all."""

    form = models.ForeignKey(WebForm, on_delete=models.CASCADE, related_name="hours")
    address = models.CharField(max_length=64, blank=True)
    hour = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["form", "address", "hour"], name="web_form_hour_once"),
        )
        indexes = (models.Index(fields=["hour"], name="web_form_hour_old"),)

    def __str__(self) -> str:
        return f"{self.form}: {self.count}"
