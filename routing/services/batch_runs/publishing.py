"""Publishing a plan: all its proposals at once, each within the limits as they are at that moment, or none of it."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from crm.models import Opportunity
from crm.services import ownership
from reps.queries.prepared import ask, ask_all
from reps.services.copying import copy_in
from routing.engine.sequence import ASSIGN
from routing.models import Batch, BatchItem, BatchWait, Decision, QueueItem
from routing.services.automation import refuse_while_paused
from routing.services.claims import Claims, LimitGone, Situation
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
    at: datetime.datetime | None,
    prepare: Prepare | None = None,
) -> Published:
    """In the caller's transaction; the roster is stored (`keep_roster`). `kept` are proposals that are there already
    and stay. Raises AutomationPaused. `at` is for simulated time; `prepare` gives the next proposals their decisions,
    where they have none yet."""
    refuse_while_paused()
    locked = ownership.lock_opportunities(one.opportunity.pk for one in proposals)
    writing = _Writing(_current(proposals, locked), kept, at, prepare)
    if not writing.publish_locking_late():
        writing.publish_locking_first(batch)
    stayed, left_out = {one.opportunity.pk for one in writing.current}, writing.left_out
    done = Published(writing.count, [*left_out, *(pk for pk in _ids(proposals) if pk not in stayed)])
    out = set(done.left_out)
    _let_wait([one for one in writing.current if one.opportunity.pk in out], writing.moment)
    _keep_items([*kept, *(one.item for one in proposals if one.opportunity.pk not in out)])
    _keep_batch(batch, writing.moment)
    return done


def _ids(proposals: Sequence[Proposal]) -> list[int]:
    return [one.opportunity.pk for one in proposals]


@dataclass
class _Writing:
    """One publication. `current` are those that are still as they were planned."""

    current: list[Proposal]
    kept: Sequence[BatchItem]
    at: datetime.datetime | None
    prepare: Prepare | None
    moment: datetime.datetime = field(init=False)
    count: int = 0
    left_out: list[int] = field(default_factory=list)
    late: list[Model] = field(default_factory=list)
    carried: list[Proposal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moment = self.at or timezone.now()

    def publish_locking_late(self) -> bool:
        """The decisions first, which take long and touch nobody, on what is read of the reps; then the reps are locked,
        everything is checked once more, and what counts for them is written. So whoever routes at the same time waits
        for that only. False, with nothing written, where it can't be: something is assigned at once or taken back, or
        others took room in between."""
        if any(one.item.queue_item_id or one.situation.verdict.outcome == ASSIGN for one in self.current):
            return False
        situations = [one.situation for one in self.current]
        try:
            with transaction.atomic():
                claims = Claims(situations, self.moment, _near_held(self.kept, self.current), locks=False)
                self._write(claims, is_late=True)
                carried = [one.situation for one in self.carried]
                claims.confirm(carried)
                copy_in(self.late)
                _remember_items(self.carried, self.late)
                write_what_follows([one.opportunity for one in self.carried], carried, self.moment)
        except LimitGone:
            self.count, self.left_out, self.late, self.carried = 0, [], [], []
            return False
        return True

    def publish_locking_first(self, batch: Batch) -> None:
        """With the reps locked from the beginning, so that nothing comes in between."""
        _withdraw(self.current, batch, self.moment)
        claims = Claims(
            [one.situation for one in self.current], self.moment, _near_held(self.kept, self.current)
        )
        self.moment = self.at or timezone.now()  # so that a rep's assignments are dated in their order
        self._write(claims, is_late=False)

    def _write(self, claims: Claims, *, is_late: bool) -> None:
        for first in range(0, len(self.current), AT_ONCE):
            some = self.current[first : first + AT_ONCE]
            if self.prepare is not None:
                self.prepare(some)
            self._write_some(some, claims, first, is_late)

    def _write_some(self, some: Sequence[Proposal], claims: Claims, first: int, is_late: bool) -> None:
        records: list[Model] = []
        carried: list[Proposal] = []
        for place, one in enumerate(some, start=first):
            at = self.moment + datetime.timedelta(microseconds=place)
            waited = Waited(one.opportunity.accepted_at, expires_at=one.item.batch.expires_at)
            try:
                decided = carried_out(one.opportunity, one.situation, claims, at, waited, one.ready)
            except LimitGone:
                self.left_out.append(one.opportunity.pk)
                continue
            records += decided.records
            carried.append(one)
            one.item.decision_id = decided.made.decision.pk
        items = [record for record in records if isinstance(record, QueueItem)]
        if is_late:
            copy_in([record for record in records if not isinstance(record, QueueItem)])
            self.late += [_alone(item) for item in items]
        else:
            copy_in(records)
            _remember_items(carried, items)
            write_what_follows(
                [one.opportunity for one in carried], [one.situation for one in carried], self.moment
            )
        if self.prepare is not None:  # which reads them again, should they have to be written once more
            for one in carried:
                one.ready = None
        self.carried += carried
        self.count += len(carried)
        waits = BatchWait.objects.filter(opportunity__in=[one.opportunity.pk for one in carried])
        waits.delete()


def _alone(item: QueueItem) -> QueueItem:
    """With the decision's id only, which is stored: all decisions of a large batch would not fit into memory."""
    decision_id = item.decision.pk
    item._state.fields_cache.pop("decision", None)
    item.decision_id = decision_id
    return item


def _remember_items(carried: Sequence[Proposal], items: Sequence[Model]) -> None:
    """What was stored by COPY has its id by now."""
    by_opportunity = {item.opportunity_id: item.pk for item in items if isinstance(item, QueueItem)}
    for one in carried:
        one.item.queue_item_id = by_opportunity.get(one.opportunity.pk)


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
