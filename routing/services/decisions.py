"""From a verdict to what it does: decide, claim the rep, store the decision, assign or put into the queue.

Score everybody from what was read without locks; then lock the opportunity and the chosen rep, check the limits again
on the locked rows, and only then act. If the limit is gone the ladder runs again on fresh numbers. After a few such
rounds all reps are locked first, so that it ends.
"""

import datetime
import logging
import time
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from crm.models import Opportunity
from crm.queries.duplicates import standing_original
from crm.services import ownership
from crm.services.placing import BRINGS
from reps.models import Rep
from reps.queries.prepared import ask
from reps.services.inserts import give_ids, ids_of, insert
from routing.engine.ladder import decide
from routing.engine.verdict import Inputs, Verdict
from routing.models import Decision, QueueItem
from routing.queries.inputs import inputs_from, load_inputs
from routing.queries.state import Looking, forget_state, look
from routing.services.automation import AutomationPaused, refuse_while_paused
from routing.services.batches import put_off, taken_out, waits_for_batch
from routing.services.changes import first_change
from routing.services.claims import LimitGone, Situation, claim_for
from routing.services.decided import (
    Also,
    Decided,
    Made,
    assigned,
    keep_roster,
    new_decision,
    tell_what_follows,
    waits,
)
from routing.services.exposures import kept_arms
from routing.services.queue import Waited, let_repeats_follow, take_over
from telemetry.context import about, note_decision
from telemetry.metrics import ONE_DECISION, count_decision
from telemetry.traces import span

log = logging.getLogger(__name__)
ROUNDS_WITHOUT_LOCK = 4
# What was looked at ahead is looked at again after so long: others of the company may have been waited for.
STALE = datetime.timedelta(milliseconds=100)
# Of what an id is drawn for a new lead.
DRAWN = (*BRINGS, Decision)
UNDECIDED = (Opportunity.Routing.WAITING, Opportunity.Routing.BATCH, Opportunity.Routing.HELD)


class NoLongerOpen(Exception):
    """Between scoring and locking, somebody else decided, closed or locked the opportunity."""


def _nothing(_made: Made) -> Sequence[Model]:
    return ()


def route(
    *, opportunity_id: int, at: datetime.datetime | None = None, in_batch: bool = False
) -> Decision | None:
    """Decides a waiting or held opportunity and acts on it. `at` is for simulated time; by default it is now.
    `in_batch`: the run of its policy is here.

    Returns the decision, or None when there was nothing (more) to decide: owned, closed, suggested, still held, or put
    off until the next batch; or while automation is paused.
    Raises Opportunity.DoesNotExist.
    """
    started = time.perf_counter()
    with about(opportunity_id=opportunity_id), span("route"):
        decision = _rounds(opportunity_id, at, in_batch)
    if decision is not None:
        ONE_DECISION.observe(time.perf_counter() - started)
    return decision


def _rounds(opportunity_id: int, at: datetime.datetime | None, in_batch: bool) -> Decision | None:
    try:
        for round_ in range(ROUNDS_WITHOUT_LOCK):
            try:
                return _one_round(opportunity_id, at, in_batch)
            except LimitGone as gone:
                log.info("opportunity %s, round %s: %s", opportunity_id, round_ + 1, gone)
        return _locked_round(opportunity_id, at, in_batch)
    except (NoLongerOpen, AutomationPaused):
        return None


def _one_round(opportunity_id: int, at: datetime.datetime | None, in_batch: bool) -> Decision | None:
    situation = _situation(opportunity_id, at or timezone.now())
    if (
        situation is not None
        and not in_batch
        and not situation.is_held
        and waits_for_batch(situation.verdict)
    ):
        refuse_while_paused()
        put_off(
            opportunity_id=opportunity_id,
            verdict=situation.verdict,
            configuration_id=situation.live.configuration_id,
            at=situation.inputs.at,
        )
        return None
    return None if situation is None else _act(opportunity_id, situation, at)


@transaction.atomic
def _locked_round(opportunity_id: int, at: datetime.datetime | None, in_batch: bool) -> Decision | None:
    ownership.lock_opportunity(opportunity_id)
    ownership.lock_reps(Rep.objects.filter(left_at__isnull=True).values_list("pk", flat=True))
    forget_state()  # nothing that was kept may keep this round from being the last
    return _one_round(opportunity_id, at, in_batch)


def _situation(opportunity_id: int, at: datetime.datetime) -> Situation | None:
    """The verdict on an undecided opportunity; None where it is decided, or held and would be held again."""
    opportunity = Opportunity.objects.select_related("account", "product").get(pk=opportunity_id)
    if opportunity.routing not in UNDECIDED:
        return None
    with span("look"):
        inputs, live = load_inputs(opportunity, at)
    with span("decide"):
        verdict = decide(inputs)
    stays = verdict.outcome in (Decision.Outcome.HOLD, Decision.Outcome.UNTOUCHED)
    if (
        stays
        and opportunity.routing == Opportunity.Routing.HELD
        and _is_held_for(opportunity_id, verdict, inputs)
    ):
        return None
    return Situation(inputs, live, verdict, opportunity.routing == Opportunity.Routing.HELD)


def _is_held_for(opportunity_id: int, verdict: Verdict, inputs: Inputs) -> bool:
    """Whether the opportunity waits for the same already: for one that it repeats, or (None) for room."""
    held = QueueItem.objects.filter(opportunity=opportunity_id, state=QueueItem.State.PENDING)
    before = held.values_list("decision__via", "decision__facts__duplicate_of_id").first()
    waits_for = inputs.facts.duplicate_of_id if verdict.via == Decision.Via.DUPLICATE else None
    return before is None or waits_for == (before[1] if before[0] == Decision.Via.DUPLICATE else None)


def look_ahead() -> Looking:
    """What a new lead is decided with, to be asked for along with what is asked to find its company; with ids for the
    records that it may bring."""
    return Looking(timezone.now(), ids_of(DRAWN))


def decide_new(
    *, opportunity: Opportunity, may_repeat: bool, also: Also, ahead: Looking, new: Sequence[Model] = ()
) -> Made | None:
    """Decides what was stored in the present transaction, or is one of the `new` records, which are stored with it, and
    acts on it; nobody else sees it yet. `may_repeat`: whether it was linked to what it repeats; `also`: what is stored
    with the decision; `ahead`: as `look_ahead` asked for it in this transaction.

    None, with nothing written but the new records, while automation is paused and where others took the rep's last room
    again and again; and where it waits for its policy's batch.
    """
    started = time.perf_counter()
    made = _decided_new(opportunity, may_repeat, also, ahead, new)
    if made is not None:
        ONE_DECISION.observe(time.perf_counter() - started)
    return made


def _decided_new(
    opportunity: Opportunity, may_repeat: bool, also: Also, ahead: Looking, new: Sequence[Model]
) -> Made | None:
    drawn = dict(zip(DRAWN, ahead.values, strict=True))
    give_ids(new, drawn)
    for round_ in range(ROUNDS_WITHOUT_LOCK):
        at = timezone.now()
        with span("look"):
            if round_ == 0 and at - ahead.at < STALE:
                at, (state, live) = ahead.at, ahead.found()
            else:
                state, live = look(at, holding_off_pause=True)
            inputs = inputs_from(opportunity, live, state, at, may_repeat=may_repeat)
        if live.is_paused:
            break
        with span("decide"):
            situation = Situation(inputs, live, decide(inputs))
        if waits_for_batch(situation.verdict):
            insert(*new)
            put_off(
                opportunity_id=opportunity.pk,
                verdict=situation.verdict,
                configuration_id=live.configuration_id,
                at=inputs.at,
            )
            opportunity.routing = Opportunity.Routing.BATCH
            return None
        try:
            return _carry_out(
                opportunity, situation, None, opportunity.accepted_at, also, new, drawn[Decision]
            )
        except LimitGone as gone:
            log.info("new opportunity %s: %s", opportunity.pk, gone)
    insert(*new)
    return None


@transaction.atomic
def _act(opportunity_id: int, situation: Situation, at: datetime.datetime | None) -> Decision:
    refuse_while_paused()
    opportunity = ownership.lock_opportunity(opportunity_id)
    if opportunity.routing not in UNDECIDED or opportunity.is_locked != situation.inputs.facts.is_locked:
        raise NoLongerOpen
    facts = situation.inputs.facts
    repeats = None if facts.duplicate_of_id is None else (facts.duplicate_of_id, facts.duplicate_owner_id)
    if standing_original(opportunity_id) != repeats:
        raise LimitGone("what it repeats has changed")
    if len(opportunity.not_again) != len(facts.not_again):
        raise LimitGone("somebody had it meanwhile")
    decision = _carry_out(opportunity, situation, at, None, _nothing).decision
    if opportunity.assigned_at is not None:
        let_repeats_follow(opportunity, opportunity.assigned_at)
    return decision


def _carry_out(
    opportunity: Opportunity,
    situation: Situation,
    at: datetime.datetime | None,
    waiting_since: datetime.datetime | None,
    also: Also,
    new: Sequence[Model] = (),
    decision_id: int | None = None,
) -> Made:
    """Claims the rep and writes what follows. The opportunity is locked, or nobody else sees it yet; `waiting_since` is
    None where it may have waited in the queue; `new` is stored with it; `decision_id` may have been drawn. Raises
    LimitGone before anything is written."""
    verdict = situation.verdict
    decisions: list[Decision] = []
    claim = claim_for(situation, at, decision_id, meanwhile=lambda: decisions.append(new_decision(situation)))
    keep_roster(situation.live)
    rep = claim.rep
    # After the locks, so that a rep's assignments are dated in the order in which they happened.
    moment = at or timezone.now()
    waited = Waited(opportunity.accepted_at if waiting_since is None else waiting_since)
    if waiting_since is None:
        if opportunity.routing == Opportunity.Routing.BATCH:
            taken_out(opportunity.pk)
        waited = take_over(opportunity, moment)
    for keeping, kept in kept_arms([situation], moment):
        ask(keeping, kept)
    if rep is not None and verdict.outcome == Decision.Outcome.ASSIGN:
        decided = assigned(opportunity, rep, situation, claim, moment, *decisions)
    else:
        decided = waits(opportunity, situation, claim, waited, moment, *decisions)
    made = _store(decided, also, new, first_change(opportunity, decided.records, moment) if new else ())
    tell_what_follows(opportunity, situation, rep, moment)
    return made


def _store(decided: Decided, also: Also, new: Sequence[Model], changes: Sequence[Model]) -> Made:
    with span("store"):
        insert(*new, *decided.records, *changes, *also(decided.made), beside=decided.beside)
    decision = decided.made.decision
    count_decision(decision.outcome, decision.via)
    note_decision(decision.opportunity_id, decision.pk)
    return decided.made
