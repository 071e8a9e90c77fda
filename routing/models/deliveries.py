"""What leaves the house: how each user wants it, the teams' chat channels, and each message on its way."""

import datetime
import uuid
import zoneinfo
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from reps.models import Team, User
from routing.engine.notices import Quiet
from routing.models.messages import Digest, Notification, OutboxMessage

WORKING_DAYS = (0, 1, 2, 3, 4)


def working_days() -> list[int]:
    return list(WORKING_DAYS)


class Weekday(models.IntegerChoices):
    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"


class ByEmail(models.TextChoices):
    """How a kind of notification goes by email."""

    AT_ONCE = "at_once", "At once"
    DIGEST = "digest", "In the digest"
    NEVER = "never", "Not by email"


class NotificationSettings(models.Model):
    """How one user is told outside the page. Without a row, or for a kind that was never chosen, defaults hold.

    A chat address is a secret (whoever has it can post): it is stored sealed and never shown again; people see
    `chat_service` and `chat_hint`."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="notification_settings")
    choices: Any = models.JSONField(default=dict, blank=True)  # {kind: {"email": ByEmail, "chat": bool}}
    chat_sealed = models.BinaryField(default=bytes, editable=False)
    chat_service = models.CharField(max_length=40, blank=True)
    chat_hint = models.CharField(max_length=120, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    quiet_days = ArrayField(models.PositiveSmallIntegerField(choices=Weekday), blank=True, default=list)
    urgent_in_quiet = models.BooleanField(default=False)
    digest_at = models.TimeField(default=datetime.time(8))
    digest_days = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday), blank=True, default=working_days
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="notification_settings_quiet_hours",
            ),
        )

    def __str__(self) -> str:
        return f"Notifications of {self.user}"

    @property
    def quiet(self) -> Quiet:
        return Quiet(self.quiet_from, self.quiet_until, frozenset(self.quiet_days))

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.user.time_zone)

    def by_email(self, kind: str) -> ByEmail:
        """As chosen; else an assignment goes to a rep at once, a report and an alarm to whom they are for at once (they
        would come a day late in a digest), and everything else into the digest."""
        chosen = self.choices.get(kind, {}).get("email")
        if chosen in ByEmail.values:
            return ByEmail(chosen)
        role = self.user.role
        if kind in (Notification.Kind.REPORTS, Notification.Kind.ALARMS):
            return ByEmail.AT_ONCE if role in (User.Role.OPS, User.Role.MANAGER) else ByEmail.NEVER
        at_once = kind == Notification.Kind.ASSIGNED and role == User.Role.REP
        return ByEmail.AT_ONCE if at_once else ByEmail.DIGEST

    def by_chat(self, kind: str) -> bool:
        """As chosen; else assignments only."""
        return bool(self.choices.get(kind, {}).get("chat", kind == Notification.Kind.ASSIGNED))


class ChatChannel(models.Model):
    """A channel that a team reads together. Its address is stored sealed, as a calendar's is."""

    name = models.CharField(max_length=80, unique=True)
    sealed = models.BinaryField(default=bytes, editable=False)
    service = models.CharField(max_length=40, editable=False)
    hint = models.CharField(max_length=120, editable=False)
    teams = models.ManyToManyField(Team, blank=True, related_name="+", help_text="None: of all teams.")
    kinds = ArrayField(models.CharField(max_length=12, choices=Notification.Kind))
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message on its way to one person or channel outside, sent at least once. `key` goes with it, so that a
    receiver can tell a repeat. While a worker is at it, `next_attempt_at` lies ahead: the lease runs out by itself."""

    class Channel(models.TextChoices):
        EMAIL = "email", "Email"
        CHAT = "chat", "Chat"
        TEAM = "team", "Team channel"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        WITHHELD = "withheld", "Withheld"
        DEAD = "dead", "Given up"

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    channel = models.CharField(max_length=8, choices=Channel)
    kind = models.CharField(max_length=12, blank=True, help_text="Empty for a digest.")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries")
    notification = models.ForeignKey(
        Notification, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    digest = models.OneToOneField(
        Digest, null=True, blank=True, on_delete=models.CASCADE, related_name="delivery"
    )
    chat_channel = models.ForeignKey(
        ChatChannel, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    message = models.ForeignKey(
        OutboxMessage, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=["notification", "channel"], name="delivery_once_by_channel"),
            models.UniqueConstraint(fields=["message", "chat_channel"], name="delivery_once_in_a_channel"),
            models.CheckConstraint(
                condition=Q(notification__isnull=False, digest__isnull=True, message__isnull=True)
                | Q(notification__isnull=True, digest__isnull=False, message__isnull=True)
                | Q(notification__isnull=True, digest__isnull=True, message__isnull=False),
                name="delivery_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(channel="team", chat_channel__isnull=False, user__isnull=True)
                | Q(channel__in=["email", "chat"], chat_channel__isnull=True, user__isnull=False),
                name="delivery_to_one_address",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at__isnull=True)
                | Q(state__in=["delivered", "withheld", "dead"], settled_at__isnull=False),
                name="delivery_settled_when",
            ),
        )
        indexes = (
            models.Index(fields=["next_attempt_at", "id"], condition=Q(state="waiting"), name="delivery_due"),
            models.Index(fields=["created_at", "id"], name="delivery_newest"),
            models.Index(fields=["channel", "settled_at"], name="delivery_settled"),
            models.Index(fields=["id"], condition=Q(state="dead"), name="delivery_dead"),
        )

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.key}"

    @property
    def is_urgent(self) -> bool:
        return self.kind == Notification.Kind.ASSIGNED
