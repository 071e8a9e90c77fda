"""What follows where nobody touches or answers: the rep is reminded, the managers are told, it goes to somebody else.

Each once, in a transaction of its own that locks the opportunity first: a touch at the same moment either comes before,
and nothing is done, or finds the opportunity gone. Automation takes away only what automation gave.
"""

import datetime

from django.db import transaction

from crm.models import Opportunity
from crm.services import ownership
from reps.models import User
from routing.engine.clock import Terms, left_words
from routing.models import FirstTouchClock, OverrideReason
from routing.queries.clocks import to_escalate, to_remind, to_reroute, unanswered
from routing.queries.sentences import minutes_words
from routing.services import outbox
from routing.services.automation import AutomationPaused, refuse_while_paused
from routing.services.queue import free_capacity

MOST = 1000
MY_WORK = "/my-work/"  # the lead itself is out of the rep's sight then
State = FirstTouchClock.State


def remind_and_escalate(*, at: datetime.datetime) -> int:
    """Tells reps of what is due and managers of what is late or unanswered; goes on while automation is paused, since
    it moves nothing. Returns how many were told."""
    told = sum(_remind(pk, at) for pk in to_remind(at).values_list("pk", flat=True)[:MOST])
    told += sum(_escalate(pk, at) for pk in to_escalate(at).values_list("pk", flat=True)[:MOST])
    return told + sum(_tell_unanswered(pk, at) for pk in unanswered(at).values_list("pk", flat=True)[:MOST])


def take_away_missed(*, at: datetime.datetime, most: int = MOST) -> list[int]:
    """Takes from their reps what they did not touch or answer in time; returns the opportunities, which wait for
    another decision."""
    taken = []
    for clock_id in list(to_reroute(at).values_list("pk", flat=True)[:most]):
        try:
            opportunity_id = _take_away(clock_id, at)
        except AutomationPaused:
            break
        if opportunity_id is not None:
            taken.append(opportunity_id)
    return taken


def running_locked(clock_id: int) -> tuple[FirstTouchClock, Opportunity] | None:
    """The clock with its opportunity locked, which whoever writes a clock holds; None where it is over."""
    opportunity_id = FirstTouchClock.objects.values_list("opportunity_id", flat=True).get(pk=clock_id)
    opportunity = ownership.lock_opportunity(opportunity_id)
    clock = FirstTouchClock.objects.select_related("assignment__rep").get(pk=clock_id)
    is_over = clock.state != State.RUNNING or clock.assignment.ended_at is not None
    if is_over or not opportunity.is_open or opportunity.first_touch_at is not None:
        return None
    return clock, opportunity


@transaction.atomic
def _remind(clock_id: int, at: datetime.datetime) -> bool:
    found = running_locked(clock_id)
    if found is None:
        return False
    clock, opportunity = found
    if clock.reminded_at is not None or clock.due_at is None:
        return False
    text = f"{opportunity.name} waits for your first call, email or meeting: {left_words(clock.due_at, at)}."
    _tell("touch.due", clock, opportunity, text, at)
    clock.reminded_at = at
    clock.save(update_fields=["reminded_at"])
    return True


@transaction.atomic
def _escalate(clock_id: int, at: datetime.datetime) -> bool:
    found = running_locked(clock_id)
    if found is None or found[0].escalated_at is not None:
        return False
    clock, opportunity = found
    text = (
        f"{opportunity.name} is late: {clock.assignment.rep.name} has not touched it within {_target(clock)}."
    )
    _tell("touch.missed", clock, opportunity, text, at)
    clock.escalated_at = at
    clock.save(update_fields=["escalated_at"])
    return True


@transaction.atomic
def _tell_unanswered(clock_id: int, at: datetime.datetime) -> bool:
    found = running_locked(clock_id)
    if found is None or found[0].unanswered_at is not None or found[0].accepted_at is not None:
        return False
    clock, opportunity = found
    text = (
        f"{clock.assignment.rep.name} has not said within {_time_to_answer(clock)} whether to take "
        f"{opportunity.name}."
    )
    _tell("touch.missed", clock, opportunity, text, at)
    clock.unanswered_at = at
    clock.save(update_fields=["unanswered_at"])
    return True


@transaction.atomic
def _take_away(clock_id: int, at: datetime.datetime) -> int | None:
    """Raises AutomationPaused."""
    refuse_while_paused()
    found = running_locked(clock_id)
    if found is None or not found[0].may_reroute or found[1].is_locked:
        return None
    clock, opportunity = found
    missed = clock.reroute_at is not None and clock.reroute_at <= at
    if not missed and clock.accepted_at is not None:
        return None
    if missed:
        what = f"it was not touched within {_target(clock)}"
    else:
        what = f"you did not say within {_time_to_answer(clock)} whether to take it"
    text = f"{opportunity.name} goes to somebody else: {what}."
    outbox.tell("touch.taken", {"rep_id": clock.assignment.rep_id, "path": MY_WORK, "text": text}, at=at)
    give_up(clock, opportunity, State.MISSED if missed else State.UNANSWERED, at=at)
    return opportunity.pk


def give_up(
    clock: FirstTouchClock,
    opportunity: Opportunity,
    why: str,
    *,
    at: datetime.datetime,
    by: User | None = None,
    reason: OverrideReason | None = None,
    note: str = "",
) -> None:
    """The rep has it no more and is not offered it again; the opportunity (locked) waits for another decision. The turn
    stays taken, since what came was worth one."""
    rep_id = clock.assignment.rep_id
    ownership.lock_reps([rep_id])
    ownership.unassign(opportunity=opportunity, at=at)
    opportunity.not_again[str(rep_id)] = why
    opportunity.save(update_fields=["not_again"])
    clock.state, clock.ended_at = why, at
    clock.answered_by, clock.reason, clock.note = by, reason, note[:300]
    clock.save(update_fields=["state", "ended_at", "answered_by", "reason", "note"])
    free_capacity(at)


def _tell(
    topic: str, clock: FirstTouchClock, opportunity: Opportunity, text: str, at: datetime.datetime
) -> None:
    rep = clock.assignment.rep
    payload = {"opportunity_id": opportunity.pk, "rep_id": rep.pk, "team_id": rep.team_id, "text": text}
    outbox.tell(topic, payload, at=at)


def _target(clock: FirstTouchClock) -> str:
    return minutes_words(Terms(**clock.terms).target_minutes or 0) + _of_work(clock)


def _time_to_answer(clock: FirstTouchClock) -> str:
    return minutes_words(Terms(**clock.terms).accept_minutes or 0) + _of_work(clock)


def _of_work(clock: FirstTouchClock) -> str:
    return " of working time" if clock.in_working_hours else ""
