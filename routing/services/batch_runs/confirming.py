"""Confirming a batch: many proposals at once, each checked on the locked rows against the limits of that moment."""

import datetime
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from crm.models import Assignment, DuplicateLink, Opportunity
from crm.services import ownership
from reps.models import Rep, User
from reps.queries.prepared import ask_all
from reps.services.copying import copy_in
from routing.engine.doubt import Doubt
from routing.models import Batch, BatchItem, QueueItem
from routing.queries.doubts import in_force, standing_of
from routing.queries.inputs import claims_of
from routing.queries.live import load_live
from routing.queries.names import names_of
from routing.services.automation import refuse_while_paused
from routing.services.clocks import start_clocks
from routing.services.decided import Made, assigned_message
from routing.services.outbox import new_message
from routing.services.queue import free_capacity
from routing.services.waves import suggestions_counted

AT_ONCE = 200  # their opportunities and reps are locked together, for less than a second


@dataclass
class Confirmed:
    """How many were assigned, and how many could not be."""

    approved: int = 0
    conflicts: int = 0


def confirm_some(
    *,
    batch: Batch,
    items: QuerySet[BatchItem],
    by: User | None,
    at: datetime.datetime,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> Confirmed:
    """Piece by piece, so that nobody else waits for the whole. What somebody decided meanwhile is passed over. `say` is
    told how far it is; what it raises ends the rest."""
    found = Confirmed()
    ids = list(items.order_by("opportunity_id").values_list("pk", flat=True))
    for first in range(0, len(ids), AT_ONCE):
        say(first, len(ids))
        piece = _confirm_piece(batch, ids[first : first + AT_ONCE], by, at)
        found.approved += piece.approved
        found.conflicts += piece.conflicts
    return found


@transaction.atomic
def _confirm_piece(
    batch: Batch, item_ids: Sequence[int], by: User | None, at: datetime.datetime
) -> Confirmed:
    if by is None:
        refuse_while_paused()
    opportunities = ownership.lock_opportunities(
        BatchItem.objects.filter(pk__in=item_ids).values_list("opportunity_id", flat=True)
    )
    waits = QueueItem.objects.filter(
        batch_items__in=item_ids, state=QueueItem.State.PENDING, kind=QueueItem.Kind.SUGGESTION
    ).select_related("decision")
    pending = {item.pk: item for item in waits}
    found = BatchItem.objects.filter(pk__in=item_ids, queue_item__in=pending).select_related("edited_by")
    items = list(found.order_by("position"))
    standing = _Standings(list(pending.values()), at)
    taken: list[tuple[BatchItem, QueueItem, Assignment]] = []
    conflicts = []
    for item in items:
        waiting = pending[item.queue_item_id or 0]
        opportunity = opportunities[item.opportunity_id]
        doubt = standing.doubt(waiting)
        if doubt is not None or not opportunity.is_open:
            item.conflict = (doubt.sentence(standing.name(waiting)) if doubt else "It was closed meanwhile")[
                :200
            ]
            conflicts.append(item)
            continue
        chosen_by = by or (item.edited_by if item.edit == BatchItem.Edit.MOVED else None)
        taken.append((item, waiting, standing.assign(opportunity, waiting, batch, chosen_by, at)))
    for item, _, _ in taken:
        item.conflict = ""
    BatchItem.objects.bulk_update([*conflicts, *(item for item, _, _ in taken)], ["conflict"])
    _write(batch, taken, by, at)
    return Confirmed(len(taken), len(conflicts))


class _Standings:
    """The locked reps of some proposals, as each of these finds them when those before it are confirmed."""

    def __init__(self, waiting: Sequence[QueueItem], at: datetime.datetime) -> None:
        rep_ids = sorted({item.rep_id for item in waiting if item.rep_id is not None})
        self._reps: dict[int, Rep] = ownership.lock_reps(rep_ids)
        (rows,) = ask_all(claims_of(rep_ids, at))
        self._week = {rep_id: week for rep_id, week, _ in rows}
        self._away = {rep_id for rep_id, _, is_away in rows if is_away}
        self._bounds = in_force().bounds

    def name(self, item: QueueItem) -> str:
        return self._reps[item.rep_id or 0].name

    def doubt(self, item: QueueItem) -> Doubt | None:
        """What keeps the rep from it now; its own slot is one of those that are taken."""
        rep = self._reps[item.rep_id or 0]
        standing = standing_of(rep, week=self._week[rep.pk], is_away=rep.pk in self._away)
        return standing.doubt(self._bounds, is_exempt=item.is_exempt)

    def assign(
        self, opportunity: Opportunity, item: QueueItem, batch: Batch, by: User | None, at: datetime.datetime
    ) -> Assignment:
        """The rep becomes the owner; not stored yet."""
        rep = self._reps[item.rep_id or 0]
        value = opportunity.value_base or Decimal(0)
        limits = ownership.LimitsThen(
            committed=rep.committed - 1, max_open=rep.max_open, week=self._week[rep.pk],
            max_new_per_week=rep.max_new_per_week,
        )  # fmt: skip
        made = ownership.new_assignment(
            opportunity=opportunity,
            rep=rep,
            source=Assignment.Source.PERSON if by else Assignment.Source.AUTOMATION,
            at=at,
            by=by,
            exempt=item.is_exempt,
            reason=f"Batch {batch.pk} confirmed" if by else f"Batch {batch.pk} confirmed itself",
            limits=None if by else limits,
        )
        rep.pending, rep.load = rep.pending - 1, rep.load + 1
        rep.pending_value, rep.pipeline_value = (
            rep.pending_value - item.counted_value,
            rep.pipeline_value + value,
        )
        self._week[rep.pk] += 1
        return made


def _write(
    batch: Batch,
    taken: Sequence[tuple[BatchItem, QueueItem, Assignment]],
    by: User | None,
    at: datetime.datetime,
) -> None:
    if not taken:
        return
    assignments = [assignment for _, _, assignment in taken]
    copy_in(assignments)
    opportunities = [one.opportunity for one in assignments]
    slots = Counter({one.rep_id: 0 for one in assignments})
    slots.subtract(one.rep_id for one in assignments)
    ask_all(*ownership.owners_written(opportunities), suggestions_counted(slots))
    for _, waiting, assignment in taken:
        agrees = waiting.decision.rep_id == assignment.rep_id
        waiting.state = QueueItem.State.APPROVED if agrees else QueueItem.State.CHANGED
        waiting.resolved_by, waiting.resolved_at, waiting.assignment = by, at, assignment
    QueueItem.objects.bulk_update(
        [waiting for _, waiting, _ in taken], ["state", "resolved_by", "resolved_at", "assignment"]
    )
    start_clocks(assignments)
    _tell(taken, by, at)
    repeats = DuplicateLink.objects.filter(
        original__in=opportunities,
        state__in=DuplicateLink.HOLDS,
        opportunity__routing=Opportunity.Routing.HELD,
    )
    if repeats.exists():
        free_capacity(at)


def _tell(
    taken: Sequence[tuple[BatchItem, QueueItem, Assignment]], by: User | None, at: datetime.datetime
) -> None:
    """Each rep hears what came, with the reason; of what a person moved, from whom."""
    live = load_live(timezone.now())
    messages = []
    for _, waiting, assignment in taken:
        opportunity, rep = assignment.opportunity, assignment.rep
        if waiting.decision.rep_id == rep.pk:
            made = Made(waiting.decision, names_of(waiting.decision, live))
            messages.append(assigned_message(made, opportunity, rep, at))
            continue
        text = f"{opportunity.name} is yours: {by.name if by else 'somebody'} gave it to you."
        payload = {"opportunity_id": opportunity.pk, "rep_id": rep.pk, "text": text}
        messages.append(new_message("opportunity.assigned", payload, at=at))
    copy_in(messages)
