"""What a restored database must not simply go on with: it believes that the moment of the backup is now.

Messages that waited then may have gone out since, so they are held as given up: whoever wants them sends them again
from the settings, or by `messages resend`. docs/decisions/0023 says why.
"""

import datetime
from dataclasses import dataclass

import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import F
from django_q.models import OrmQ, Schedule

from operations.broker import RedisBroker
from operations.engine.transactions import FORGET_TRANSACTIONS
from operations.models import ProcessBeat
from reps.models import Job
from reps.services.jobs import ACTIVE
from routing.models import ChangeCounter, Delivery, OutboxMessage, Webhook, WebhookDelivery
from routing.services.changes import number_all
from routing.services.delivery.letters import JOB as LETTER
from routing.services.notifications import KINDS

# Whoever has followed the changes further than the backup reaches would pass over as many new ones.
NUMBERS_LEFT_OUT = 1_000_000


@dataclass(frozen=True)
class Held:
    """How many of each are held, or ended."""

    events: int
    deliveries: int
    posts: int
    jobs: int
    tasks: int
    sessions: int


@transaction.atomic
def hold(*, at: datetime.datetime, made_at: str) -> Held:
    """In the restored database, before anything runs on it."""
    why = f"Held: restored from the backup of {made_at[:16].replace('T', ' ')}."
    held = Held(
        events=OutboxMessage.objects.filter(
            delivered_at__isnull=True, dead_at__isnull=True, topic__in=list(KINDS)
        ).update(dead_at=at, last_error=why),
        deliveries=Delivery.objects.filter(state=Delivery.State.WAITING).update(
            state=Delivery.State.DEAD, settled_at=at, last_error=why
        ),
        posts=_hold_webhooks(at, why),
        jobs=Job.objects.filter(state__in=ACTIVE).update(
            state=Job.State.FAILED, finished_at=at, error="Not done when the backup was made. Start it again."
        ),
        tasks=OrmQ.objects.all().delete()[0] + Schedule.objects.filter(func=LETTER).delete()[0],
        sessions=Session.objects.all().delete()[0],
    )
    ProcessBeat.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(FORGET_TRANSACTIONS)
    return held


def _hold_webhooks(at: datetime.datetime, why: str) -> int:
    """What was on its way is held; what nobody had planned yet is in the feed of changes, and there only."""
    Webhook.objects.update(planned_until=number_all().last)
    ChangeCounter.objects.update(last=F("last") + NUMBERS_LEFT_OUT)
    waiting = WebhookDelivery.objects.filter(state=WebhookDelivery.State.WAITING)
    return waiting.update(state=WebhookDelivery.State.DEAD, settled_at=at, last_error=why)


def empty_broker() -> bool:
    """What waits in Redis belongs to the database that was replaced. False where it does not answer."""
    if not settings.BROKER_URL:
        return True
    try:
        RedisBroker().purge_queue()
    except redis.RedisError:
        return False
    return True
