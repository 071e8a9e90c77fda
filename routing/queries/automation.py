"""Whether automation runs, since when, and what waits because it does not."""

import datetime
from dataclasses import dataclass

from crm.models import Opportunity
from routing.models import AutomationChange

PAUSE_LOCK = 0x70617573
# Sent by whatever decides, before it looks whether automation is paused: no pause comes between that and its end.
HOLD_OFF_PAUSE = f"pg_advisory_xact_lock_shared({PAUSE_LOCK})"


@dataclass(frozen=True)
class Paused:
    """Who paused it, when and why, and how many opportunities wait meanwhile."""

    change: AutomationChange
    waiting: int


def newest_change() -> AutomationChange | None:
    return AutomationChange.objects.select_related("by").first()


def is_paused() -> bool:
    state = AutomationChange.objects.values_list("state", flat=True).first()
    return state == AutomationChange.State.PAUSED


def paused_now() -> Paused | None:
    """None while automation runs."""
    change = newest_change()
    if change is None or change.state != AutomationChange.State.PAUSED:
        return None
    waiting = Opportunity.objects.filter(
        routing=Opportunity.Routing.WAITING, stage=Opportunity.Stage.OPEN
    ).count()
    return Paused(change, waiting)


def resumed_at(now: datetime.datetime) -> datetime.datetime | None:
    """When automation was let go on last, within the last day; what had come before that is decided at a pace."""
    changes = AutomationChange.objects.filter(at__gt=now - datetime.timedelta(days=1))
    return changes.filter(state=AutomationChange.State.RUNNING).values_list("at", flat=True).first()
