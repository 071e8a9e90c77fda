"""Turns of the round-robin: taken with a decision, and given back where they came to nothing.

A turn counts when the rep got the opportunity and it was one. It comes back where a suggestion was withdrawn, rejected
or given to somebody else, and where what came turned out to be junk or to repeat what somebody else works on.
"""

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, FloatField, OuterRef, Q, Value
from django.db.models.functions import Greatest

from crm.models import DuplicateLink, Opportunity
from crm.services import ownership
from reps.models import Rep
from reps.services.inserts import Beside
from routing.engine.verdict import Verdict
from routing.models import Decision, TurnReturn

LOOKS_BACK = datetime.timedelta(days=30)  # older turns have long been evened out
ONE_TURN = Value(100.0, FloatField()) / F("turn_weight")

TURNS = """
UPDATE reps_rep r SET turn_finish = t.finish, turns_taken = r.turns_taken + t.count
FROM unnest(%s::bigint[], %s::float8[], %s::int[]) AS t (id, finish, count) WHERE r.id = t.id
"""
CLOCKS = """
UPDATE reps_team t SET turn_clock = greatest(t.turn_clock, c.clock)
FROM unnest(%s::bigint[], %s::float8[]) AS c (id, clock) WHERE t.id = c.id
"""
CLOCK = "clocked AS (UPDATE reps_team SET turn_clock = greatest(turn_clock, %s) WHERE id = %s)"


def turns_taken(verdicts: Iterable[Verdict]) -> list[tuple[str, list[Any]]]:
    """What writes the turns of verdicts that were reached in this order, whose reps are locked: statements with their
    parameters. Those that took none are passed over."""
    turns = [(one.rep_id, one.team_id, one.turn) for one in verdicts if one.rep_id and one.turn]
    if not turns:
        return []
    finish = {rep_id: turn.finish for rep_id, _, turn in turns}  # the last one of each
    taken = Counter(rep_id for rep_id, _, _ in turns)
    clocks: dict[int, float] = {}
    for _, team_id, turn in turns:
        if team_id is not None:
            clocks[team_id] = max(turn.clock, clocks.get(team_id, 0.0))
    of_reps = (TURNS, [list(finish), list(finish.values()), [taken[rep_id] for rep_id in finish]])
    teams = sorted(clocks)
    return [of_reps, *([(CLOCKS, [teams, [clocks[team] for team in teams]])] if teams else [])]


def with_clock(beside: Beside, verdict: Verdict) -> Beside:
    """What is written beside one decision, with the clock of the team where its rep, whose tag is written with the
    load, took a turn of it."""
    if verdict.turn is None or verdict.team_id is None:
        return beside
    return Beside((*beside.statements, CLOCK), (*beside.values, verdict.turn.clock, verdict.team_id))


@transaction.atomic
def give_back_turn(*, decision_id: int, why: str, at: datetime.datetime) -> bool:
    """Gives the decision's turn back, once; False where it took none or has given it back."""
    turns = Decision.objects.filter(pk=decision_id, via=Decision.Via.ROUND_ROBIN, rep__isnull=False)
    turns = turns.exclude(outcome=Decision.Outcome.SHADOW)
    rep_id = turns.values_list("rep_id", flat=True).first()
    if rep_id is None:
        return False
    _, is_new = TurnReturn.objects.get_or_create(
        decision_id=decision_id, defaults={"why": why[:200], "at": at}
    )
    if is_new:
        Rep.objects.filter(pk=rep_id).update(
            turn_finish=Greatest(F("turn_finish") - ONE_TURN, 0.0),
            turns_taken=Greatest(F("turns_taken") - 1, 0),
        )
    return is_new


@transaction.atomic
def take_turn_again(*, decision_id: int) -> bool:
    """The suggestion is back, and so is its turn; False where none had been given back."""
    returned = TurnReturn.objects.filter(decision_id=decision_id)
    rep_id = returned.values_list("decision__rep_id", flat=True).first()
    if rep_id is None:
        return False
    returned.delete()
    Rep.objects.filter(pk=rep_id).update(
        turn_finish=F("turn_finish") + ONE_TURN, turns_taken=F("turns_taken") + 1
    )
    return True


@transaction.atomic
def give_back_wasted(*, at: datetime.datetime, opportunity_id: int | None = None) -> int:
    """Gives back the turns of the last 30 days that went to junk or to a repeat; of one opportunity, or of all. Returns
    how many."""
    repeats = DuplicateLink.objects.filter(opportunity=OuterRef("opportunity"), state__in=DuplicateLink.HOLDS)
    turns = Decision.objects.filter(
        via=Decision.Via.ROUND_ROBIN, rep__isnull=False, turn_return__isnull=True, made_at__gt=at - LOOKS_BACK
    ).exclude(outcome=Decision.Outcome.SHADOW)
    if opportunity_id is not None:
        turns = turns.filter(opportunity=opportunity_id)
    junk = Q(opportunity__stage=Opportunity.Stage.DISQUALIFIED)
    wasted = list(
        turns.filter(junk | Exists(repeats)).order_by("pk").values_list("pk", "rep_id", "opportunity__stage")
    )
    ownership.lock_reps(rep_id for _, rep_id, _ in wasted)
    given = 0
    for decision_id, _, stage in wasted:
        why = "It was junk" if stage == Opportunity.Stage.DISQUALIFIED else "It repeats another"
        given += give_back_turn(decision_id=decision_id, why=why, at=at)
    return given


def reps_of_turns(opportunity_id: int) -> list[int]:
    """Whose turns went to the opportunity."""
    turns = Decision.objects.filter(opportunity=opportunity_id, via=Decision.Via.ROUND_ROBIN)
    return [rep_id for rep_id in turns.values_list("rep_id", flat=True) if rep_id is not None]
