"""The outbox: told in the transaction that made it true, delivered after it, at least once."""

import datetime
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_q.tasks import async_task

from reps.queries.prepared import ask
from reps.services.inserts import insert
from routing.engine.notices import MOST_ATTEMPTS, retry_after
from routing.models import OutboxMessage
from routing.services.delivery.planning import plan_for_channels
from routing.services.notifications import KINDS, notify
from telemetry.traces import span

log = logging.getLogger(__name__)
CHANNEL = "outbox"  # told by a trigger (migration 0017)
AT_ONCE = 100
# Events that tell nobody: what is to be done.
JOBS = {"rep.away": "routing.jobs.decide_anew", "capacity.freed": "routing.jobs.drain"}


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
    """Delivers what is due, oldest first, a few at a time, each few in one transaction; returns how many were
    delivered.

    Several workers may run it: a message is claimed by its row lock, and another worker passes over it.
    """
    delivered = tried = 0
    while tried < most:
        few = min(AT_ONCE, most - tried)
        found, done = _deliver_few(at, few)
        tried, delivered = tried + found, delivered + done
        if found < few:
            break
    return delivered


@transaction.atomic
def _deliver_few(at: datetime.datetime, most: int) -> tuple[int, int]:
    """How many were due, and how many got through. One that fails holds up none of the others."""
    due = OutboxMessage.objects.filter(
        delivered_at__isnull=True, dead_at__isnull=True, next_attempt_at__lte=at
    ).order_by("id")
    messages = list(due.select_for_update(skip_locked=True)[:most])
    if not messages:
        return 0, 0
    try:
        with span("outbox", messages=len(messages)), transaction.atomic():
            _deliver(messages)
        done = messages
    except Exception:
        done = [message for message in messages if _deliver_alone(message, at)]
    OutboxMessage.objects.filter(pk__in=[message.pk for message in done]).update(
        attempts=F("attempts") + 1, delivered_at=timezone.now()
    )
    return len(messages), len(done)


def _deliver_alone(message: OutboxMessage, at: datetime.datetime) -> bool:
    try:
        with transaction.atomic():
            _deliver([message])
    except Exception as error:
        log.exception("outbox message %s failed", message.key)
        _note_failure(message, error, at)
        return False
    return True


def _deliver(messages: Sequence[OutboxMessage]) -> None:
    """Notifications and posts of those that tell somebody; the jobs that the others ask for, each once."""
    told = [message for message in messages if message.topic in KINDS]
    if told:
        notify(told)
        plan_for_channels(told, KINDS)
    for job in sorted({JOBS[message.topic] for message in messages if message.topic not in KINDS}):
        async_task(job, group="drain")


def _note_failure(message: OutboxMessage, error: Exception, at: datetime.datetime) -> None:
    """It waits longer each time, and is given up after about a day: people see it and can let it be tried again."""
    message.attempts += 1
    message.last_error = f"{type(error).__name__}: {error}"[:1000]
    message.next_attempt_at = at + retry_after(message.attempts, message.key)
    message.dead_at = at if message.attempts >= MOST_ATTEMPTS else None
    message.save(update_fields=["attempts", "last_error", "next_attempt_at", "dead_at"])
