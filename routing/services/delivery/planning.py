"""What must leave the house for a notification or an event, written in the same transaction."""

import datetime
from collections.abc import Mapping, Sequence

from django.conf import settings

from reps.models import Rep
from routing.engine.notices import quiet_until
from routing.models import (
    ByEmail,
    ChatChannel,
    Delivery,
    Notification,
    NotificationSettings,
    OutboxMessage,
)
from routing.services.senders import Sender

Channel = Delivery.Channel
SENDER = Sender("routing.jobs.send_deliveries", "deliveries", 0x73656E64)


def plan(lines: Sequence[Notification], wishes: Mapping[int, NotificationSettings]) -> None:
    """Email and chat for new notifications as each user wants them."""
    deliveries = [
        Delivery(
            channel=channel,
            kind=line.kind,
            user_id=line.user_id,
            notification=line,
            created_at=line.created_at,
            next_attempt_at=due_at(wishes[line.user_id], line.kind, line.created_at),
        )
        for line in lines
        for channel in _channels(wishes[line.user_id], line.kind)
    ]
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        SENDER.wake_after_commit()


def _channels(wishes: NotificationSettings, kind: str) -> list[str]:
    """Where it goes at once."""
    channels = [Channel.CHAT] if wishes.chat_sealed and wishes.by_chat(kind) else []
    if settings.MAIL_URL and wishes.by_email(kind) == ByEmail.AT_ONCE:
        channels.append(Channel.EMAIL)
    return [str(channel) for channel in channels]


def awaits_digest(wishes: NotificationSettings, kind: str) -> bool:
    """Whether a notification of this kind is for the user's digest."""
    return bool(settings.MAIL_URL) and wishes.by_email(kind) == ByEmail.DIGEST


def due_at(wishes: NotificationSettings, kind: str, at: datetime.datetime) -> datetime.datetime:
    """The first moment from `at` on at which the user may be disturbed with it."""
    if wishes.urgent_in_quiet and kind == Notification.Kind.ASSIGNED:
        return at
    return quiet_until(at, wishes.zone, wishes.quiet)


def plan_for_channels(messages: Sequence[OutboxMessage], kinds: Mapping[str, str]) -> None:
    """A post for each team channel that wants such a message (`kinds` by topic) for the team that it is about."""
    channels = list(ChatChannel.objects.filter(is_active=True).prefetch_related("teams").order_by("pk"))
    if not channels:
        return
    teams = _teams_of(messages)
    deliveries = [
        Delivery(
            message=message,
            chat_channel=channel,
            channel=Channel.TEAM,
            kind=kinds[message.topic],
            created_at=message.created_at,
            next_attempt_at=message.created_at,
        )
        for message in messages
        for channel in channels
        if kinds[message.topic] in channel.kinds and _is_for(channel, teams[message.pk])
    ]
    if deliveries:
        Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)  # planned before it was given up
        SENDER.wake_after_commit()


def _is_for(channel: ChatChannel, team_id: int | None) -> bool:
    of = {team.pk for team in channel.teams.all()}
    return not of or team_id in of


def _teams_of(messages: Sequence[OutboxMessage]) -> dict[int, int | None]:
    """The team that each is about: as it says, else that of its rep."""
    said = {message.pk: message.payload.get("team_id") for message in messages}
    reps = {m.pk: m.payload.get("rep_id") for m in messages if said[m.pk] is None}
    wanted = {rep_id for rep_id in reps.values() if rep_id is not None}
    of_rep = dict(Rep.objects.filter(pk__in=wanted).values_list("pk", "team")) if wanted else {}
    return said | {pk: of_rep.get(rep_id) for pk, rep_id in reps.items()}
