"""Receipts: what was answered when an opportunity was accepted, so that a repeat gets the same answer."""

from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models import Opportunity
from reps.models import User


class IntakeReceipt(models.Model):
    """Written with the opportunity, in the same transaction; the answer follows once it is decided."""

    opportunity = models.OneToOneField(Opportunity, on_delete=models.CASCADE, related_name="receipt")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=200, blank=True)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request's body.")
    answer: Any = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="intake_receipt_key_once",
            ),
        )

    def __str__(self) -> str:
        return f"Receipt for {self.opportunity_id}"
