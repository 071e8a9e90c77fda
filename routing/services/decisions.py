"""From a verdict to what it does: decide, claim the rep, store the decision, assign or put into the queue.

Score everybody from what was read without locks; then lock the opportunity and the chosen rep, check the limits again
on the locked rows, and only then act. If the limit is gone the ladder runs again on fresh numbers. After a few such
rounds all reps are locked first, so that it ends.
"""

import datetime
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Model
from django.db.models.functions import Greatest
from django.utils import timezone

from crm.models import Assignment, Opportunity
from crm.queries.duplicates import standing_original
from crm.services import ownership
from reps.engine.capacity import Band, band
from reps.models import Rep, Team
from reps.services.inserts import Beside, insert
from routing.engine.configuration import Policy
from routing.engine.explain import Names, headline
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import ENGINE_VERSION, Inputs, Verdict, decide
from routing.engine.order import order_points
from routing.engine.trace import digest, pack_columns, trace_json
from routing.models import Decision, OutboxMessage, QueueItem, RosterSnapshot
from routing.queries.inputs import load_inputs
from routing.queries.names import names_of
from routing.queries.state import forget_state
from routing.services import outbox
from routing.services.automation import AutomationPaused, refuse_while_paused
from routing.services.availability import flag_if_over
from routing.services.batches import put_off, taken_out, waits_for_batch
from routing.services.claims import Claim, LimitGone, Situation, claim_for
from routing.services.clocks import new_clocks
from routing.services.queue import Waited, let_repeats_follow, take_over

log = logging.getLogger(__name__)
ROUNDS_WITHOUT_LOCK = 4
UNDECIDED = (Opportunity.Routing.WAITING, Opportunity.Routing.BATCH, Opportunity.Routing.HELD)


class NoLongerOpen(Exception):
    """Between scoring and locking, somebody else decided, closed or locked the opportunity."""


@dataclass(frozen=True)
class Made:
    """A decision, and what is called what in it."""

    decision: Decision
    names: Names


Also = Callable[[Made], Sequence[Model]]  # what else is to be stored with a decision


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
    inputs, live = load_inputs(opportunity, at)
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


def decide_new(*, opportunity: Opportunity, may_repeat: bool, also: Also) -> Made | None:
    """Decides what was stored in the present transaction, which nobody else sees yet, and acts on it. `may_repeat`:
    whether it was linked to what it repeats; `also`: what is stored with the decision.

    None, with nothing written, while automation is paused and where others took the rep's last room again and again;
    and where it waits for its policy's batch.
    """
    for _ in range(ROUNDS_WITHOUT_LOCK):
        inputs, live = load_inputs(opportunity, timezone.now(), may_repeat=may_repeat, holding_off_pause=True)
        if live.is_paused:
            return None
        situation = Situation(inputs, live, decide(inputs))
        if waits_for_batch(situation.verdict):
            put_off(
                opportunity_id=opportunity.pk,
                verdict=situation.verdict,
                configuration_id=live.configuration_id,
                at=inputs.at,
            )
            opportunity.routing = Opportunity.Routing.BATCH
            return None
        try:
            return _carry_out(opportunity, situation, None, opportunity.accepted_at, also)
        except LimitGone as gone:
            log.info("new opportunity %s: %s", opportunity.pk, gone)
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
) -> Made:
    """Claims the rep and writes what follows. The opportunity is locked, or nobody else sees it yet; `waiting_since` is
    None where it may have waited in the queue. Raises LimitGone before anything is written."""
    verdict = situation.verdict
    claim = claim_for(situation, at)
    rep = claim.rep
    moment = (
        at or timezone.now()
    )  # after the locks, so that a rep's assignments are dated in the order they happened
    waited = Waited(opportunity.accepted_at if waiting_since is None else waiting_since)
    if waiting_since is None:
        if opportunity.routing == Opportunity.Routing.BATCH:
            taken_out(opportunity.pk)
        waited = take_over(opportunity, moment)
    if rep is not None:
        _take_turn(verdict)
    if rep is not None and verdict.outcome == Decision.Outcome.ASSIGN:
        made = _assign(opportunity, rep, situation, claim, moment, also)
        flag_owner_over_capacity(situation, opportunity, rep, moment)
    else:
        made = _enqueue(opportunity, situation, claim, waited, moment, also)
    original_owner = situation.inputs.facts.duplicate_owner_id
    if original_owner in situation.inputs.roster.index and opportunity.owner_id != original_owner:
        tell_repeated(opportunity, moment)
    return made


def _assign(
    opportunity: Opportunity,
    rep: Rep,
    situation: Situation,
    claim: Claim,
    at: datetime.datetime,
    also: Also,
) -> Made:
    verdict = situation.verdict
    assignment = ownership.new_assignment(
        opportunity=opportunity,
        rep=rep,
        source=Assignment.Source.AUTOMATION,
        at=at,
        exempt=verdict.exempt,
        reason=f"{Decision.Via(verdict.via).label}, {verdict.policy.name}"[:200],
        limits=claim.limits,
    )
    decision = new_decision(situation, claim, assignment)
    made = Made(decision, names_of(decision, situation.live))
    message = assigned_message(made, opportunity, rep, at)
    clock = new_clocks([(assignment, verdict.policy)])
    insert(assignment, decision, message, *clock, *also(made), beside=ownership.owner_written(opportunity))
    return made


def _take_turn(verdict: Verdict) -> None:
    if verdict.turn is None or verdict.rep_id is None:
        return
    Rep.objects.filter(pk=verdict.rep_id).update(
        turn_finish=verdict.turn.finish, turns_taken=F("turns_taken") + 1
    )
    if verdict.team_id is not None:
        Team.objects.filter(pk=verdict.team_id).update(turn_clock=Greatest("turn_clock", verdict.turn.clock))


def new_decision(situation: Situation, claim: Claim, assignment: Assignment | None) -> Decision:
    """The decision with everything that a replay needs, not stored yet; the roster that it refers to is."""
    inputs, live, verdict = situation.inputs, situation.live, situation.verdict
    roster = inputs.roster
    if not live.roster_is_kept:
        RosterSnapshot.objects.bulk_create(
            [RosterSnapshot(digest=roster.digest, content=roster.content)], ignore_conflicts=True
        )
    return Decision(
        pk=claim.decision_id,
        opportunity_id=inputs.facts.id,
        made_at=inputs.at,
        engine=ENGINE_VERSION,
        seed=inputs.seed,
        recent_high_match=inputs.recent_high_match,
        configuration_id=live.configuration_id,
        model_id=live.model_id,
        roster_id=roster.digest,
        facts=inputs.facts.to_json(),
        state=inputs.state.to_bytes(),
        outcome=verdict.outcome,
        via=verdict.via,
        rep_id=verdict.rep_id,
        team_id=verdict.team_id,
        policy_name=verdict.policy.name,
        score=verdict.score,
        win_probability=verdict.win_probability,
        win_probability_low=verdict.win_probability_low,
        priority=verdict.priority,
        propensity=verdict.propensity,
        trace=trace_json(verdict, inputs),
        columns=pack_columns(verdict),
        result_digest=digest(verdict),
        assignment=assignment,
    )


QUEUE_KIND = {
    Decision.Outcome.SUGGEST: (QueueItem.Kind.SUGGESTION, Opportunity.Routing.SUGGESTED),
    Decision.Outcome.MANAGER: (QueueItem.Kind.MANAGER, Opportunity.Routing.MANAGER),
    Decision.Outcome.HOLD: (QueueItem.Kind.HELD, Opportunity.Routing.HELD),
    Decision.Outcome.SHADOW: (QueueItem.Kind.MANAGER, Opportunity.Routing.MANAGER),
    Decision.Outcome.UNTOUCHED: (QueueItem.Kind.HELD, Opportunity.Routing.HELD),
}


WAITS = (
    "claimed AS (UPDATE reps_rep SET pending = pending + 1 WHERE id = %s)",
    "waits AS (UPDATE crm_opportunity SET routing = %s, routing_since = %s WHERE id = %s)",
)


def _enqueue(
    opportunity: Opportunity,
    situation: Situation,
    claim: Claim,
    waited: Waited,
    at: datetime.datetime,
    also: Also,
) -> Made:
    """Makes the opportunity wait visibly; a suggestion takes one of the rep's slots, in a batch until it expires."""
    decision = new_decision(situation, claim, None)
    kind, routing = QUEUE_KIND[Decision.Outcome(decision.outcome)]
    opportunity.routing, opportunity.routing_since = routing, at
    verdict, is_suggestion = situation.verdict, kind == QueueItem.Kind.SUGGESTION
    rep_id = decision.rep_id if is_suggestion else None
    item = QueueItem(
        opportunity=opportunity,
        decision=decision,
        kind=kind,
        rep_id=rep_id,
        team_id=decision.team_id,
        waiting_since=waited.since,
        order_points=order_points(situation.inputs.facts),
        score=(decision.score or 0) if is_suggestion else 0,
        value=opportunity.value_base or 0,
        lead_score=opportunity.lead_score or 0,
        created_at=at,
        expires_at=(waited.expires_at or _expiry(verdict.policy, at)) if is_suggestion else None,
        touch_due_at=_touch_due(verdict.policy, waited.since),
        checked_configuration_id=decision.configuration_id,
        checked_model_id=decision.model_id,
        is_exempt=verdict.exempt,
        is_of_batch=is_suggestion and waits_for_batch(verdict),
        renewed_from_id=waited.rep_id,
        renewed_because=waited.because,
    )
    made = Made(decision, names_of(decision, situation.live))
    waits = Beside(WAITS, (rep_id, str(routing), at, opportunity.pk))
    insert(decision, item, *also(made), beside=waits)
    return made


def _expiry(policy: Policy, at: datetime.datetime) -> datetime.datetime | None:
    if policy.batch is None or policy.batch.expiry_hours is None:
        return None
    return at + datetime.timedelta(hours=policy.batch.expiry_hours)


def _touch_due(policy: Policy, waiting_since: datetime.datetime) -> datetime.datetime | None:
    """By when it should be with somebody and touched: whoever waits does not know whose working hours count."""
    if policy.first_touch_target_minutes is None:
        return None
    return waiting_since + datetime.timedelta(minutes=policy.first_touch_target_minutes)


def assigned_message(made: Made, opportunity: Opportunity, rep: Rep, at: datetime.datetime) -> OutboxMessage:
    """The rep's notification, with the reason in words; not stored yet."""
    decision = made.decision
    why = headline(OpportunityFacts.from_json(decision.facts), decision.via, decision.trace, made.names)
    text = f"{opportunity.name} is yours: {why}."
    payload = {"opportunity_id": opportunity.pk, "rep_id": rep.pk, "text": text}
    return outbox.new_message("opportunity.assigned", payload, at=at)


def tell_repeated(opportunity: Opportunity, at: datetime.datetime) -> None:
    """Whoever works on what it repeats hears that somebody asks again, whoever gets this one."""
    original = standing_original(opportunity.pk)
    if original is None or original[1] is None:
        return
    who = opportunity.contact or opportunity.account
    text = f"{who.name if who else 'Somebody'} asks again: {opportunity.name}."
    outbox.tell(
        "opportunity.repeated", {"opportunity_id": original[0], "rep_id": original[1], "text": text}, at=at
    )


def flag_owner_over_capacity(
    situation: Situation, opportunity: Opportunity, rep: Rep, at: datetime.datetime
) -> None:
    """An exempt assignment may take its owner past the maximum: the team's managers should know, once."""
    load = rep.load + 1
    if band(load, rep.max_open, situation.inputs.configuration.capacity.bounds) == Band.OVER:
        repeats = situation.verdict.via == Decision.Via.DUPLICATE
        why = f"repeats what {rep.name} works on" if repeats else "belongs to a named account"
        flag_if_over(rep=rep, load=load, why=f"{opportunity.name} {why}", at=at)
