"""Claiming the rep whom a verdict names: the row is locked, and the limits are checked again on what it says then."""

import datetime
from dataclasses import dataclass

from crm.services import ownership
from reps.engine.capacity import Band, band
from reps.models import Rep
from reps.queries.prepared import ask_all, ask_one
from routing.engine.ladder import Inputs, Verdict
from routing.models import Decision
from routing.queries.inputs import claim_of
from routing.queries.live import Live


class LimitGone(Exception):
    """Between scoring and locking, somebody else took the rep's last room (or turn), or what it repeats changed."""


@dataclass(frozen=True)
class Situation:
    """A verdict with what it was made from. `is_held`: it was decided before, and waits for room."""

    inputs: Inputs
    live: Live
    verdict: Verdict
    is_held: bool = False


@dataclass(frozen=True)
class Claim:
    """The rep's locked row and the limits just before, where somebody is claimed; the id of the decision to come."""

    decision_id: int
    rep: Rep | None = None
    limits: ownership.LimitsThen | None = None


NEXT_DECISION = "SELECT nextval('routing_decision_id_seq')"


def claim_for(situation: Situation, at: datetime.datetime | None) -> Claim:
    """Locks whom the verdict names, if it gives something to somebody. Raises LimitGone."""
    rep_id = situation.verdict.rep_id
    if rep_id is None or situation.verdict.outcome == Decision.Outcome.SHADOW:
        return Claim(ask_one(NEXT_DECISION)[0])
    ((decision_id,),), rows, ((week, is_away),) = ask_all(
        (NEXT_DECISION, ()), (ownership.LOCK_REP, [rep_id]), claim_of(rep_id, at)
    )
    if not rows:
        return Claim(decision_id)
    rep = ownership.locked_rep(rows[0])
    return Claim(decision_id, rep, _check_claim(situation, rep, week, is_away))


def _check_claim(situation: Situation, rep: Rep, week: int, is_away: bool) -> ownership.LimitsThen:
    """The limits of the locked rep, checked as the ladder checks them. Raises LimitGone."""
    verdict, capacity = situation.verdict, situation.inputs.configuration.capacity
    limits = ownership.LimitsThen(
        committed=rep.committed,
        max_open=rep.max_open,
        week=week,
        max_new_per_week=rep.max_new_per_week,
    )
    if not rep.is_active:
        raise LimitGone(f"{rep.name} has left")
    if is_away:
        raise LimitGone(f"{rep.name} went away")
    if verdict.exempt:
        return limits
    state = band(rep.committed, rep.max_open, capacity.bounds)
    if state >= Band.AT:
        raise LimitGone(f"{rep.name} is {state.label}")
    asks_high_match = verdict.via == Decision.Via.PREDICTION
    if state is Band.NEAR and asks_high_match and (verdict.score or 0) < situation.inputs.high_match:
        raise LimitGone(f"{rep.name} is near capacity by now")
    if limits.week + rep.pending >= rep.max_new_per_week:
        raise LimitGone(f"{rep.name} has reached the weekly cap")
    if rep.max_pipeline_value is not None:
        committed = float(rep.pipeline_value + rep.pending_value)
        if committed + (situation.inputs.facts.value or 0.0) > float(rep.max_pipeline_value):
            raise LimitGone(f"{rep.name} has reached the pipeline cap")
    if verdict.turn is not None and rep.turn_finish != situation.inputs.state.turn_finish[verdict.turn.rep]:
        raise LimitGone(f"{rep.name} has had this turn")
    return limits
