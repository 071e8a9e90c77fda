"""Publishing a plan: all its proposals at once, each within the limits as they are at that moment, or none of it."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone

from crm.models import Opportunity
from crm.services import ownership
from reps.queries.prepared import ask, ask_all
from reps.services.copying import copy_in
from routing.models import Batch, BatchItem, BatchWait, Decision, QueueItem
from routing.queries.live import Live
from routing.services.automation import refuse_while_paused
from routing.services.claims import Claims, LimitGone, Situation
from routing.services.decided import Decided, keep_roster
from routing.services.queue import Waited
from routing.services.turns import give_back_turn
from routing.services.waves import carried_out, suggestions_counted, write_what_follows

AT_ONCE = 500  # records held in memory together
NUMBERS = (
    "rep", "why_not", "score", "value", "chance", "low", "worth", "alone_rep", "alone_chance", "turn_rep",
    "turn_chance", "pair_chance", "conflict", "decision", "queue_item",
)  # fmt: skip

# As `bulk_update` does, at a hundredth of its time.
_FIELDS = [field for field in BatchItem._meta.concrete_fields if field.name in NUMBERS]
WRITTEN = [field.attname for field in _FIELDS]
REWRITTEN = (
    f"UPDATE routing_batchitem i SET {', '.join(f'{field.attname} = n.{field.attname}' for field in _FIELDS)} "
    f"FROM unnest(%s::bigint[], {', '.join(f'%s::{field.db_type(connection)}[]' for field in _FIELDS)}) "
    f"AS n (id, {', '.join(field.attname for field in _FIELDS)}) WHERE i.id = n.id"
)


@dataclass(eq=False)
class Proposal:
    """What the plan has for an opportunity. `ready`: its decision, not stored yet; none until it is prepared, and after
    it is published."""

    opportunity: Opportunity
    situation: Situation
    item: BatchItem
    ready: Decision | None


Prepare = Callable[[Sequence[Proposal]], None]


@dataclass
class Published:
    """How many were published; the ids of those that were left out, since others took the room or changed them."""

    count: int = 0
    left_out: list[int] = field(default_factory=list)


def publish(
    *,
    batch: Batch,
    proposals: Sequence[Proposal],
    kept: Sequence[BatchItem],
    live: Live,
    at: datetime.datetime | None,
    prepare: Prepare | None = None,
) -> Published:
    """In the caller's transaction; `kept` are proposals that are there already and stay. Raises AutomationPaused. `at`
    is for simulated time; `prepare` gives the next proposals their decisions, where they have none yet."""
    refuse_while_paused()
    locked = ownership.lock_opportunities(one.opportunity.pk for one in proposals)
    current = _current(proposals, locked)
    moment = at or timezone.now()
    _withdraw(current, batch, moment)
    keep_roster(live)
    stayed = {one.opportunity.pk for one in current}
    done = Published(left_out=[one.opportunity.pk for one in proposals if one.opportunity.pk not in stayed])
    claims = Claims([one.situation for one in current], moment, _near_held(kept, current))
    moment = at or timezone.now()  # after the locks, so that a rep's assignments are dated in their order
    for first in range(0, len(current), AT_ONCE):
        some = current[first : first + AT_ONCE]
        if prepare is not None:
            prepare(some)
        _publish_some(some, claims, moment, first, done)
    out = set(done.left_out)
    _let_wait([one for one in current if one.opportunity.pk in out], moment)
    _keep_items([*kept, *(one.item for one in proposals if one.opportunity.pk not in out)])
    _keep_batch(batch, moment)
    return done


def _current(new: Iterable[Proposal], locked: dict[int, Opportunity]) -> list[Proposal]:
    """Those that nobody has decided, closed or changed meanwhile; they stand on the locked rows now."""
    ids = [one.item.queue_item_id for one in new if one.item.queue_item_id is not None]
    pending = set(
        QueueItem.objects.filter(pk__in=ids, state=QueueItem.State.PENDING).values_list("pk", flat=True)
    )
    found = []
    for one in new:
        row, facts = locked.get(one.opportunity.pk), one.situation.inputs.facts
        if row is None or not row.is_open or row.is_locked != facts.is_locked:
            continue
        waits = (
            row.routing == Opportunity.Routing.BATCH
            if one.item.queue_item_id is None
            else one.item.queue_item_id in pending
        )
        if waits and len(row.not_again) == len(facts.not_again):
            row.account, row.product = one.opportunity.account, one.opportunity.product
            one.opportunity = row
            found.append(one)
    return found


def _withdraw(current: Sequence[Proposal], batch: Batch, at: datetime.datetime) -> None:
    """The proposals that others take the place of."""
    items = {
        item.pk: item
        for item in QueueItem.objects.filter(
            pk__in=[one.item.queue_item_id for one in current if one.item.queue_item_id is not None]
        ).select_related("decision")
    }
    ownership.lock_reps(
        {item.rep_id for item in items.values()} | {one.situation.verdict.rep_id for one in current}
    )
    note = f"Batch {batch.pk} was optimised anew"
    QueueItem.objects.filter(pk__in=items).update(state=QueueItem.State.WITHDRAWN, resolved_at=at, note=note)
    slots = Counter(item.rep_id for item in items.values() if item.rep_id is not None)
    if slots:
        ask_all(suggestions_counted(Counter({rep_id: -count for rep_id, count in slots.items()})))
    for item in items.values():
        if item.rep_id is not None and item.decision.via == Decision.Via.ROUND_ROBIN:
            give_back_turn(decision_id=item.decision_id, why=note, at=at)


def _near_held(kept: Sequence[BatchItem], current: Sequence[Proposal]) -> Counter[int]:
    """How many each rep keeps that may have the slots near capacity: high matches, and what a person chose."""
    if not current:
        return Counter()
    bound = current[0].situation.inputs.high_match
    may = [item for item in kept if item.edit != BatchItem.Edit.NONE or (item.score or 0.0) >= bound]
    return Counter(item.rep_id for item in may if item.rep_id is not None)


def _let_wait(left_out: Sequence[Proposal], at: datetime.datetime) -> None:
    """Those whose proposal was withdrawn, and for whom there is no room any more, wait to be decided by themselves."""
    waiting = Opportunity.objects.filter(
        pk__in=[one.opportunity.pk for one in left_out if one.item.queue_item_id is not None]
    )
    waiting.update(routing=Opportunity.Routing.WAITING, routing_since=at)


def _publish_some(
    some: Sequence[Proposal], claims: Claims, moment: datetime.datetime, first: int, done: Published
) -> None:
    records: list[Model] = []
    carried: list[tuple[Proposal, Decided]] = []
    for place, one in enumerate(some, start=first):
        at = moment + datetime.timedelta(microseconds=place)
        waited = Waited(one.opportunity.accepted_at, expires_at=one.item.batch.expires_at)
        try:
            decided = carried_out(one.opportunity, one.situation, claims, at, waited, one.ready)
        except LimitGone:
            done.left_out.append(one.opportunity.pk)
            continue
        records += decided.records
        carried.append((one, decided))
    copy_in(records)
    for one, decided in carried:  # what was stored by COPY has its id by now
        item = next((record for record in decided.records if isinstance(record, QueueItem)), None)
        one.item.decision_id = decided.made.decision.pk
        one.item.queue_item_id = None if item is None else item.pk
        one.ready = None
    opportunities = [one.opportunity for one, _ in carried]
    write_what_follows(opportunities, [one.situation for one, _ in carried], moment)
    BatchWait.objects.filter(opportunity__in=[one.pk for one in opportunities]).delete()
    done.count += len(carried)


def _keep_items(items: Sequence[BatchItem]) -> None:
    """The batch's records: new ones, and those of a batch that was planned anew."""
    known = [item for item in items if item.pk is not None]
    copy_in([item for item in items if item.pk is None])
    if known:
        rows = [(item.pk, *(getattr(item, name) for name in WRITTEN)) for item in known]
        ask(REWRITTEN, [list(column) for column in zip(*rows, strict=True)])


def proposals_of(batch: Batch) -> QuerySet[BatchItem]:
    """What of it waits to be confirmed."""
    return batch.items.filter(
        queue_item__state=QueueItem.State.PENDING, queue_item__kind=QueueItem.Kind.SUGGESTION
    )


def _keep_batch(batch: Batch, at: datetime.datetime) -> None:
    pending = proposals_of(batch).exists()
    batch.state = Batch.State.REVIEW if pending else Batch.State.CLOSED
    batch.published_at = batch.published_at or at
    batch.closed_at = None if pending else at
    batch.save()
