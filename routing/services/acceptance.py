"""The rep's answer to what was assigned: accept, decline with a reason, or pass. Only the owner answers, once."""

import datetime

from django.db import transaction

from crm.models import Opportunity
from crm.services import ownership
from reps.models import User
from routing.models import FirstTouchClock, OverrideReason
from routing.queries.clocks import asks_for_answer, clock_of
from routing.services.decisions import route
from routing.services.first_touch import give_up

State = FirstTouchClock.State


class CannotAnswer(Exception):
    """Why there is nothing for this user to answer; for people."""


@transaction.atomic
def accept(*, opportunity_id: int, by: User, at: datetime.datetime) -> FirstTouchClock:
    """The rep takes it; the time for the first touch goes on. Accepting again changes nothing. Raises CannotAnswer."""
    clock, _ = _asked(opportunity_id, by, is_accepting=True)
    if clock.accepted_at is None:
        clock.accepted_at, clock.answered_by = at, by
        clock.save(update_fields=["accepted_at", "answered_by"])
    return clock


def decline(
    *,
    opportunity_id: int,
    by: User,
    at: datetime.datetime,
    reason: OverrideReason | None = None,
    note: str = "",
) -> None:
    """The rep does not take it, and says why; it is routed to somebody else at once. Raises CannotAnswer."""
    if reason is None and not note.strip():
        raise CannotAnswer("Say why you decline it: choose a reason or write a few words.")
    _answered_no(opportunity_id, State.DECLINED, by, at, reason, note)


def pass_on(*, opportunity_id: int, by: User, at: datetime.datetime) -> None:
    """The rep lets somebody else have it, without a reason. Raises CannotAnswer."""
    _answered_no(opportunity_id, State.PASSED, by, at, None, "")


def _answered_no(
    opportunity_id: int, why: str, by: User, at: datetime.datetime, reason: OverrideReason | None, note: str
) -> None:
    with transaction.atomic():
        clock, opportunity = _asked(opportunity_id, by)
        if opportunity.is_locked:
            raise CannotAnswer(f"{opportunity.name} is locked: ask your manager to give it to somebody else.")
        give_up(clock, opportunity, why, at=at, by=by, reason=reason, note=note.strip())
    route(opportunity_id=opportunity_id, at=at, in_batch=True)


def _asked(
    opportunity_id: int, by: User, *, is_accepting: bool = False
) -> tuple[FirstTouchClock, Opportunity]:
    """The clock and its opportunity, locked. Raises CannotAnswer."""
    opportunity = ownership.lock_opportunity(opportunity_id)
    owner = opportunity.owner
    if owner is None or owner.user_id != by.pk:
        raise CannotAnswer(f"{opportunity.name} is not yours, or not any more: only its owner answers.")
    clock = clock_of(opportunity)
    if clock is not None and is_accepting and clock.accepted_at is not None:
        return clock, opportunity
    if clock is None or not asks_for_answer(clock):
        raise CannotAnswer(_nothing_asked(clock, opportunity))
    return clock, opportunity


def _nothing_asked(clock: FirstTouchClock | None, opportunity: Opportunity) -> str:
    name = opportunity.name
    if opportunity.first_touch_at is not None:
        return f"You have begun to work on {name}: ask your manager to give it to somebody else."
    if clock is not None and clock.accepted_at is not None:
        return f"You have accepted {name}: ask your manager to give it to somebody else."
    return f"Nobody asks you to accept {name}: it is yours."
