"""Who is in a batch, and what each of them is decided on."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from django.db.models import Count, QuerySet

from crm.models import Opportunity
from crm.queries.duplicates import standing_originals
from experiments.models import Exposure
from experiments.queries.running import running
from routing.engine.batch.assemble import Terms
from routing.engine.configuration import Policy
from routing.engine.roster import RosterState
from routing.engine.verdict import Inputs
from routing.models import Batch, BatchItem, BatchWait, Decision, QueueItem
from routing.queries.arm_use import Used, by_arm
from routing.queries.arms import ArmBook
from routing.queries.configuration import compiled
from routing.queries.inputs import inputs_of
from routing.queries.live import Live
from routing.queries.state import look
from routing.services.automation import AutomationPaused


@dataclass(frozen=True)
class Moment:
    """What a batch, or a part of it, is planned on. `policy`: None where it decides in batches no more. `is_again`:
    around a person's edits, as if its own proposals took no slots, nor (`freed`) those of an experiment's arm."""

    at: datetime.datetime
    live: Live
    state: RosterState
    policy: Policy | None
    is_again: bool
    freed: Used = field(default_factory=dict)

    @property
    def terms(self) -> Terms:
        assert self.policy is not None
        assert self.policy.batch is not None
        capacity = compiled(self.live.configuration_id).capacity
        return Terms(self.policy.batch.objective, capacity.bounds, capacity.near_capacity_penalty)


@dataclass(frozen=True)
class Waiting:
    """In order of arrival: opportunities, and their items where they have some already. `positions` by opportunity:
    their places in the batch."""

    opportunities: Sequence[Opportunity]
    positions: Mapping[int, int]
    items: Mapping[int, BatchItem] = field(default_factory=dict)

    @property
    def fixed(self) -> dict[int, int]:
        """Opportunity → rep, as a person chose."""
        chosen = (BatchItem.Edit.FIXED, BatchItem.Edit.MOVED)
        return {pk: item.rep_id for pk, item in self.items.items() if item.edit in chosen and item.rep_id}


def moment_of(batch: Batch, at: datetime.datetime) -> Moment:
    """Looks at what is in force. Raises AutomationPaused."""
    state, live = look(at)
    if live.is_paused:
        raise AutomationPaused("Automation is paused.")
    is_again = batch.state == Batch.State.REVIEW
    policies = compiled(live.configuration_id).policies
    policy = next((one for one in policies if one.name == batch.policy_name and one.batch is not None), None)
    if not is_again:
        return Moment(at, live, state, policy, is_again)
    return Moment(at, live, _freed(state, batch, live), policy, is_again, _freed_of_arms(batch, live))


def waiting_ids(batch: Batch, *, is_again: bool) -> list[int]:
    """Who is in it, in order of arrival."""
    if is_again:
        return list(_proposed(batch).order_by("position").values_list("opportunity_id", flat=True))
    waits = BatchWait.objects.filter(
        policy_name=batch.policy_name,
        opportunity__routing=Opportunity.Routing.BATCH,
        opportunity__stage=Opportunity.Stage.OPEN,
    )
    return list(waits.order_by("waiting_since", "opportunity_id").values_list("opportunity_id", flat=True))


def read(batch: Batch, positions: Mapping[int, int], *, is_again: bool) -> Waiting:
    """Those opportunities, by id and place, in the order given, with what the batch has of them already."""
    found = Opportunity.objects.filter(pk__in=positions).select_related("account", "product")
    by_id = {one.pk: one for one in found}
    opportunities = [by_id[pk] for pk in positions if pk in by_id]
    if not is_again:
        return Waiting(opportunities, positions)
    items = _proposed(batch).filter(opportunity__in=positions).select_related("queue_item")
    return Waiting(opportunities, positions, {item.opportunity_id: item for item in items})


def inputs_of_all(opportunities: Iterable[Opportunity], moment: Moment) -> list[Inputs]:
    waiting = list(opportunities)
    originals = standing_originals([one.pk for one in waiting])
    book = ArmBook.of(waiting, moment.live, moment.at).without(moment.freed)
    return [
        inputs_of(one, moment.live, moment.state, moment.at, repeats=originals.get(one.pk), book=book)
        for one in waiting
    ]


def _proposed(batch: Batch) -> QuerySet[BatchItem]:
    """What of a published batch still waits for a person, but for what was held back and what has its turn: a plan
    knows no turns."""
    items = batch.items.filter(queue_item__state=QueueItem.State.PENDING).exclude(edit=BatchItem.Edit.HELD)
    items = items.exclude(decision__via=Decision.Via.ROUND_ROBIN, edit=BatchItem.Edit.NONE)
    return items.exclude(queue_item__kind=QueueItem.Kind.MANAGER)


def _freed(state: RosterState, batch: Batch, live: Live) -> RosterState:
    """As if the batch's own proposals took no slots."""
    pending, worth = state.pending.copy(), state.pipeline_value.copy()
    slots = _proposed(batch).filter(rep__isnull=False).values_list("rep_id", "queue_item__counted_value")
    for rep_id, value in slots:
        place = live.roster.index.get(rep_id)
        if place is not None:
            pending[place] = max(pending[place] - 1, 0)
            worth[place] -= float(value)
    return replace(state, pending=pending, pipeline_value=np.maximum(worth, 0.0))


def _freed_of_arms(batch: Batch, live: Live) -> Used:
    """How many of the batch's own proposals each arm has with each rep; nothing is asked where no experiment runs."""
    if not running(live.experiments):
        return {}
    of_batch = Exposure.objects.filter(decision_id__in=_proposed(batch).values("decision"), rep__isnull=False)
    rows = of_batch.order_by().values_list("experiment", "arm", "rep").annotate(count=Count("pk"))
    return by_arm(rows)
