"""The registry of models: every one that ever decided, as plain data."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from reps.models import Job, User


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
    as_of = models.DateField(null=True, blank=True, help_text="Learned from what had closed before this day.")
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
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


class ModelEvent(models.Model):
    """What happened to the models: appended, never changed."""

    class Kind(models.TextChoices):
        PROMOTED = "promoted", "Promoted"
        REJECTED = "rejected", "Rejected"
        ROLLED_BACK = "rolled_back", "Rolled back"
        REFUSED = "refused", "Could not train"

    kind = models.CharField(max_length=12, choices=Kind)
    model = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    champion_before = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.model or 'no model'}"


class ModelSettings(models.Model):
    """How the next model is trained. One row."""

    months = models.PositiveSmallIntegerField(
        default=12,
        validators=[MinValueValidator(3), MaxValueValidator(60)],
        help_text="How far back won and lost deals are learned from.",
    )
    override_weight = models.FloatField(
        default=0.25,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="What a rejection about fit weighs until the outcome is known; 1 is a lost deal.",
    )
    tag_trust = models.FloatField(
        default=1,
        validators=[MinValueValidator(0), MaxValueValidator(3)],
        help_text="How much the declared tags are believed before any deal: 1 as shipped, 0 not at all.",
    )
    left_out: Any = models.JSONField(
        default=list, blank=True, help_text="Columns that must not be inputs, such as value or source."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "model settings"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="model_settings_one_row"),
            models.CheckConstraint(
                condition=Q(
                    override_weight__gte=0, override_weight__lte=1, tag_trust__gte=0, tag_trust__lte=3
                ),
                name="model_settings_ranges",
            ),
        )

    def __str__(self) -> str:
        return "Model settings"


class HistoryCheck(models.Model):
    """The product tried on a file of deals. The file is kept until its evaluation has ended, the result in its job."""

    name = models.CharField(max_length=255)
    content = models.BinaryField(null=True)
    as_of = models.DateField(help_text="The day that parts training and test.")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="history_check")
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.name} as of {self.as_of}"
