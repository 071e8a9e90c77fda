"""What a decision stores: itself, the assignment or the queue item, the message, the clock. Records, not stored yet."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Model

from crm.models import Assignment, Opportunity
from crm.queries.duplicates import standing_original
from crm.services import ownership
from reps.engine.capacity import Band, band
from reps.models import Rep
from reps.services.inserts import Beside
from routing.engine.configuration import Policy
from routing.engine.explain import Names, headline
from routing.engine.facts import OpportunityFacts
from routing.engine.order import order_points
from routing.engine.trace import digest, pack_columns, trace_json
from routing.engine.verdict import ENGINE_VERSION, Inputs
from routing.models import Decision, OutboxMessage, QueueItem, RosterSnapshot
from routing.queries.configuration import compiled, configuration_id_of
from routing.queries.inputs import match_model, rules_model_id
from routing.queries.live import Live
from routing.queries.names import names_of
from routing.services import outbox
from routing.services.availability import flag_if_over
from routing.services.batches import waits_for_batch
from routing.services.claims import Claim, Situation
from routing.services.clocks import new_clocks
from routing.services.exposures import exposure_of
from routing.services.queue import Waited
from routing.services.turns import with_clock


@dataclass(frozen=True)
class Made:
    """A decision, and what is called what in it."""

    decision: Decision
    names: Names


@dataclass(frozen=True)
class Decided:
    """A decision with the records that go with it, in the order in which they refer to each other, and what changes of
    rows that are there (`beside`). Nothing of it is stored."""

    made: Made
    records: tuple[Model, ...]
    beside: Beside


Also = Callable[[Made], Sequence[Model]]  # what else is to be stored with a decision


def assigned(
    opportunity: Opportunity,
    rep: Rep,
    situation: Situation,
    claim: Claim,
    at: datetime.datetime,
    decision: Decision,
) -> Decided:
    """The rep becomes the owner, and is told. `decision`: a new one of the situation."""
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
    decision.pk, decision.assignment = claim.decision_id, assignment
    made = Made(decision, names_of(decision, situation.live))
    message = assigned_message(made, opportunity, rep, at)
    clock = new_clocks([(assignment, verdict.policy)])
    exposed = exposure_of(situation, decision, claim, at)
    owner = ownership.owner_written(opportunity, turn_finish=verdict.turn.finish if verdict.turn else None)
    return Decided(made, (assignment, decision, message, *clock, *exposed), with_clock(owner, verdict))


QUEUE_KIND = {
    Decision.Outcome.SUGGEST: (QueueItem.Kind.SUGGESTION, Opportunity.Routing.SUGGESTED),
    Decision.Outcome.MANAGER: (QueueItem.Kind.MANAGER, Opportunity.Routing.MANAGER),
    Decision.Outcome.HOLD: (QueueItem.Kind.HELD, Opportunity.Routing.HELD),
    Decision.Outcome.SHADOW: (QueueItem.Kind.MANAGER, Opportunity.Routing.MANAGER),
    Decision.Outcome.UNTOUCHED: (QueueItem.Kind.HELD, Opportunity.Routing.HELD),
}


WAITS = (
    "claimed AS (UPDATE reps_rep SET pending = pending + 1, turn_finish = coalesce(%s, turn_finish),"
    " turns_taken = turns_taken + %s WHERE id = %s)",
    "waits AS (UPDATE crm_opportunity SET routing = %s, routing_since = %s WHERE id = %s)",
)


def waits(
    opportunity: Opportunity,
    situation: Situation,
    claim: Claim,
    waited: Waited,
    at: datetime.datetime,
    decision: Decision,
) -> Decided:
    """Makes the opportunity wait visibly; a suggestion takes one of the rep's slots, in a batch until it expires.
    `decision`: a new one of the situation."""
    decision.pk = claim.decision_id
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
        checked_configuration_id=situation.live.configuration_id,
        checked_model_id=situation.live.model_id,
        is_exempt=verdict.exempt,
        is_of_batch=is_suggestion and waits_for_batch(verdict),
        renewed_from_id=waited.rep_id,
        renewed_because=waited.because,
    )
    made = Made(decision, names_of(decision, situation.live))
    exposed = exposure_of(situation, decision, claim, at)
    turn = verdict.turn if is_suggestion else None
    claimed = (turn.finish if turn else None, int(turn is not None), rep_id)
    beside = Beside(WAITS, (*claimed, str(routing), at, opportunity.pk))
    if opportunity._state.adding:  # it is stored as it waits
        beside = Beside(WAITS[:1], claimed)
    return Decided(made, (decision, item, *exposed), with_clock(beside, verdict) if turn else beside)


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


def keep_roster(live: Live) -> None:
    """Stores the roster that decisions refer to, unless it is."""
    if not live.roster_is_kept:
        RosterSnapshot.objects.bulk_create(
            [RosterSnapshot(digest=live.roster.digest, content=live.roster.content)], ignore_conflicts=True
        )


def new_decision(situation: Situation) -> Decision:
    """The decision with everything that a replay needs, but for what claiming gives it: its id and its assignment. Not
    stored yet; its roster must be (`keep_roster`)."""
    inputs, live, verdict = situation.inputs, situation.live, situation.verdict
    return Decision(
        opportunity_id=inputs.facts.id,
        made_at=inputs.at,
        engine=ENGINE_VERSION,
        seed=inputs.seed,
        recent_high_match=inputs.recent_high_match,
        configuration_id=_configuration_id(inputs, live),
        model_id=_model_id(inputs, live),
        roster_id=inputs.roster.digest,
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
    )


def _configuration_id(inputs: Inputs, live: Live) -> int:
    """An arm of an experiment may be decided by another one than the live one."""
    is_live = inputs.in_arm is None or inputs.configuration is compiled(live.configuration_id)
    return live.configuration_id if is_live else configuration_id_of(inputs.configuration.number)


def _model_id(inputs: Inputs, live: Live) -> int:
    is_live = inputs.in_arm is None or inputs.model is match_model(live.model_id)
    return live.model_id if is_live else rules_model_id()


# --- who else hears of it -------------------------------------------------------------------------------------------


def tell_what_follows(
    opportunity: Opportunity, situation: Situation, rep: Rep | None, at: datetime.datetime
) -> None:
    """Managers of an owner whom it takes past the maximum, and whoever works on what it repeats. `rep`: as locked,
    before it."""
    if rep is not None and situation.verdict.outcome == Decision.Outcome.ASSIGN:
        _flag_owner_over_capacity(situation, opportunity, rep, at)
    original_owner = situation.inputs.facts.duplicate_owner_id
    if original_owner in situation.inputs.roster.index and opportunity.owner_id != original_owner:
        tell_repeated(opportunity, at)


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


def _flag_owner_over_capacity(
    situation: Situation, opportunity: Opportunity, rep: Rep, at: datetime.datetime
) -> None:
    """An exempt assignment may take its owner past the maximum: the team's managers should know, once."""
    load = rep.load + 1
    if band(load, rep.max_open, situation.inputs.configuration.capacity.bounds) == Band.OVER:
        repeats = situation.verdict.via == Decision.Via.DUPLICATE
        why = f"repeats what {rep.name} works on" if repeats else "belongs to a named account"
        flag_if_over(rep=rep, load=load, why=f"{opportunity.name} {why}", at=at)
