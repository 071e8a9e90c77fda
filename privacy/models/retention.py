"""How long what is kept, and what the nights made of it."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

LEAST = {
    "contacts_months": 6,
    "import_files_days": 30,
    "messages_days": 30,
    "receipts_days": 30,
    "refusals_days": 7,
    "addresses_months": 3,
}


def _kept(field: str, label: str, help_text: str) -> "models.PositiveSmallIntegerField[Any, Any]":
    bounds = [MinValueValidator(LEAST[field]), MaxValueValidator(1200)]
    return models.PositiveSmallIntegerField(
        label, null=True, blank=True, validators=bounds, help_text=help_text
    )


class RetentionSettings(models.Model):
    """One row; empty: kept for good. The least values keep the product right: a request may be repeated for a month."""

    contacts_months = _kept(
        "contacts_months",
        "Contacts are anonymised after months",
        "Without an open opportunity, and without an activity or a change for so long. At least 6.",
    )
    import_files_days = _kept(
        "import_files_days",
        "Files of imports are emptied after days",
        "The records stay; what was uploaded goes. At least 30.",
    )
    messages_days = _kept(
        "messages_days",
        "Messages are deleted after days",
        "Notifications, deliveries and what was sent to webhooks. At least 30.",
    )
    receipts_days = _kept(
        "receipts_days",
        "Receipts of leads are emptied after days",
        "A request that is repeated later makes a new lead. At least 30.",
    )
    refusals_days = _kept(
        "refusals_days",
        "Refused and failed sign-ins are deleted after days",
        "Lock-outs need a day. At least 7.",
    )
    addresses_months = _kept(
        "addresses_months",
        "Addresses and browsers leave the audit log after months",
        "Who did what stays. At least 3.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "retention settings"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="retention_settings_one_row"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gte": least}),
                    name=f"retention_{field}_least",
                )
                for field, least in LEAST.items()
            ),
        )

    def __str__(self) -> str:
        return "Retention"


class RetentionRun(models.Model):
    """A night: what went, by rule."""

    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    counts: Any = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d}"
