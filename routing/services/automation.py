"""Pause and go on. A pause holds from the moment that it is answered: whatever decides at that moment is waited for,
and nothing decides afterwards. Intake, people's own choices and the clocks go on.
"""

import datetime

from django.db import connection, transaction

from reps.models import User
from reps.queries.prepared import ask
from routing.models import AutomationChange
from routing.queries.automation import HOLD_OFF_PAUSE, PAUSE_LOCK, is_paused, newest_change


class AutomationPaused(Exception):
    """Automation is paused: what waits goes on waiting."""


@transaction.atomic
def pause(*, by: User | None, at: datetime.datetime, reason: str = "") -> AutomationChange:
    """Stops automation; pausing what is paused says why, or says it anew."""
    return _change(AutomationChange.State.PAUSED, by, at, reason)


@transaction.atomic
def resume(*, by: User | None, at: datetime.datetime, reason: str = "") -> AutomationChange | None:
    """Lets automation go on; None where it runs. What has waited is decided at a pace (routing.services.sweep)."""
    if not is_paused():
        return None
    return _change(AutomationChange.State.RUNNING, by, at, reason)


def _change(state: str, by: User | None, at: datetime.datetime, reason: str) -> AutomationChange:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PAUSE_LOCK])  # waits for those who decide now
    newest = newest_change()
    if newest is not None and newest.state == state:
        at = newest.at  # paused since then, whoever says why
    return AutomationChange.objects.create(state=state, by=by, at=at, reason=" ".join(reason.split())[:200])


def refuse_while_paused() -> None:
    """To be called in the transaction that decides. Raises AutomationPaused; else no pause comes before its end."""
    # A statement of its own: the next one sees what was committed before the lock was given.
    ask(f"SELECT {HOLD_OFF_PAUSE}")
    if is_paused():
        raise AutomationPaused
