"""Fields that the organisation adds to its opportunities."""

from django.core.validators import RegexValidator
from django.db import models


class CustomField(models.Model):
    """A field of the organisation's own. Values live in `Opportunity.custom` under `key`."""

    class Type(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        BOOLEAN = "boolean", "Yes or no"
        DATE = "date", "Date"
        CHOICE = "choice", "Choice"

    key = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*$", "Lower-case letters, digits and underscores only.")],
        help_text="How imports and the API name it; cannot be changed later.",
    )
    label = models.CharField(max_length=80)
    type = models.CharField(max_length=10, choices=Type, default=Type.TEXT)
    choices = models.JSONField(default=list, blank=True, help_text="The allowed values of a choice.")
    is_model_input = models.BooleanField(
        default=False,
        help_text="The model may learn from it. Only what is known before assignment belongs here.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("label",)

    def __str__(self) -> str:
        return self.label
