"""Nothing waits unseen: what was accepted and not decided is decided, and what is held is tried again, oldest first."""

import datetime
import logging

from django.utils import timezone

from crm.models import Opportunity
from reps.models import Rep
from routing.models import QueueItem
from routing.queries.automation import is_paused, resumed_at
from routing.services.batch_runs.asking import request_due
from routing.services.batches import outdated
from routing.services.decisions import route
from routing.services.first_touch import take_away_missed
from routing.services.queue import wait_again
from routing.services.senders import alone

log = logging.getLogger(__name__)
DRAIN_LOCK = 0x64726169
LEAST_PACE, REPS_A_LEAD = 5, 3  # after a pause: in a minute one for every so many reps
CATCHES_UP = datetime.timedelta(hours=1)
SWEEP_AFTER = datetime.timedelta(seconds=5)


def route_waiting(*, at: datetime.datetime, now: datetime.datetime | None = None, most: int = 1000) -> int:
    """Routes opportunities that were accepted some seconds ago and never decided, the oldest first; returns how many.
    What has waited for the end of a pause goes out at a pace, so that nobody gets an hour's leads at once."""
    if is_paused():
        return 0
    overdue = Opportunity.objects.filter(
        routing=Opportunity.Routing.WAITING, stage=Opportunity.Stage.OPEN, routing_since__lte=at - SWEEP_AFTER
    ).order_by("routing_since", "pk")
    resumed = resumed_at(at)
    if resumed is None:
        return _route_each(list(overdue.values_list("pk", flat=True)[:most]), now)
    held_up = list(overdue.filter(routing_since__lt=resumed).values_list("pk", flat=True)[: _pace()])
    since = list(overdue.filter(routing_since__gte=resumed).values_list("pk", flat=True)[:most])
    return _route_each([*held_up, *since], now)


def _pace() -> int:
    """How many a minute after a pause."""
    return max(LEAST_PACE, Rep.objects.filter(left_at__isnull=True).count() // REPS_A_LEAD)


def is_catching_up(at: datetime.datetime) -> bool:
    """Whether a pause ended within the last hour."""
    resumed = resumed_at(at)
    return resumed is not None and at - resumed < CATCHES_UP


def drain_held(*, now: datetime.datetime | None = None, most: int = 1000) -> int:
    """Decides held opportunities anew, oldest first; one drain at a time. Returns how many left the queue."""
    if is_paused():
        return 0
    with alone(DRAIN_LOCK) as is_ours:
        if not is_ours:
            return 0  # another worker is at it
        held = QueueItem.objects.filter(state=QueueItem.State.PENDING, kind=QueueItem.Kind.HELD)
        if is_catching_up(now or timezone.now()):
            most = min(most, _pace())
        ids = list(held.order_by("waiting_since", "pk").values_list("opportunity_id", flat=True)[:most])
        return _route_each(ids, now)


def ask_for_batches(*, at: datetime.datetime, now: datetime.datetime | None = None, most: int = 1000) -> int:
    """Asks for the batches whose time has come; returns how many. What waits under an older configuration is looked at
    first: its policy may decide at once by now."""
    if is_paused():
        return 0
    _route_each(outdated(most), now)
    return len(request_due(at=at))


def expire_unconfirmed(
    *, at: datetime.datetime, now: datetime.datetime | None = None, most: int = 1000
) -> int:
    """Withdraws suggestions of batches that nobody has confirmed in time; they wait for the next one. How many."""
    if is_paused():
        return 0
    pending = QueueItem.objects.filter(state=QueueItem.State.PENDING, expires_at__lte=at)
    ids = list(pending.order_by("expires_at", "pk").values_list("opportunity_id", flat=True)[:most])
    for opportunity_id in ids:
        wait_again(opportunity_id=opportunity_id, at=at, note="Nobody confirmed it in time")
    _route_each(ids, now)
    return len(ids)


def reroute_missed(*, at: datetime.datetime, now: datetime.datetime | None = None, most: int = 1000) -> int:
    """Gives to somebody else what was not touched or answered in time, after a pause bit by bit; returns how many were
    taken away."""
    if is_paused():
        return 0
    taken = take_away_missed(at=at, most=min(most, _pace()) if is_catching_up(at) else most)
    _route_each(taken, now, in_batch=True)
    return len(taken)


def _route_each(opportunity_ids: list[int], now: datetime.datetime | None, *, in_batch: bool = False) -> int:
    """Routes one after the other; one that fails is logged, and the next sweep tries it again."""
    decided = 0
    for opportunity_id in opportunity_ids:
        try:
            decided += route(opportunity_id=opportunity_id, at=now, in_batch=in_batch) is not None
        except Exception:
            log.exception("opportunity %s could not be routed; it stays waiting", opportunity_id)
    return decided
