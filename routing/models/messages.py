"""The outbox and what it delivers: notifications in the page, some of them collected for a digest."""

import uuid
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models import AccountTransfer, Opportunity
from reps.models import Rep, User


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
    dead_at = models.DateTimeField(
        null=True, blank=True, help_text="Given up; people can let it be tried again."
    )
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(delivered_at__isnull=True, dead_at__isnull=True),
                name="outbox_due",
            ),
            models.Index(
                fields=["created_at", "id"], condition=Q(delivered_at__isnull=True), name="outbox_undelivered"
            ),
            models.Index(fields=["delivered_at"], name="outbox_delivered"),
        )

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"


class Digest(models.Model):
    """One email of a day with what a user chose not to get at once. The day is the user's own."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="digests")
    day = models.DateField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-day", "-id")
        constraints = (models.UniqueConstraint(fields=["user", "day"], name="digest_once_a_day"),)

    def __str__(self) -> str:
        return f"{self.user}, {self.day}"


class Notification(models.Model):
    """A line for one user in the page. The outbox message's key makes a repeated delivery harmless."""

    class Kind(models.TextChoices):
        """What users choose by."""

        ASSIGNED = "assigned", "Opportunities assigned to me"
        ASKED_AGAIN = "asked_again", "Somebody asks again about an opportunity of mine"
        WAITING = "waiting", "What waits in the queue of my teams"
        CAPACITY = "capacity", "Reps over capacity"
        ACCOUNTS = "accounts", "Named accounts and their transfers"
        PROFILES = "profiles", "Profiles, reviews and suggested tags"
        CALENDARS = "calendars", "Calendars that cannot be read"
        WEBHOOKS = "webhooks", "Webhooks that fail"
        REPORTS = "reports", "Daily and weekly reports"
        ALARMS = "alarms", "Alarms of lift, drift and targets"

    key = models.UUIDField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    opportunity = models.ForeignKey(
        Opportunity, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    account_transfer = models.ForeignKey(
        AccountTransfer, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    about_rep = models.ForeignKey(Rep, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    path = models.CharField(max_length=200, blank=True, help_text="The page that it is about, if no record.")
    kind = models.CharField(max_length=12, choices=Kind, blank=True)
    text = models.CharField(max_length=500)
    body = models.TextField(blank=True, help_text="What an email says below the line.")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    awaits_digest = models.BooleanField(default=False)
    digest = models.ForeignKey(
        Digest, null=True, blank=True, on_delete=models.SET_NULL, related_name="notifications"
    )

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (models.UniqueConstraint(fields=["key", "user"], name="notification_once"),)
        indexes = (
            models.Index(fields=["user"], condition=Q(awaits_digest=True), name="notification_for_digest"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
        )

    def __str__(self) -> str:
        return self.text
