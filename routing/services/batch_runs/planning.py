"""A worker plans a batch: reads what waits, finds the best for all together, and publishes it in one transaction.

Everything that takes long comes before any lock: the decisions are prepared, with scores and traces packed. Then the
opportunities and the reps are locked, limits are checked on the locked rows, and what others took meanwhile is left out
and decided by itself afterwards; so real-time routing waits for the writing only.

Planning anew around a person's edits is the same, with the proposals' own slots set free and the edited ones fixed. A
large batch that falls into parts which share no rep is planned by all workers (`parts`), and published as one.
"""

import datetime
import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from reps.services.jobs import Finish, Report, run_job
from routing.models import Batch
from routing.services.automation import AutomationPaused
from routing.services.batch_runs import parts
from routing.services.batch_runs.asking import BatchRefused, settle
from routing.services.batch_runs.proposing import Planned, plan
from routing.services.batch_runs.publishing import publish
from routing.services.batch_runs.reading import Moment, moment_of, read, waiting_ids
from routing.services.decided import keep_roster
from routing.services.decisions import route
from telemetry.traces import span

log = logging.getLogger(__name__)


def run_batch(
    *, job_id: int, now: datetime.datetime | None = None, echo: Callable[[str, int, int], None] | None = None
) -> None:
    """Does the work of a batch that was asked for, once. `now` is for simulated time; `echo` is told each stage,
    besides the job."""
    apart = Apart([], [])

    def work(report: Report, finish: Finish) -> None:
        def say(stage: str, done: int, total: int) -> None:
            report(stage, done, total)
            if echo is not None:
                echo(stage, done, total)

        batch = Batch.objects.get(job=job_id)
        found = _plan(batch, now or timezone.now(), now, say, finish)
        apart.elsewhere.extend(found.elsewhere)
        apart.left_out.extend(found.left_out)

    try:
        run_job(job_id=job_id, work=work, refusals=(BatchRefused, AutomationPaused))
    finally:
        settle(at=now or timezone.now())
    for opportunity_id in apart.elsewhere:
        _route(opportunity_id, now)
    for opportunity_id in apart.left_out:
        _route(opportunity_id, now, in_batch=True)


def _route(opportunity_id: int, now: datetime.datetime | None, *, in_batch: bool = False) -> None:
    """What the batch did not decide; the sweep tries again what fails."""
    try:
        route(opportunity_id=opportunity_id, at=now, in_batch=in_batch)
    except Exception:
        log.exception("opportunity %s could not be routed; it stays waiting", opportunity_id)


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
    moment = moment_of(batch, at)
    ids = waiting_ids(batch, is_again=moment.is_again)
    if not ids:
        raise BatchRefused("Nothing waits for it any more.")
    if moment.policy is None:
        _end_empty(batch, at, finish)
        return Apart([] if moment.is_again else ids, [])
    with span("batch plan", opportunities=len(ids)):
        planned = _planned(batch, ids, moment, report)
    report("Publishing", 0, 0)
    _describe(batch, moment, planned)
    keep_roster(moment.live)  # committed by itself: whoever routes meanwhile stores the same one
    with span("batch publish"), transaction.atomic():
        published = publish(
            batch=batch,
            proposals=planned.proposals,
            kept=planned.kept,
            at=now,
            prepare=planned.prepare,
        )
        batch.parts.all().delete()
        finish({"batch": batch.pk, "published": published.count, "conflicts": len(published.left_out)})
    return Apart(planned.elsewhere, published.left_out)


def _planned(batch: Batch, ids: list[int], moment: Moment, report: Report) -> Planned:
    positions = {pk: place for place, pk in enumerate(ids, start=1)}
    split = parts.split(batch, positions, moment, report)
    if len(split) > 1:
        return parts.planned_by_all(batch, split, moment, report)
    return plan(batch, read(batch, positions, is_again=moment.is_again), moment, report)


def _describe(batch: Batch, moment: Moment, planned: Planned) -> None:
    """What the batch says of itself, not stored yet."""
    assert moment.policy is not None
    schedule = moment.policy.batch
    assert schedule is not None
    batch.configuration_id, batch.model_id = moment.live.configuration_id, moment.live.model_id
    batch.objective, batch.confirms_itself = schedule.objective, schedule.confirms
    batch.found = planned.found
    if schedule.expiry_hours is not None and not moment.is_again:
        batch.expires_at = moment.at + datetime.timedelta(hours=schedule.expiry_hours)


def _end_empty(batch: Batch, at: datetime.datetime, finish: Finish) -> None:
    """The policy is no batch any more: what waited for it is routed as its policy says now."""
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(state=Batch.State.CLOSED, closed_at=at)
        finish({"batch": batch.pk, "published": 0, "conflicts": 0})
