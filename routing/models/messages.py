"""The outbox and what it delivers: notifications in the page."""

import uuid
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models import AccountTransfer, Opportunity
from reps.models import User


class OutboxMessage(models.Model):
    """Something to be told, written in the transaction that made it true; delivered at least once.

    `key` goes with every delivery, so that a receiver can tell a repeat.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    topic = models.CharField(max_length=60)
    payload: Any = models.JSONField(encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(delivered_at__isnull=True), name="outbox_due"
            ),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"


class Notification(models.Model):
    """A line for one user in the page. The outbox message's key makes a repeated delivery harmless."""

    key = models.UUIDField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    opportunity = models.ForeignKey(
        Opportunity, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    account_transfer = models.ForeignKey(
        AccountTransfer, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    path = models.CharField(max_length=200, blank=True, help_text="The page that it is about, if no record.")
    text = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (models.UniqueConstraint(fields=["key", "user"], name="notification_once"),)
        indexes = (
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
        )

    def __str__(self) -> str:
        return self.text
