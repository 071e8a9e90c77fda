"""Publishing a plan: all its proposals at once, each within the limits as they are at that moment, or none of it."""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Model, QuerySet
from django.utils import timezone

from crm.models import Opportunity
from crm.services import ownership
from reps.queries.prepared import ask_all
from reps.services.copying import copy_in
from routing.models import Batch, BatchItem, BatchWait, Decision, QueueItem
from routing.queries.live import Live
from routing.services.automation import refuse_while_paused
from routing.services.claims import Claims, LimitGone, Situation
from routing.services.decided import keep_roster
from routing.services.queue import Waited
from routing.services.turns import give_back_turn
from routing.services.waves import carried_out, suggestions_counted, write_what_follows

AT_ONCE = 500  # records held in memory together
NUMBERS = (
    "rep", "why_not", "score", "value", "chance", "low", "worth", "alone_rep", "alone_chance", "turn_rep",
    "turn_chance", "pair_chance", "conflict", "decision", "queue_item",
)  # fmt: skip


@dataclass(eq=False)
class Proposal:
    """What the plan has for an opportunity. `ready`: its decision; none where it `is_kept`, as a proposal that is there
    already."""

    opportunity: Opportunity
    situation: Situation
    item: BatchItem
    ready: Decision | None
    is_kept: bool = False


@dataclass
class Published:
    """How many were published; the ids of those that were left out, since others took the room or changed them."""

    count: int = 0
    left_out: list[int] = field(default_factory=list)


def publish(
    *, batch: Batch, proposals: Sequence[Proposal], live: Live, at: datetime.datetime | None
) -> Published:
    """In the caller's transaction. Raises AutomationPaused. `at` is for simulated time."""
    refuse_while_paused()
    new = [one for one in proposals if not one.is_kept]
    locked = ownership.lock_opportunities(one.opportunity.pk for one in new)
    current = _current(new, locked)
    moment = at or timezone.now()
    _withdraw(current, batch, moment)
    keep_roster(live)
    stayed = {one.opportunity.pk for one in current}
    done = Published(left_out=[one.opportunity.pk for one in new if one.opportunity.pk not in stayed])
    claims = Claims([one.situation for one in current], moment)
    moment = at or timezone.now()  # after the locks, so that a rep's assignments are dated in their order
    for first in range(0, len(current), AT_ONCE):
        _publish_some(current[first : first + AT_ONCE], claims, moment, first, done)
    _keep_items(proposals, done)
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


def _publish_some(
    some: Sequence[Proposal], claims: Claims, moment: datetime.datetime, first: int, done: Published
) -> None:
    records: list[Model] = []
    carried: list[Proposal] = []
    for place, one in enumerate(some, start=first):
        at = moment + datetime.timedelta(microseconds=place)
        waited = Waited(one.opportunity.accepted_at, expires_at=one.item.batch.expires_at)
        try:
            decided = carried_out(one.opportunity, one.situation, claims, at, waited, one.ready)
        except LimitGone:
            done.left_out.append(one.opportunity.pk)
            continue
        records += decided.records
        carried.append(one)
        one.item.decision = decided.made.decision
        one.item.queue_item = next((r for r in decided.records if isinstance(r, QueueItem)), None)
    copy_in(records)
    write_what_follows([one.opportunity for one in carried], [one.situation.verdict for one in carried])
    BatchWait.objects.filter(opportunity__in=[one.opportunity.pk for one in carried]).delete()
    done.count += len(carried)


def _keep_items(proposals: Sequence[Proposal], done: Published) -> None:
    """The batch's records: new ones, and those of a batch that was planned anew."""
    out = set(done.left_out)
    items = [one.item for one in proposals if one.opportunity.pk not in out]
    new = [item for item in items if item.pk is None]
    known = [item for item in items if item.pk is not None]
    for item in items:  # what was stored by COPY has its id by now
        item.decision_id = item.decision.pk if item.decision is not None else None
        item.queue_item_id = item.queue_item.pk if item.queue_item is not None else None
    copy_in(new)
    BatchItem.objects.bulk_update(known, NUMBERS, batch_size=AT_ONCE)


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
