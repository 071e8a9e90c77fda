"""Batches as the API answers them: the same numbers as their pages, as numbers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet

from reps.models import Job, User
from reps.queries import organisation
from reps.queries.people import reps_visible_to
from routing.engine.batch.plan import WhyNot
from routing.models import Batch, BatchItem
from routing.queries.batch_totals import totals_of
from routing.queries.batch_worth import loads, proof, walls
from routing.queries.batches import items_visible_to, left_out, sizes_of


def with_batch_records(batches: QuerySet[Batch]) -> QuerySet[Batch]:
    return batches.select_related("requested_by", "job")


def batch_answers(batches: Sequence[Batch], user: User) -> list[dict[str, Any]]:
    """Each with how many of it the user may see, and how many of these wait; one query."""
    sizes = sizes_of(batches, user)
    return [_batch(batch, *sizes.get(batch.pk, (0, 0))) for batch in batches]


def _batch(batch: Batch, size: int, waiting: int) -> dict[str, Any]:
    by = batch.requested_by
    return {
        "id": batch.pk,
        "policy": batch.policy_name,
        "state": batch.state,
        "objective": batch.objective,
        "requested_at": batch.requested_at,
        "requested_by": None if by is None else {"id": by.pk, "name": by.name},
        "published_at": batch.published_at,
        "expires_at": batch.expires_at,
        "confirms_itself": batch.confirms_itself,
        "closed_at": batch.closed_at,
        "configuration": batch.configuration_id,
        "model": batch.model_id,
        "items": size,
        "waiting": waiting,
        "error": batch.error,
        "job": None if batch.job is None else job_answer(batch.job),
    }


def job_answer(job: Job) -> dict[str, Any]:
    """How far a worker is with it."""
    return {
        "id": job.pk, "kind": job.kind, "state": job.state, "stage": job.stage, "done": job.done,
        "total": job.total, "error": job.error,
    }  # fmt: skip


def batch_detail(batch: Batch, user: User) -> dict[str, Any]:
    """With what it is worth and why: of the items and reps that the user may see."""
    items = items_visible_to(user, batch)
    return {
        **batch_answers([batch], user)[0],
        "currency": organisation().base_currency,
        "totals": asdict(totals_of(items)),
        "nobody": [{"why": one.why, "filter": one.shown, "count": one.count} for one in left_out(items)],
        "loads": [
            {"rep": {"id": one.rep.pk, "name": one.rep.name}, "before": one.before, "after": one.after,
             "max_open": one.max_open, "status": one.band}
            for one in loads(batch, user)
        ],
        "prices": _prices(batch, user),
        "walls": [{"wall": one.what, "adds": one.adds, "is_exact": one.is_exact, "example": one.example}
                  for one in walls(batch, user)],
        "proof": _proof(batch),
    }  # fmt: skip


def _prices(batch: Batch, user: User) -> list[dict[str, Any]]:
    names = dict(reps_visible_to(user).values_list("pk", "name"))
    return [
        {"rep": {"id": row["rep"], "name": names[row["rep"]]}, "price": row["price"], "adds": row["checked"]}
        for row in batch.found.get("slots", ())
        if row["rep"] in names
    ]


def _proof(batch: Batch) -> dict[str, Any] | None:
    if not batch.found:
        return None
    found = batch.found
    return {
        "sentence": proof(batch, batch.items.count()), "objective": found["objective"], "gap": found["gap"],
        "is_verified": found["verified"], "reps": found["reps"], "pairs": found["pairs"],
        "is_chance": found["is_chance"],
    }  # fmt: skip


def with_answered_records(items: QuerySet[BatchItem]) -> QuerySet[BatchItem]:
    return items.select_related("opportunity", "rep", "alone_rep", "edited_by", "queue_item")


def item_answer(item: BatchItem) -> dict[str, Any]:
    waits, lead = item.queue_item, item.opportunity
    return {
        "id": item.pk,
        "position": item.position,
        "opportunity": {"id": lead.pk, "external_id": lead.external_id, "name": lead.name},
        "rep": _named(item.rep),
        "why_not": "" if item.rep_id or item.edit else WhyNot(item.why_not).label,
        "score": item.score,
        "value": item.value,
        "chance": item.chance,
        "chance_low": item.low,
        "worth": item.worth,
        "one_by_one": _named(item.alone_rep),
        "state": "assigned" if waits is None else waits.state,
        "kind": None if waits is None else waits.kind,
        "queue_item": item.queue_item_id,
        "decision": item.decision_id,
        "edit": item.edit,
        "edited_by": _named(item.edited_by),
        "edited_at": item.edited_at,
        "conflict": item.conflict,
    }


def _named(record: Any) -> dict[str, Any] | None:
    return None if record is None else {"id": record.pk, "name": record.name}
