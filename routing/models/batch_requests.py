"""Receipts of batches that a program asked for, so that a repeated request gets the same batch."""

from django.db import models
from django.utils import timezone

from reps.models import User
from routing.models.batches import Batch


class BatchRequest(models.Model):
    """Written with the batch, in the same transaction."""

    batch = models.OneToOneField(Batch, on_delete=models.CASCADE, related_name="request")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="batch_request_key_once"),
        )

    def __str__(self) -> str:
        return f"Request for batch {self.batch_id}"
