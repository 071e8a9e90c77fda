"""What must leave the house for a notification or an event, written in the same transaction."""

import datetime

from django.conf import settings
from django.db.models import Q

from reps.models import Rep, User
from routing.engine.notices import quiet_until
from routing.models import (
    ByEmail,
    ChatChannel,
    Delivery,
    Notification,
    NotificationSettings,
    OutboxMessage,
)
from routing.queries.notification_settings import settings_of
from routing.services.senders import Sender

Channel = Delivery.Channel
SENDER = Sender("routing.jobs.send_deliveries", "deliveries", 0x73656E64)


def plan(notification: Notification, user: User, *, at: datetime.datetime) -> None:
    """Email and chat as the user wants them; what is for the digest is marked so."""
    wishes = settings_of(user)
    channels = [Channel.CHAT] if wishes.chat_sealed and wishes.by_chat(notification.kind) else []
    if settings.MAIL_URL:
        by_email = wishes.by_email(notification.kind)
        if by_email == ByEmail.AT_ONCE:
            channels.append(Channel.EMAIL)
        elif by_email == ByEmail.DIGEST:
            Notification.objects.filter(pk=notification.pk).update(awaits_digest=True)
    for channel in channels:
        Delivery.objects.create(
            channel=channel,
            kind=notification.kind,
            user=user,
            notification=notification,
            created_at=at,
            next_attempt_at=due_at(wishes, notification.kind, at),
        )
    if channels:
        SENDER.wake_after_commit()


def due_at(wishes: NotificationSettings, kind: str, at: datetime.datetime) -> datetime.datetime:
    """The first moment from `at` on at which the user may be disturbed with it."""
    if wishes.urgent_in_quiet and kind == Notification.Kind.ASSIGNED:
        return at
    return quiet_until(at, wishes.zone, wishes.quiet)


def plan_for_channels(message: OutboxMessage, kind: str, *, at: datetime.datetime) -> None:
    """A post for each team channel that wants this kind for the team that it is about."""
    team_id = message.payload.get("team_id")
    rep_id = message.payload.get("rep_id")
    if team_id is None and rep_id is not None:
        team_id = Rep.objects.filter(pk=rep_id).values_list("team_id", flat=True).first()
    of_team = Q(teams__isnull=True) | Q(teams=team_id)
    wanted = ChatChannel.objects.filter(of_team, is_active=True, kinds__contains=[kind]).distinct()
    for channel in wanted.order_by("pk"):
        _, is_new = Delivery.objects.get_or_create(
            message=message,
            chat_channel=channel,
            defaults={
                "channel": Channel.TEAM, "kind": kind, "created_at": at, "next_attempt_at": at
            },
        )  # fmt: skip
        if is_new:
            SENDER.wake_after_commit()
