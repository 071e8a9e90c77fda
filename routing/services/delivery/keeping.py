"""What people do to messages that failed, and what is forgotten in time."""

import datetime
from collections.abc import Collection

from django.db import transaction
from django.db.models import Exists, OuterRef

from routing.models import Delivery, Digest, OutboxMessage
from routing.services import outbox
from routing.services.delivery.planning import SENDER
from routing.services.senders import delete_in_parts

KEPT = datetime.timedelta(days=30)
State = Delivery.State


@transaction.atomic
def send_again(*, at: datetime.datetime, ids: Collection[int] | None = None, channel: str = "") -> int:
    """Puts messages that were given up back among those that wait, with all their attempts; returns how many."""
    dead = Delivery.objects.filter(state=State.DEAD)
    if ids is not None:
        dead = dead.filter(pk__in=ids)
    if channel:
        dead = dead.filter(channel=channel)
    number = dead.update(state=State.WAITING, attempts=0, next_attempt_at=at, settled_at=None)
    if number:
        SENDER.wake_after_commit()
    return number


@transaction.atomic
def work_again(*, at: datetime.datetime, ids: Collection[int] | None = None) -> int:
    """The same for events of the outbox."""
    dead = OutboxMessage.objects.filter(dead_at__isnull=False, delivered_at__isnull=True)
    if ids is not None:
        dead = dead.filter(pk__in=ids)
    number = dead.update(dead_at=None, attempts=0, next_attempt_at=at)
    if number:
        outbox.wake()
    return number


def forget_old(*, at: datetime.datetime) -> int:
    """Deletes what was delivered or withheld some weeks ago, and events that have done their work, unless one of their
    posts still waits or is dead. Notifications in the page stay. Returns how many rows went."""
    until = at - KEPT
    gone = delete_in_parts(
        Delivery.objects.filter(state__in=[State.DELIVERED, State.WITHHELD], settled_at__lt=until)
    )
    Digest.objects.filter(created_at__lt=until, delivery__isnull=True).delete()
    needed = Delivery.objects.filter(message=OuterRef("pk"))
    return gone + delete_in_parts(OutboxMessage.objects.filter(~Exists(needed), delivered_at__lt=until))
