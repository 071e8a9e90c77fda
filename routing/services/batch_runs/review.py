"""What people do with a batch that was proposed to them: change it, have it planned anew around that, confirm it.

Each proposal is an item of the Routing Queue and may be decided there as well; of two people acting on one the second
is told. A person's change takes effect at once: the slot moves along, so that what is planned anew counts it.
"""

import datetime
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from crm.models import Opportunity
from crm.services import ownership
from reps.models import Job, Rep, User
from reps.services.jobs import ACTIVE, Finish, Report, create_job, run_job
from routing.engine.ladder import survey
from routing.models import Batch, BatchItem, Decision, Override, OverrideReason, QueueItem
from routing.queries.automation import is_paused
from routing.queries.inputs import stored_inputs
from routing.services.batch_runs.asking import KIND, TASK, BatchRefused
from routing.services.batch_runs.confirming import Confirmed, confirm_some
from routing.services.batch_runs.publishing import proposals_of
from routing.services.decisions import route
from routing.services.queue import AlreadyDecided, let_wait, reject, said_already
from routing.services.turns import give_back_turn

Edit = BatchItem.Edit
Say = Callable[[str, int, int], None]  # stage, done, total; what it raises ends the rest


class Action(StrEnum):
    """What is done to many of a batch together."""

    APPROVE = "approve"
    DISCARD = "discard"
    HOLD = "hold"


# So many are done while somebody waits, a second or two; more by a worker, whose jobs have these names.
AT_A_CLICK = {Action.APPROVE: 1_000, Action.DISCARD: 200, Action.HOLD: 200}
BY_WORKER = {
    Action.APPROVE: "batch confirming",
    Action.DISCARD: "batch discarding",
    Action.HOLD: "batch holding back",
}


@dataclass(frozen=True)
class Done:
    """How many it was done to, and how many could not be confirmed within the limits."""

    action: Action
    count: int
    conflicts: int = 0


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody waits to hear how far it is."""


@transaction.atomic
def keep(*, item_id: int, by: User, at: datetime.datetime) -> BatchItem:
    """It stays as it is when the batch is planned anew. Raises AlreadyDecided."""
    item, _ = _lock(item_id)
    if item.rep_id is None:
        raise AlreadyDecided("Nobody has it yet: move it to somebody instead.")
    return _edited(item, Edit.MOVED if item.edit == Edit.MOVED else Edit.FIXED, by, at)


@transaction.atomic
def let_go(*, item_id: int, by: User, at: datetime.datetime) -> BatchItem:
    """It may change again when the batch is planned anew. Raises AlreadyDecided."""
    item, _ = _lock(item_id)
    if item.edit == Edit.HELD:
        raise AlreadyDecided("It was taken out of the batch: give it to somebody from the queue.")
    return _edited(item, Edit.NONE, by, at)


@transaction.atomic
def move(
    *,
    item_id: int,
    rep_id: int,
    by: User,
    at: datetime.datetime,
    reason: OverrideReason | None = None,
    note: str = "",
) -> BatchItem:
    """Proposes another rep, whose slot it takes from now on. Raises AlreadyDecided, OwnershipError."""
    item, waits = _lock(item_id)
    before = waits.rep_id
    reps = ownership.lock_reps([rep_id, before])
    if rep_id not in reps or not reps[rep_id].is_active:
        raise ownership.OwnershipError("That rep is not here any more.")
    if rep_id == before:
        return _edited(item, Edit.FIXED if item.edit == Edit.NONE else Edit(item.edit), by, at)
    if before is not None:
        Rep.objects.filter(pk=before).update(pending=F("pending") - 1)
        give_back_turn(decision_id=waits.decision_id, why="Given to somebody else", at=at)
    Rep.objects.filter(pk=rep_id).update(pending=F("pending") + 1)
    _suggest(waits, rep_id, item.batch.expires_at, at)
    Override.objects.create(
        opportunity_id=item.opportunity_id, decision_id=waits.decision_id, from_rep_id=before, to_rep_id=rep_id,
        reason=reason, note=note[:300], made_by=by, made_at=at,
    )  # fmt: skip
    item.rep_id, item.why_not = rep_id, 0
    item.score, item.chance, item.low = _worth_with(waits.decision_id, rep_id)
    return _edited(item, Edit.MOVED, by, at)


def _suggest(
    waits: QueueItem, rep_id: int, expires_at: datetime.datetime | None, at: datetime.datetime
) -> None:
    """The item suggests the rep; what was held becomes a suggestion."""
    Opportunity.objects.filter(pk=waits.opportunity_id).update(routing=Opportunity.Routing.SUGGESTED)
    waits.kind, waits.rep_id, waits.is_of_batch = QueueItem.Kind.SUGGESTION, rep_id, True
    waits.expires_at = waits.expires_at or expires_at
    waits.save(update_fields=["kind", "rep", "is_of_batch", "expires_at"])


def _worth_with(decision_id: int, rep_id: int) -> tuple[float | None, float, float]:
    """Score, chance and lower chance with a rep whom the decision did not choose; noughts for one who came later."""
    inputs = replace(stored_inputs(Decision.objects.get(pk=decision_id)), planned=None)
    place = inputs.roster.index.get(rep_id)
    if place is None:
        return None, 0.0, 0.0
    scores = survey(inputs).scores
    score = float(scores.score[place])
    if scores.win_probability is None or scores.win_probability_low is None:
        return score, score / 100, score / 100
    return score, float(scores.win_probability[place]), float(scores.win_probability_low[place])


@transaction.atomic
def hold_back(
    *,
    item_id: int,
    by: User,
    at: datetime.datetime,
    reason: OverrideReason | None = None,
    note: str = "",
) -> BatchItem:
    """Takes it out of the batch: it waits for a person. Raises AlreadyDecided."""
    item, waits = _lock(item_id)
    item.queue_item = reject(item_id=waits.pk, by=by, at=at, reason=reason, note=note)
    item.rep_id, item.score, item.chance, item.low = None, None, 0.0, 0.0
    return _edited(item, Edit.HELD, by, at)


def _lock(item_id: int) -> tuple[BatchItem, QueueItem]:
    """The item and what of it waits, its opportunity locked. Raises AlreadyDecided."""
    opportunity_id = BatchItem.objects.values_list("opportunity_id", flat=True).get(pk=item_id)
    opportunity = ownership.lock_opportunity(opportunity_id)
    item = BatchItem.objects.select_related("batch").get(pk=item_id)
    records = QueueItem.objects.select_related("resolved_by", "assignment__rep")
    waits = records.filter(pk=item.queue_item_id or 0).first()
    if waits is None:
        raise AlreadyDecided("It was assigned with the batch already.")
    if waits.state != QueueItem.State.PENDING:
        raise AlreadyDecided(said_already(waits))
    waits.opportunity = opportunity
    return item, waits


def _edited(item: BatchItem, edit: Edit, by: User, at: datetime.datetime) -> BatchItem:
    item.edit, item.edited_by, item.edited_at, item.conflict = edit, by, at, ""
    item.save()
    _close_if_done([item.batch_id], at)
    return item


@transaction.atomic
def reoptimise(*, batch_id: int, by: User, at: datetime.datetime) -> Job:
    """Asks for the best around what people have changed. Raises BatchRefused."""
    batch = Batch.objects.select_for_update().get(pk=batch_id)
    if batch.state != Batch.State.REVIEW:
        raise BatchRefused("Nothing of this batch waits any more.")
    if Job.objects.filter(pk=batch.job_id or 0, state__in=ACTIVE).exists():
        raise BatchRefused("It is being planned anew already.")
    if is_paused():
        raise BatchRefused("Automation is paused. Resume it, then optimise again.")
    batch.job = create_job(kind=KIND, by=by)
    batch.save(update_fields=["job"])
    job = batch.job
    transaction.on_commit(lambda: async_task(TASK, job.pk))
    return job


def confirm(
    *,
    batch_id: int,
    by: User | None,
    at: datetime.datetime,
    item_ids: Collection[int] | None = None,
) -> Confirmed:
    """Assigns what was proposed: those items, or all that wait. Every limit is checked again; what cannot be stays, and
    says why. `by` None: the batch confirms itself."""
    batch = Batch.objects.get(pk=batch_id)
    found = confirm_some(batch=batch, items=_chosen(batch, item_ids), by=by, at=at)
    _close_if_done([batch_id], at)
    return found


def decide(
    *, batch_id: int, action: Action, item_ids: Collection[int], by: User, at: datetime.datetime
) -> Done | Job:
    """Does it to those that wait still, or lets a worker do it where they are many. Raises BatchRefused."""
    if len(item_ids) > AT_A_CLICK[action]:
        return request_decision(batch_id=batch_id, action=action, by=by, item_ids=item_ids)
    return _decide(Batch.objects.get(pk=batch_id), action, item_ids, by, at, _silent)


def request_decision(*, batch_id: int, action: Action, by: User, item_ids: Collection[int]) -> Job:
    """Lets a worker do it. Raises BatchRefused."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch_id)
        if Job.objects.filter(pk=batch.job_id or 0, state__in=ACTIVE).exists():
            raise BatchRefused("Somebody has this batch planned anew, confirmed or discarded already.")
        job = create_job(kind=BY_WORKER[action], by=by)
        job.result = {"batch": batch_id, "action": action, "items": sorted(item_ids)}
        job.save(update_fields=["result"])
        batch.job = job
        batch.save(update_fields=["job"])
    async_task("routing.jobs.decide_batch", job.pk)
    return job


def run_decision(*, job_id: int, now: datetime.datetime | None = None) -> None:
    """Does what was asked for, be it to confirm, to discard or to hold back, once. Cancelled in the middle, what was
    done by then stays so."""
    asked = Job.objects.select_related("requested_by").get(pk=job_id)

    def work(report: Report, finish: Finish) -> None:
        wanted, by, at = asked.result, asked.requested_by, now or timezone.now()
        batch = Batch.objects.get(pk=wanted["batch"])
        if by is None:
            raise BatchRefused("Who asked for it is gone.")
        done = _decide(batch, Action(wanted["action"]), wanted["items"], by, at, report)
        finish({"batch": batch.pk, "action": done.action, "count": done.count, "conflicts": done.conflicts})

    run_job(job_id=job_id, work=work, refusals=(BatchRefused,))


def _decide(
    batch: Batch, action: Action, item_ids: Collection[int], by: User, at: datetime.datetime, say: Say
) -> Done:
    conflicts = 0
    if action == Action.APPROVE:
        items = _chosen(batch, item_ids)
        found = confirm_some(
            batch=batch, items=items, by=by, at=at, say=lambda done, total: say("Assigning", done, total)
        )
        count, conflicts = found.approved, found.conflicts
    elif action == Action.DISCARD:
        count = _discard(batch, item_ids, by, at, say)
    else:
        count = _hold_back(batch, item_ids, by, at, say)
    _close_if_done([batch.pk], at)
    return Done(action, count, conflicts)


def _hold_back(batch: Batch, item_ids: Collection[int], by: User, at: datetime.datetime, say: Say) -> int:
    """How many were; what somebody decided meanwhile is passed over."""
    chosen, held = _ids(_chosen(batch, item_ids)), 0
    for place, item_id in enumerate(chosen):
        say("Holding back", place, len(chosen))
        with suppress(AlreadyDecided):
            hold_back(item_id=item_id, by=by, at=at)
            held += 1
    return held


def discard(
    *, batch_id: int, by: User, at: datetime.datetime, item_ids: Collection[int] | None = None
) -> int:
    """Withdraws proposals; their opportunities wait for the next run. How many."""
    count = _discard(Batch.objects.get(pk=batch_id), item_ids, by, at, _silent)
    _close_if_done([batch_id], at)
    return count


def _discard(
    batch: Batch, item_ids: Collection[int] | None, by: User, at: datetime.datetime, say: Say
) -> int:
    """Stopped in the middle, what was dropped by then waits, and the sweep routes it."""
    chosen, dropped = _ids(_chosen(batch, item_ids)), []
    for place, item_id in enumerate(chosen):
        say("Withdrawing", place, len(chosen))
        if (opportunity_id := _drop(item_id, batch, by, at)) is not None:
            dropped.append(opportunity_id)
    for place, opportunity_id in enumerate(dropped):
        say("Putting off to the next run", place, len(dropped))
        route(opportunity_id=opportunity_id)
    return len(dropped)


def _ids(items: QuerySet[BatchItem]) -> Sequence[int]:
    return list(items.order_by("opportunity_id").values_list("pk", flat=True))


@transaction.atomic
def _drop(item_id: int, batch: Batch, by: User, at: datetime.datetime) -> int | None:
    """The opportunity, which waits again; None where somebody was faster."""
    try:
        item, waits = _lock(item_id)
    except AlreadyDecided:
        return None
    let_wait(waits.opportunity, by=by, at=at, note=f"Batch {batch.pk} was discarded by {by.name}")
    return item.opportunity_id


def _chosen(batch: Batch, item_ids: Collection[int] | None) -> QuerySet[BatchItem]:
    items = proposals_of(batch)
    return items if item_ids is None else items.filter(pk__in=item_ids)


def confirm_due(*, at: datetime.datetime) -> int:
    """Batches that confirm themselves, whose time is up; how many were. None in a pause."""
    if is_paused():
        return 0
    due = Batch.objects.filter(state=Batch.State.REVIEW, confirms_itself=True, expires_at__lte=at)
    found = list(due.order_by("expires_at", "pk").values_list("pk", flat=True))
    for batch_id in found:
        confirm(batch_id=batch_id, by=None, at=at)
    return len(found)


def close_done(*, at: datetime.datetime) -> int:
    """Closes batches of which nothing waits any more, whoever decided it; how many."""
    review = Batch.objects.filter(state=Batch.State.REVIEW).values_list("pk", flat=True)
    return _close_if_done(list(review), at)


def _close_if_done(batch_ids: Collection[int], at: datetime.datetime) -> int:
    waiting = QueueItem.objects.filter(
        batch_items__batch__in=batch_ids, state=QueueItem.State.PENDING, kind=QueueItem.Kind.SUGGESTION
    )
    open_ones = set(waiting.values_list("batch_items__batch_id", flat=True))
    done = Batch.objects.filter(pk__in=set(batch_ids) - open_ones, state=Batch.State.REVIEW)
    return done.update(state=Batch.State.CLOSED, closed_at=at)
