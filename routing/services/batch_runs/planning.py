"""A worker plans a batch: reads what waits, finds the best for all together, and publishes it in one transaction.

Everything that takes long comes before any lock: the decisions are prepared, with scores and traces packed. Then the
opportunities and the reps are locked, limits are checked on the locked rows, and what others took meanwhile is left out
and decided by itself afterwards; so real-time routing waits for the writing only.

Planning anew around a person's edits is the same, with the proposals' own slots set free and the edited ones fixed.
"""

import datetime
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from crm.models import DuplicateLink, Opportunity
from crm.queries.duplicates import holding
from reps.services.jobs import Finish, Report, run_job
from routing.engine.batch.assemble import Terms
from routing.engine.batch.draft import Draft, Other, chance_of, draft, low_of, verdicts
from routing.engine.configuration import Policy
from routing.engine.ladder import Inputs, Verdict
from routing.engine.roster import Roster, RosterState
from routing.models import Batch, BatchItem, BatchWait, Decision, QueueItem
from routing.queries.configuration import compiled
from routing.queries.inputs import inputs_of
from routing.queries.live import Live
from routing.queries.state import look
from routing.services.automation import AutomationPaused
from routing.services.batch_runs.asking import BatchRefused, settle
from routing.services.batch_runs.publishing import Proposal, publish
from routing.services.claims import Situation
from routing.services.decided import new_decision
from routing.services.decisions import route

WALL_EXAMPLES = 5
log = logging.getLogger(__name__)


def run_batch(
    *, job_id: int, now: datetime.datetime | None = None, echo: Callable[[str, int, int], None] | None = None
) -> None:
    """Does the work of a batch that was asked for, once. `now` is for simulated time; `echo` is told each stage,
    besides the job."""
    elsewhere: list[int] = []
    left_out: list[int] = []

    def work(report: Report, finish: Finish) -> None:
        def say(stage: str, done: int, total: int) -> None:
            report(stage, done, total)
            if echo is not None:
                echo(stage, done, total)

        batch = Batch.objects.get(job=job_id)
        apart = _plan(batch, now or timezone.now(), now, say, finish)
        elsewhere.extend(apart.elsewhere)
        left_out.extend(apart.left_out)

    try:
        run_job(job_id=job_id, work=work, refusals=(BatchRefused, AutomationPaused))
    finally:
        settle(at=now or timezone.now())
    for opportunity_id in elsewhere:
        _route(opportunity_id, now)
    for opportunity_id in left_out:
        _route(opportunity_id, now, in_batch=True)


def _route(opportunity_id: int, now: datetime.datetime | None, *, in_batch: bool = False) -> None:
    """What the batch did not decide; the sweep tries again what fails."""
    try:
        route(opportunity_id=opportunity_id, at=now, in_batch=in_batch)
    except Exception:
        log.exception("opportunity %s could not be routed; it stays waiting", opportunity_id)


@dataclass
class Waiting:
    """What a batch is made of, in order of arrival: opportunities, and their items where they have some
    already."""

    opportunities: list[Opportunity] = field(default_factory=list)
    items: dict[int, BatchItem] = field(default_factory=dict)

    @property
    def fixed(self) -> dict[int, int]:
        """Opportunity → rep, as a person chose."""
        chosen = (BatchItem.Edit.FIXED, BatchItem.Edit.MOVED)
        return {pk: item.rep_id for pk, item in self.items.items() if item.edit in chosen and item.rep_id}


@dataclass(frozen=True)
class Apart:
    """Opportunities that are decided by themselves: whose choice is not the batch's, and those that others changed or
    took the room of while it was planned."""

    elsewhere: list[int]
    left_out: list[int]


def _plan(
    batch: Batch, at: datetime.datetime, now: datetime.datetime | None, report: Report, finish: Finish
) -> Apart:
    """Plans and publishes."""
    report("Reading what waits", 0, 0)
    state, live = look(at)
    if live.is_paused:
        raise AutomationPaused("Automation is paused.")
    is_again = batch.state == Batch.State.REVIEW
    waiting = _proposed(batch) if is_again else _waiting(batch.policy_name)
    if not waiting.opportunities:
        raise BatchRefused("Nothing waits for it any more.")
    inputs = _inputs(waiting, live, _freed(state, waiting, live) if is_again else state, at)
    policy = _policy(live, batch.policy_name)
    if policy is None or policy.batch is None:
        _end_empty(batch, at, finish)
        return Apart([] if is_again else [one.pk for one in waiting.opportunities], [])
    capacity = compiled(live.configuration_id).capacity
    terms = Terms(policy.batch.objective, capacity.bounds, capacity.near_capacity_penalty)
    found = draft(inputs, policy=batch.policy_name, terms=terms, say=report, fixed=waiting.fixed)
    proposals = _proposals(batch, found, waiting, live, report)
    report("Publishing", 0, 0)
    batch.configuration_id, batch.model_id = live.configuration_id, live.model_id
    batch.objective, batch.confirms_itself = policy.batch.objective, policy.batch.confirms
    batch.found = found_of(found)
    if policy.batch.expiry_hours is not None and not is_again:
        batch.expires_at = at + datetime.timedelta(hours=policy.batch.expiry_hours)
    with transaction.atomic():
        published = publish(batch=batch, proposals=proposals, live=live, at=now)
        finish({"batch": batch.pk, "published": published.count, "conflicts": len(published.left_out)})
    return Apart([] if is_again else list(found.elsewhere), published.left_out)


def _end_empty(batch: Batch, at: datetime.datetime, finish: Finish) -> None:
    """The policy is no batch any more: what waited for it is routed as its policy says now."""
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(state=Batch.State.CLOSED, closed_at=at)
        finish({"batch": batch.pk, "published": 0, "conflicts": 0})


def _policy(live: Live, name: str) -> Policy | None:
    policies = compiled(live.configuration_id).policies
    return next((one for one in policies if one.name == name and one.batch is not None), None)


# --- who is in it ---------------------------------------------------------------------------------------------------


def _waiting(policy_name: str) -> Waiting:
    """What waits for the policy's batch, the oldest first."""
    waits = BatchWait.objects.filter(policy_name=policy_name, opportunity__routing=Opportunity.Routing.BATCH)
    records = Opportunity.objects.filter(pk__in=waits.values("opportunity"), stage=Opportunity.Stage.OPEN)
    records = records.select_related("account", "product").order_by("batch_wait__waiting_since", "pk")
    return Waiting(list(records))


def _proposed(batch: Batch) -> Waiting:
    """What of a published batch still waits for a person, but for what was held back and what has its turn: a plan
    knows no turns."""
    items = batch.items.filter(queue_item__state=QueueItem.State.PENDING).exclude(edit=BatchItem.Edit.HELD)
    items = items.exclude(decision__via=Decision.Via.ROUND_ROBIN, edit=BatchItem.Edit.NONE)
    items = items.exclude(queue_item__kind=QueueItem.Kind.MANAGER)
    found = items.select_related("opportunity__account", "opportunity__product", "queue_item")
    by_id = {item.opportunity_id: item for item in found.order_by("position")}
    return Waiting([item.opportunity for item in by_id.values()], by_id)


def _freed(state: RosterState, waiting: Waiting, live: Live) -> RosterState:
    """As if the batch's own proposals took no slots."""
    pending, worth = state.pending.copy(), state.pipeline_value.copy()
    for item in waiting.items.values():
        place = live.roster.index.get(item.rep_id or 0)
        if place is not None and item.queue_item is not None:
            pending[place] = max(pending[place] - 1, 0)
            worth[place] -= float(item.queue_item.counted_value)
    return replace(state, pending=pending, pipeline_value=np.maximum(worth, 0.0))


def _inputs(waiting: Waiting, live: Live, state: RosterState, at: datetime.datetime) -> list[Inputs]:
    ids = [one.pk for one in waiting.opportunities]
    links = holding(DuplicateLink.objects.filter(opportunity__in=ids))
    repeating = set(links.values_list("opportunity_id", flat=True))
    return [inputs_of(one, live, state, at, may_repeat=one.pk in repeating) for one in waiting.opportunities]


# --- what is proposed -----------------------------------------------------------------------------------------------


def _proposals(batch: Batch, found: Draft, waiting: Waiting, live: Live, report: Report) -> list[Proposal]:
    """What is to be published, the decisions prepared and without the scores of everybody."""
    proposals = []
    by_place = {one.pk: one for one in waiting.opportunities}
    fixed = waiting.fixed
    for place, (inputs, verdict) in enumerate(verdicts(found, batch.pk, report)):
        before = waiting.items.get(inputs.facts.id)
        item = _item(batch, found, place, inputs, verdict, before)
        is_kept = inputs.facts.id in fixed or (before is not None and _stays(before, verdict))
        situation = Situation(inputs, live, verdict)
        ready = None if is_kept else new_decision(situation, None, None)
        proposals.append(Proposal(by_place[inputs.facts.id], _lightened(situation), item, ready, is_kept))
    return proposals


def _lightened(situation: Situation) -> Situation:
    """Without what a claim does not ask for: of twenty thousand it would not fit into memory."""
    nothing = np.zeros(0, dtype=np.int64)
    slim = replace(situation.verdict, exits=nothing, scores=None, penalties=None, propensities=None)
    return replace(situation, verdict=slim)


def _stays(before: BatchItem, verdict: Verdict) -> bool:
    """Whether the plan has for it what it had."""
    return before.rep_id == verdict.rep_id


def _item(
    batch: Batch, found: Draft, place: int, inputs: Inputs, verdict: Verdict, before: BatchItem | None
) -> BatchItem:
    """The record; an edited one keeps whom the person chose."""
    roster = inputs.roster
    item = before or BatchItem(batch=batch, opportunity_id=inputs.facts.id, position=place + 1)
    is_edited = item.edit != BatchItem.Edit.NONE
    item.value, item.worth = float(found.assembled.value[place]), float(found.plan.worth[place])
    if not is_edited:
        item.rep_id, item.score = verdict.rep_id, verdict.score
        item.chance, item.low = chance_of(verdict), low_of(verdict)
        item.why_not = 0 if verdict.rep_id is not None else int(found.why_not[place])
    item.alone_rep_id, item.alone_chance = _of_other(found.alone, place, roster, None)
    # Whom the plan leaves to the fallback the others leave to it as well.
    fallback = verdict if found.plan.rep[place] < 0 else None
    item.turn_rep_id, item.turn_chance = _of_other(found.turn, place, roster, fallback)
    _, item.pair_chance = _of_other(found.pair, place, roster, fallback)
    item.conflict = ""
    return item


def _of_other(other: Other, place: int, roster: Roster, fallback: Verdict | None) -> tuple[int | None, float]:
    """Whom another way of deciding would have chosen, and the chance then."""
    rep = int(other.rep[place])
    if rep >= 0:
        return int(roster.ids[rep]), float(other.chance[place])
    return (None, 0.0) if fallback is None else (fallback.rep_id, chance_of(fallback))


def found_of(found: Draft) -> dict[str, Any]:
    """What only the whole has, as `Batch.found` keeps it."""
    plan, problem, roster = (
        found.plan,
        found.assembled.problem,
        found.inputs[0].roster if found.inputs else None,
    )
    planned = Counter(int(rep) for rep in plan.rep if rep >= 0)
    concerned = (
        sorted({*planned, *np.unique(found.assembled.pairs.rep).tolist()}) if roster is not None else []
    )
    committed = found.state.committed
    return {
        "objective": plan.objective,
        "primal": plan.certificate.primal,
        "bound": plan.bound,
        "gap": plan.gap if np.isfinite(plan.gap) else None,
        "rounding_cost": plan.rounding_cost,
        "verified": found.is_verified,
        "pairs": len(found.assembled.chance),
        "reps": len(concerned),
        "is_chance": found.assembled.is_chance,
        "elsewhere": len(found.elsewhere),
        "loads": [
            {
                "rep": int(problem.rep_ids[place]),
                "before": int(committed[place]),
                "planned": planned.get(place, 0),
                "max": int(roster.max_open[place]) if roster is not None else 0,
            }
            for place in concerned
        ],
        "slots": [
            {"rep": rep_id, "price": check.by_price / problem.integers_per_unit, "checked": check.adds}
            for rep_id, check in found.slots
        ],
        "walls": [
            {
                "name": wall.name,
                "at_most": wall.at_most,
                "adds": wall.adds,
                "pairs": [list(one) for one in wall.wanted[:WALL_EXAMPLES]],
            }
            for wall in found.walls
        ],
    }
