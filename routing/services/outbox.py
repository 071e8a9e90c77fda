"""The outbox: told in the transaction that made it true, delivered after it, at least once."""

import datetime
import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from reps.models import User
from reps.permissions import MATRIX
from reps.queries.prepared import ask
from reps.services.inserts import insert
from routing.engine.notices import MOST_ATTEMPTS, retry_after
from routing.models import OutboxMessage
from routing.services.delivery.planning import plan_for_channels
from routing.services.notifications import KINDS, notify

log = logging.getLogger(__name__)
CHANNEL = "outbox"  # told by a trigger (migration 0017)


def tell(topic: str, payload: Mapping[str, Any], *, at: datetime.datetime) -> OutboxMessage:
    """Writes a message with the caller's transaction. A trigger wakes the couriers (`routing.courier`) with its commit;
    where none listens the minutely sweep delivers."""
    message = new_message(topic, payload, at=at)
    insert(message)
    return message


def new_message(topic: str, payload: Mapping[str, Any], *, at: datetime.datetime) -> OutboxMessage:
    """A message that the caller stores in the transaction that makes it true."""
    return OutboxMessage(topic=topic, payload=dict(payload), created_at=at, next_attempt_at=at)


def wake() -> None:
    """Wakes the couriers with the present transaction's commit, for what is to be tried again."""
    ask("SELECT pg_notify(%s, '')", [CHANNEL])


def deliver_due(*, at: datetime.datetime, most: int = 500) -> int:
    """Delivers what is due, oldest first, each in a transaction of its own; returns how many were delivered.

    Several workers may run it: a message is claimed by its row lock, and another worker passes over it.
    """
    delivered = 0
    for _ in range(most):
        outcome = _deliver_next(at)
        if outcome is None:
            break
        delivered += outcome
    return delivered


def _deliver_next(at: datetime.datetime) -> bool | None:
    """Whether the next one got through; None when nothing is due."""
    with transaction.atomic():
        due = OutboxMessage.objects.filter(
            delivered_at__isnull=True, dead_at__isnull=True, next_attempt_at__lte=at
        ).order_by("id")
        message = due.select_for_update(skip_locked=True).first()
        if message is None:
            return None
        message.attempts += 1
        try:
            with transaction.atomic():
                CHANNELS[message.topic](message)
                if message.topic in KINDS:
                    plan_for_channels(message, KINDS[message.topic], at=message.created_at)
        except Exception as error:
            log.exception("outbox message %s failed", message.key)
            _note_failure(message, error, at)
            return False
        message.delivered_at = timezone.now()
        message.save(update_fields=["attempts", "delivered_at"])
        return True


def _note_failure(message: OutboxMessage, error: Exception, at: datetime.datetime) -> None:
    """It waits longer each time, and is given up after about a day: people see it and can let it be tried again."""
    message.last_error = f"{type(error).__name__}: {error}"[:1000]
    message.next_attempt_at = at + retry_after(message.attempts, message.key)
    message.dead_at = at if message.attempts >= MOST_ATTEMPTS else None
    message.save(update_fields=["attempts", "last_error", "next_attempt_at", "dead_at"])


def _notify_rep(message: OutboxMessage) -> None:
    """A line for the rep who got it."""
    notify(message, User.objects.filter(rep__pk=message.payload["rep_id"]))


def _notify_rep_and_managers(message: OutboxMessage) -> None:
    """A line for the rep and for each manager of the team."""
    told = Q(rep__pk=message.payload["rep_id"]) | Q(managed_teams=message.payload["team_id"])
    notify(message, User.objects.filter(told).distinct())


def _notify_of_failed_transfer(message: OutboxMessage) -> None:
    """A line for whoever planned it, and for everybody who looks after all accounts."""
    looks_after = Q(role__in=(User.Role.OPS, User.Role.ADMIN)) | Q(pk=message.payload["user_id"])
    notify(message, User.objects.filter(looks_after))


def _notify_integrators(message: OutboxMessage) -> None:
    """A line for everybody who looks after webhooks."""
    notify(message, User.objects.filter(role__in=MATRIX["edit_integrations"]))


def _notify_user(message: OutboxMessage) -> None:
    """A line for the one user whom it names."""
    notify(message, User.objects.filter(pk=message.payload["user_id"]))


def _notify_managers_or_ops(message: OutboxMessage) -> None:
    """A line for each manager of the team; a team without one must not go unseen."""
    managers = User.objects.filter(managed_teams=message.payload["team_id"], is_active=True)
    notify(message, managers if managers.exists() else User.objects.filter(role=User.Role.OPS))


def _decide_anew(message: OutboxMessage) -> None:
    async_task("routing.jobs.decide_anew", group="drain")


def _drain(message: OutboxMessage) -> None:
    async_task("routing.jobs.drain", group="drain")


CHANNELS: dict[str, Callable[[OutboxMessage], None]] = {
    "opportunity.assigned": _notify_rep,
    "opportunity.repeated": _notify_rep,
    "touch.due": _notify_rep,
    "touch.taken": _notify_rep,
    "touch.missed": _notify_managers_or_ops,
    "queue.waiting": _notify_managers_or_ops,
    "rep.over_capacity": _notify_managers_or_ops,
    "rep.away": _decide_anew,
    "capacity.freed": _drain,
    "calendar.state_changed": _notify_rep_and_managers,
    "accounts.given": _notify_rep,
    "opportunities.given": _notify_rep,
    "accounts.transfer_failed": _notify_of_failed_transfer,
    "tags.suggested": _notify_user,
    "profile.proposed": _notify_managers_or_ops,
    "profile.decided": _notify_user,
    "profile.review_due": _notify_user,
    "webhook.failing": _notify_integrators,
}
