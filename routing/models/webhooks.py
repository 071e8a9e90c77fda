"""Addresses that are told of changes, and each message on its way there."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from routing.models.changes import Change


class Webhook(models.Model):
    """An address that wants to be told of changes. The secret that signs is stored sealed and shown once."""

    name = models.CharField(max_length=80, unique=True)
    address = models.CharField(max_length=500)
    events = ArrayField(models.CharField(max_length=30, choices=Change.Event))
    is_active = models.BooleanField(default=True)
    sealed = models.BinaryField(default=bytes, editable=False)
    old_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The secret before signs as well until then."
    )
    planned_until = models.BigIntegerField(default=0, editable=False, help_text="The last change looked at.")
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="In a row.")
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    told_at = models.DateTimeField(null=True, blank=True, editable=False)
    switched_off = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Why, if not by a person."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """One change on its way to one webhook, or a test. `key` stays the same in every attempt."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Given up"

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    change = models.ForeignKey(
        Change, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries",
        help_text="None: a test.",
    )  # fmt: skip
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    planned_at = models.DateTimeField(default=timezone.now, help_text="Given up a day later.")
    next_attempt_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    sent = models.CharField(max_length=2000, blank=True, help_text="The beginning of the body sent last.")
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True, help_text="The beginning of the last answer.")
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "webhook deliveries"
        constraints = (
            models.UniqueConstraint(fields=["webhook", "change"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at__isnull=True)
                | Q(state__in=["delivered", "dead"], settled_at__isnull=False),
                name="webhook_delivery_settled_when",
            ),
        )
        indexes = (
            models.Index(fields=["webhook", "id"], condition=Q(state="waiting"), name="webhook_delivery_due"),
            models.Index(fields=["webhook", "-id"], name="webhook_delivery_newest"),
            models.Index(fields=["settled_at"], condition=Q(state="delivered"), name="webhook_delivery_old"),
            models.Index(fields=["id"], condition=Q(state="dead"), name="webhook_delivery_dead"),
        )

    def __str__(self) -> str:
        return f"{self.webhook} {self.key}"
