"""Notifications: written for each user in the page, and planned for email and chat where the user wants them there."""

import datetime
import json

from django.db import connection
from django.db.models import Q, QuerySet

from reps.models import User
from routing.models import Notification, OutboxMessage
from routing.services.delivery.planning import plan

LIVE_CHANNEL = "notifications"  # PostgreSQL's NOTIFY: {"user": id, "id": id} with the commit
HERE = Q(is_active=True) & ~Q(role=User.Role.REP, rep__left_at__isnull=False)
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
}
ABOUT_THE_REP = {"rep.over_capacity", "profile.proposed", "calendar.state_changed"}


def notify(message: OutboxMessage, users: QuerySet[User]) -> None:
    """A line in the page of each who is still here. The message's key makes a repeat harmless."""
    about = message.payload.get("rep_id") if message.topic in ABOUT_THE_REP else None
    for user in users.filter(HERE):
        line, is_new = Notification.objects.get_or_create(
            key=message.key,
            user=user,
            defaults={
                "opportunity_id": message.payload.get("opportunity_id"),
                "account_transfer_id": message.payload.get("transfer_id"),
                "about_rep_id": about,
                "path": message.payload.get("path", ""),
                "kind": KINDS[message.topic],
                "text": message.payload["text"][:500],
                "created_at": message.created_at,
            },
        )
        if is_new:
            _announce(line)
            plan(line, user, at=message.created_at)


def _announce(line: Notification) -> None:
    """Tells whoever listens; with the commit, and not at all where it is rolled back."""
    with connection.cursor() as cursor:
        payload = json.dumps({"user": line.user_id, "id": line.pk})
        cursor.execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, payload])


def mark_read(*, user: User, at: datetime.datetime) -> int:
    """Marks all of the user's as read; returns how many were new."""
    return Notification.objects.filter(user=user, read_at__isnull=True).update(read_at=at)
