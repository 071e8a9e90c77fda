"""Claiming the rep whom a verdict names: the row is locked, and the limits are checked again on what it says then."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from crm.services import ownership
from reps.engine.capacity import Band, band
from reps.models import Rep
from reps.queries.prepared import ask_all, ask_one
from reps.services.copying import ids_asked
from routing.engine.verdict import Inputs, Verdict
from routing.models import Decision
from routing.queries.doubts import standing_of
from routing.queries.inputs import claim_of, claims_of
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
DRAW_AND_LOCK = ownership.LOCK_REP.replace("SELECT ", "SELECT nextval('routing_decision_id_seq'), ", 1)


def claim_for(
    situation: Situation,
    at: datetime.datetime | None,
    decision_id: int | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Claim:
    """Locks whom the verdict names, if it gives something to somebody. `decision_id`: if one was drawn; `meanwhile`:
    what is done while the database is at it. Raises LimitGone."""
    rep_id = situation.verdict.rep_id
    if rep_id is None or situation.verdict.outcome == Decision.Outcome.SHADOW:
        meanwhile()
        return Claim(decision_id or ask_one(NEXT_DECISION)[0])
    lock = ownership.LOCK_REP if decision_id else DRAW_AND_LOCK
    rows, ((week, is_away),) = ask_all((lock, [rep_id]), claim_of(rep_id, at), meanwhile=meanwhile)
    if not rows:
        raise LimitGone("the rep is gone")
    row = rows[0]
    if decision_id is None:
        decision_id, row = row[0], row[1:]
    rep = ownership.locked_rep(row)
    return Claim(decision_id, rep, _checked(situation, rep, week, is_away))


class Claims:
    """The claims of several verdicts that were reached one after the other: all whom they name are locked at once, in
    rising order of id, and each claim is checked on what those before it leave. `near_held` by rep: so many of the open
    suggestions are of the same plan, which may have the slots near capacity for them. Without `locks` they are only
    read, by who has them `confirmed` before anything of a rep is written."""

    def __init__(
        self,
        situations: Sequence[Situation],
        at: datetime.datetime,
        near_held: Mapping[int, int] | None = None,
        *,
        locks: bool = True,
    ) -> None:
        named = {one.verdict.rep_id for one in situations if one.verdict.outcome != Decision.Outcome.SHADOW}
        rep_ids = sorted(rep_id for rep_id in named if rep_id is not None)
        self._rep_ids, self._at, self._near_held = rep_ids, at, near_held or {}
        drawn = self._read(ownership.LOCK_REPS if locks else ownership.READ_REPS, len(situations))
        self._decision_ids = (pk for (pk,) in drawn)

    def _read(self, reps: str, ids: int) -> Sequence[tuple[int]]:
        drawn, rows, now = ask_all(
            ids_asked(Decision, ids), (reps, [self._rep_ids]), claims_of(self._rep_ids, self._at)
        )
        self._reps = {rep.pk: rep for rep in map(ownership.locked_rep, rows)}
        self._week = {rep_id: week for rep_id, week, _ in now}
        self._away = {rep_id for rep_id, _, is_away in now if is_away}
        return drawn

    def claim(self, situation: Situation) -> Claim:
        """The next one. Raises LimitGone."""
        return self._claimed(situation, next(self._decision_ids))

    def _claimed(self, situation: Situation, decision_id: int) -> Claim:
        verdict = situation.verdict
        if verdict.rep_id is None or verdict.outcome == Decision.Outcome.SHADOW:
            return Claim(decision_id)
        rep = self._reps.get(verdict.rep_id)
        if rep is None:
            raise LimitGone("the rep is gone")
        near_held = self._near_held.get(rep.pk, 0)
        limits = _checked(situation, rep, self._week[rep.pk], rep.pk in self._away, near_held)
        return Claim(decision_id, rep, limits)

    def confirm(self, situations: Sequence[Situation]) -> None:
        """Locks the reps, and checks those that were claimed on what was read, again on the locked rows. Raises
        LimitGone where others took room meanwhile."""
        self._read(ownership.LOCK_REPS, 0)
        for situation in situations:
            self._claimed(situation, 0)
            self.taken(situation)

    def taken(self, situation: Situation) -> None:
        """What the last one claimed is the rep's now."""
        verdict, value = situation.verdict, Decimal(str(situation.inputs.facts.value or 0))
        rep = self._reps.get(verdict.rep_id or 0)
        if rep is None or verdict.outcome == Decision.Outcome.SHADOW:
            return
        if verdict.outcome == Decision.Outcome.ASSIGN:
            rep.load, rep.pipeline_value = rep.load + 1, rep.pipeline_value + value
            self._week[rep.pk] += 1
        else:
            rep.pending, rep.pending_value = rep.pending + 1, rep.pending_value + value
        if verdict.turn is not None:
            rep.turn_finish = verdict.turn.finish


def _checked(
    situation: Situation, rep: Rep, week: int, is_away: bool, near_held: int = 0
) -> ownership.LimitsThen:
    """The limits of the locked rep, checked as the ladder checks them. Raises LimitGone."""
    verdict, capacity = situation.verdict, situation.inputs.configuration.capacity
    limits = ownership.LimitsThen(
        committed=rep.committed,
        max_open=rep.max_open,
        week=week,
        max_new_per_week=rep.max_new_per_week,
    )
    value = situation.inputs.facts.value or 0.0
    standing = standing_of(rep, week=week, is_away=is_away).with_one_more(value)
    doubt = standing.doubt(capacity.bounds, is_exempt=verdict.exempt)
    if doubt is not None:
        raise LimitGone(doubt.sentence(rep.name))
    if verdict.exempt:
        return limits
    is_near = band(rep.committed - near_held, rep.max_open, capacity.bounds) is Band.NEAR
    # In a slot split the band is that of the arm's share, as the ladder saw it; the limits above are the rep's own.
    room = situation.inputs.state.room
    has_share = room is not None and room.is_share
    asks_high_match = verdict.via == Decision.Via.PREDICTION and not has_share
    if is_near and asks_high_match and (verdict.score or 0) < situation.inputs.high_match:
        raise LimitGone(f"{rep.name} is near capacity by now")
    if verdict.turn is not None and rep.turn_finish != situation.inputs.state.turn_finish[verdict.turn.rep]:
        raise LimitGone(f"{rep.name} has had this turn")
    return limits
