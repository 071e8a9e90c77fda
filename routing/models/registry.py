"""The registry of models: every one that ever decided, as plain data."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone


class ModelVersion(models.Model):
    """A model's numbers (JSON) and how it did. Exactly one is champion: the one that decides."""

    class Kind(models.TextChoices):
        RULES = "rules", "Rules (declared skills, no deals)"
        LEARNED = "learned", "Learned from deals"

    class State(models.TextChoices):
        CHAMPION = "champion", "Champion"
        RETIRED = "retired", "Retired"
        REJECTED = "rejected", "Rejected"

    number = models.PositiveIntegerField(unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State)
    artifact: Any = models.JSONField()
    report: Any = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="champion"), name="model_version_one_champion"
            ),
        )

    def __str__(self) -> str:
        return f"Model {self.number}"
