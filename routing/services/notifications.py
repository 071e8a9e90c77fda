"""Notifications: written for each user in the page, and planned for email and chat where the user wants them there."""

import datetime
import json
from collections.abc import Sequence

from reps.models import User
from reps.queries.prepared import ask
from routing.models import Notification, OutboxMessage
from routing.queries.notification_settings import settings_of_many
from routing.services.audiences import Audiences
from routing.services.delivery.planning import awaits_digest, plan

LIVE_CHANNEL = "notifications"  # PostgreSQL's NOTIFY: {"user": id, "id": id} with the commit
Kind = Notification.Kind
KINDS: dict[str, Kind] = {
    "opportunity.assigned": Kind.ASSIGNED,
    "opportunities.given": Kind.ASSIGNED,
    "opportunity.repeated": Kind.ASKED_AGAIN,
    "touch.due": Kind.ASSIGNED,
    "touch.taken": Kind.ASSIGNED,
    "touch.missed": Kind.WAITING,
    "queue.waiting": Kind.WAITING,
    "rep.over_capacity": Kind.CAPACITY,
    "accounts.given": Kind.ACCOUNTS,
    "accounts.transfer_failed": Kind.ACCOUNTS,
    "tags.suggested": Kind.PROFILES,
    "profile.proposed": Kind.PROFILES,
    "profile.decided": Kind.PROFILES,
    "profile.review_due": Kind.PROFILES,
    "calendar.state_changed": Kind.CALENDARS,
    "webhook.failing": Kind.WEBHOOKS,
    "report.daily": Kind.REPORTS,
    "report.weekly": Kind.REPORTS,
    "alarm.lift": Kind.ALARMS,
    "alarm.drift": Kind.ALARMS,
    "alarm.target": Kind.ALARMS,
    "alarm.operations": Kind.ALARMS,
}
ABOUT_THE_REP = {"rep.over_capacity", "profile.proposed", "calendar.state_changed"}
# Whoever listens is told with the commit, and not at all where it is rolled back.
ANNOUNCE = "SELECT pg_notify(%s, line) FROM unnest(%s::text[]) AS lines (line)"


def notify(messages: Sequence[OutboxMessage]) -> None:
    """A line in the page of each who is told and still here. A message's key makes a repeat harmless. The number of
    queries does not grow with the messages."""
    audiences = Audiences(messages)
    told = [(message, user) for message in messages for user in audiences.of(message)]
    keys = {message.key for message, _ in told}
    before = set(Notification.objects.filter(key__in=keys).values_list("key", "user")) if keys else set()
    new = [(message, user) for message, user in told if (message.key, user.pk) not in before]
    if not new:
        return
    wishes = settings_of_many([user for _, user in new])
    lines = [_line(message, user) for message, user in new]
    for line in lines:
        line.awaits_digest = awaits_digest(wishes[line.user_id], line.kind)
    Notification.objects.bulk_create(lines)
    ask(ANNOUNCE, [LIVE_CHANNEL, [json.dumps({"user": line.user_id, "id": line.pk}) for line in lines]])
    plan(lines, wishes)


def _line(message: OutboxMessage, user: User) -> Notification:
    payload = message.payload
    return Notification(
        key=message.key,
        user=user,
        opportunity_id=payload.get("opportunity_id"),
        account_transfer_id=payload.get("transfer_id"),
        about_rep_id=payload.get("rep_id") if message.topic in ABOUT_THE_REP else None,
        path=payload.get("path", ""),
        kind=KINDS[message.topic],
        text=payload["text"][:500],
        body=payload.get("body", ""),
        created_at=message.created_at,
    )


def mark_read(*, user: User, at: datetime.datetime) -> int:
    """Marks all of the user's as read; returns how many were new."""
    return Notification.objects.filter(user=user, read_at__isnull=True).update(read_at=at)
