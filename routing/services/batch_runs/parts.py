"""A large batch in parts, planned by all workers and published as one.

Parts share no rep and no opportunity (`engine.batch.reach`), so their plans together are the best for the whole. Each
part is a job of its own, which any worker may take; the batch's own worker takes one after the other as well, so that a
single worker does it too, and waits for the others at the end. A part whose worker died is done again. What parts have
found stays invisible (`staging`) until the batch is published in one transaction, and goes with it.

What the whole would know better: a slot near capacity is priced by the part's own pairs, what has no value counts as
the middle one of its part, and what the walls between parts cost is said as "at most".
"""

import io
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from reps.models import Job
from reps.services.jobs import Finish, Report, create_job, give_up_if_stopped, run_job
from routing.engine.batch.across import Behind, Prices, dearest, prices_of, walls_across
from routing.engine.batch.draft import SLOTS_CHECKED, Draft
from routing.engine.batch.reach import parts_by_reach
from routing.engine.ladder import reach
from routing.engine.roster import Mask
from routing.models import Batch, BatchItem, BatchPart, BatchPiece, Decision
from routing.services.automation import AutomationPaused
from routing.services.batch_runs.asking import BatchRefused, forget_parts
from routing.services.batch_runs.proposing import (
    Planned,
    concerned,
    drafted,
    found_of,
    found_together,
    proposed,
)
from routing.services.batch_runs.publishing import AT_ONCE, Proposal
from routing.services.batch_runs.reading import Moment, Waiting, inputs_of_all, moment_of, read
from routing.services.batch_runs.staging import decisions_in, items_in, pack, proposals_in, unpack

TASK = "routing.jobs.plan_part"
READ_AT_ONCE = 1000
TRIES = 3
LOOKS_AGAIN_AFTER = 0.3  # seconds
CONTENT = ("positions", "found", "walls")  # of a part, which may be large
CHANGED = "The configuration or the model in force changed while the batch was planned. Run it again."

Positions = Mapping[int, int]  # by opportunity id: its place in the batch


# --- into parts -------------------------------------------------------------------------------------------------------


def split(batch: Batch, positions: Positions, moment: Moment, report: Report) -> list[Positions]:
    """The parts, the largest first; one where the batch is small or hangs together."""
    ids = list(positions)
    if len(ids) <= settings.BATCH_SPLIT_FROM:
        return [positions]
    reaches: list[Mask] = []
    known: dict[bytes, Mask] = {}
    row_of: list[int] = []
    for first in range(0, len(ids), READ_AT_ONCE):
        report("Who could have what, by territory and rules", first, len(ids))
        some = {pk: positions[pk] for pk in ids[first : first + READ_AT_ONCE]}
        waiting = read(batch, some, is_again=moment.is_again)
        for one in _reaches(waiting, moment):
            reaches.append(known.setdefault(one.tobytes(), one))
        row_of.extend(one.pk for one in waiting.opportunities)
    parts = parts_by_reach(reaches, settings.BATCH_PART_AT_LEAST)
    return [{row_of[row]: positions[row_of[row]] for row in rows} for rows in parts]


def _reaches(waiting: Waiting, moment: Moment) -> list[Mask]:
    """Who could have each; somebody whom a person chose always."""
    found, fixed, index = [], waiting.fixed, moment.live.roster.index
    for inputs in inputs_of_all(waiting.opportunities, moment):
        mask = reach(inputs).copy()
        chosen = index.get(fixed.get(inputs.facts.id, 0))
        if chosen is not None:
            mask[chosen] = True
        found.append(mask)
    return found


# --- by all workers ---------------------------------------------------------------------------------------------------


def planned_by_all(batch: Batch, split: Sequence[Positions], moment: Moment, report: Report) -> Planned:
    """The plan of the whole. Raises BatchRefused where a part failed."""
    try:
        hand_out(batch, split, moment)
        see_through(batch, report)
        return _gathered(batch, split, moment)
    except BaseException:
        forget_parts(batch_id=batch.pk, at=timezone.now())
        raise


@transaction.atomic
def hand_out(batch: Batch, split: Sequence[Positions], moment: Moment) -> None:
    """A job for each part."""
    forget_parts(batch_id=batch.pk, at=timezone.now())
    for number, positions in enumerate(split, start=1):
        part = BatchPart(
            batch=batch,
            number=number,
            positions=list(positions.items()),
            at=moment.at,
            configuration_id=moment.live.configuration_id,
            model_id=moment.live.model_id,
        )
        _give_to_a_worker(part)


def _give_to_a_worker(part: BatchPart) -> None:
    job = create_job(kind="batch_part", by=None)
    part.job, part.tries = job, part.tries + 1
    part.save()
    transaction.on_commit(lambda: async_task(TASK, job.pk))


def see_through(batch: Batch, report: Report) -> None:
    """Takes part after part until none is left, and waits for those that others took. Raises BatchRefused."""
    size = {number: len(positions) for number, positions in batch.parts.values_list("number", "positions")}
    stage = f"The best for all together, in {len(size)} parts"
    while True:
        parts = list(batch.parts.defer(*CONTENT).select_related("job").order_by("number"))
        waited_for = [part for part in parts if part.job.state != Job.State.DONE]
        done = sum(size.values()) - sum(size[part.number] for part in waited_for)
        say = partial(_say_whole, report, stage, done, sum(size.values()))
        say()
        if not waited_for:
            return
        queued = next((part for part in waited_for if part.job.state == Job.State.QUEUED), None)
        if queued is not None:
            plan_part(job_id=queued.job_id, also=say)
            continue
        for part in waited_for:
            _look_after(part)
        time.sleep(LOOKS_AGAIN_AFTER)


def _say_whole(report: Report, stage: str, done: int, total: int, *_of_part: object) -> None:
    """Where the whole batch stands, whatever a part says of itself."""
    report(stage, done, total)


def _look_after(part: BatchPart) -> None:
    """Hands a part out again whose worker died. Raises BatchRefused where it failed otherwise, or again and again."""
    if give_up_if_stopped(job_id=part.job_id, at=timezone.now()) and part.tries < TRIES:
        with transaction.atomic():
            _give_to_a_worker(part)
        return
    job = Job.objects.get(pk=part.job_id)
    if job.state in (Job.State.FAILED, Job.State.CANCELLED):
        raise BatchRefused(job.error or "A part of the batch was cancelled.")


def plan_part(*, job_id: int, also: Callable[[str, int, int], None] | None = None) -> None:
    """Plans one part, once, and keeps what it has found for the one who publishes. `also` is told each stage."""

    def work(report: Report, finish: Finish) -> None:
        def say(stage: str, done: int, total: int) -> None:
            report(stage, done, total)
            if also is not None:
                also(stage, done, total)

        part = BatchPart.objects.select_related("batch").get(job=job_id)
        moment = moment_of(part.batch, part.at)
        if (moment.live.configuration_id, moment.live.model_id) != (part.configuration_id, part.model_id):
            raise BatchRefused(CHANGED)
        waiting = read(part.batch, dict(part.positions), is_again=moment.is_again)
        founds: list[Draft] = []
        proposals: list[Proposal] = []
        kept: list[BatchItem] = []
        for found, decided in drafted(part.batch, waiting, moment, say, is_part=True):
            new, same = proposed(part.batch, found, decided, waiting)
            founds, proposals, kept = [*founds, found], [*proposals, *new], [*kept, *same]
        with transaction.atomic():
            _keep(part, founds, proposals, kept)
            finish({"batch": part.batch_id, "part": part.number, "opportunities": len(waiting.opportunities)})

    run_job(job_id=job_id, work=work, refusals=(BatchRefused, AutomationPaused))


# --- what a part has found --------------------------------------------------------------------------------------------


def _keep(part: BatchPart, founds: list[Draft], proposals: list[Proposal], kept: list[BatchItem]) -> None:
    part.found = {
        "whole": [found_of(found) for found in founds],
        "elsewhere": [pk for found in founds for pk in found.elsewhere],
    }
    part.walls = _packed(founds)
    part.save(update_fields=["found", "walls"])
    firsts = range(0, max(len(proposals), 1), AT_ONCE)
    contents = [pack(proposals[first : first + AT_ONCE], [] if first else kept) for first in firsts]
    BatchPiece.objects.bulk_create(
        [BatchPiece(part=part, number=number, content=one) for number, one in enumerate(contents)],
        batch_size=20,
    )


OF_PRICES, OF_WALL = ("rep", "price", "open_price"), ("opportunity", "rep", "excess", "high")


def _packed(founds: list[Draft]) -> bytes:
    """The part's prices, and what is behind its walls. Of several arms of an experiment the dearest price counts, since
    whoever opened the wall would compete with each."""
    found_prices = [
        prices_of(found.assembled.problem, found.plan, np.array(concerned(found), dtype=np.int64))
        for found in founds
    ]
    prices = dearest(found_prices)
    arrays: dict[str, Any] = {name: getattr(prices, name) for name in OF_PRICES}
    walls = [wall for found in founds for wall in found.behind]
    arrays["walls"] = np.array([name for name, _ in walls], dtype=np.str_)
    for number, (_, behind) in enumerate(walls):
        arrays |= {f"{name}_{number}": getattr(behind, name) for name in OF_WALL}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _unpacked(content: bytes) -> tuple[Prices, list[tuple[str, Behind]]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        walls = [
            (str(name), Behind(*(file[f"{column}_{number}"] for column in OF_WALL)))
            for number, name in enumerate(file["walls"])
        ]
        return Prices(*(file[name] for name in OF_PRICES)), walls


def _gathered(batch: Batch, split: Sequence[Positions], moment: Moment) -> Planned:
    """All parts' plans as one, but for the decisions: those are read some at a time."""
    positions = {pk: place for part in split for pk, place in part.items()}
    waiting = read(batch, positions, is_again=moment.is_again)
    opportunities = {one.pk: one for one in waiting.opportunities}
    planned = Planned([], [], {})
    pieces: dict[int, int] = {}
    walls: list[tuple[str, Behind]] = []
    prices: list[Prices] = []
    parts = list(batch.parts.order_by("number"))
    for part in parts:
        of_part, behind = _unpacked(bytes(part.walls))
        prices.append(of_part)
        walls.extend(behind)
        if not moment.is_again:
            planned.elsewhere.extend(part.found["elsewhere"])
        for piece_id, content in (
            part.pieces.order_by("number").values_list("pk", "content").iterator(chunk_size=1)
        ):
            staged = unpack(bytes(content))
            rows = [row["item"] for row in staged["rows"]]
            items = list(items_in(rows, batch, positions, waiting.items))
            planned.proposals.extend(proposals_in(staged, items, opportunities, moment))
            planned.kept.extend(items_in(staged["kept"], batch, positions, waiting.items))
            pieces |= {item.opportunity_id: piece_id for item in items}
    across = walls_across(walls, prices)
    found = found_together([whole for part in parts for whole in part.found["whole"]], across, SLOTS_CHECKED)
    planned.found, planned.prepare = found, _Decisions(pieces)
    return planned


class _Decisions:
    """Reads the decisions of proposals that are to be published next, a piece at a time."""

    def __init__(self, piece_of: Mapping[int, int]) -> None:
        self._piece_of = piece_of
        self._piece: tuple[int, dict[int, Decision]] = (0, {})

    def __call__(self, some: Sequence[Proposal]) -> None:
        for one in some:
            piece_id = self._piece_of[one.opportunity.pk]
            if self._piece[0] != piece_id:
                content = BatchPiece.objects.values_list("content", flat=True).get(pk=piece_id)
                self._piece = (piece_id, decisions_in(unpack(bytes(content))))
            one.ready = self._piece[1][one.opportunity.pk]
