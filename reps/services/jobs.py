"""Long work with honest progress: created once, started once, told as it goes, ended by what really happened.

Progress is written by a thread with a connection of its own, so that pages see it while the work's transaction is
open. The same thread is the heartbeat: when the worker dies it stops, and the job counts as stopped soon after.
A job that ends inside its work's transaction (`finish_job`) is done exactly when the work is committed, so cancelling
one that has not committed leaves nothing.
"""

import datetime
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from reps.models import Job, User

BEAT_SECONDS = 1.0
STOPPED_AFTER = datetime.timedelta(seconds=30)  # without a heartbeat
ACTIVE = (Job.State.QUEUED, Job.State.RUNNING)

Report = Callable[[str, int, int], None]
Finish = Callable[[Mapping[str, Any]], None]
logger = logging.getLogger(__name__)


class JobCancelled(Exception):
    """Somebody cancelled the job, or it was given up for dead: its work must not be kept."""


def create_job(*, kind: str, by: User | None) -> Job:
    return Job.objects.create(kind=kind, requested_by=by)


def start_job(*, job_id: int, at: datetime.datetime) -> bool:
    """Claims a queued job; False where it was started before, cancelled, or is gone. A second delivery stops here."""
    queued = Job.objects.filter(pk=job_id, state=Job.State.QUEUED)
    return bool(queued.update(state=Job.State.RUNNING, started_at=at, heartbeat_at=at))


def finish_job(*, job_id: int, result: Mapping[str, Any], at: datetime.datetime) -> None:
    """Ends a running job, in the transaction of its work. Raises JobCancelled where it may not end any more."""
    running = Job.objects.filter(pk=job_id, state=Job.State.RUNNING)
    if not running.update(state=Job.State.DONE, result=dict(result), finished_at=at, stage="", error=""):
        raise JobCancelled


def fail_job(*, job_id: int, error: str, at: datetime.datetime) -> bool:
    """Ends an active job with what went wrong, in words for people."""
    active = Job.objects.filter(pk=job_id, state__in=ACTIVE)
    return bool(active.update(state=Job.State.FAILED, error=error, finished_at=at))


def cancel_job(*, job_id: int, at: datetime.datetime) -> bool:
    """Cancels a job that has not ended; False where it has. Its work is rolled back by whoever does it."""
    active = Job.objects.filter(pk=job_id, state__in=ACTIVE)
    return bool(active.update(state=Job.State.CANCELLED, finished_at=at))


def is_stopped(job: Job, *, at: datetime.datetime) -> bool:
    """Whether the worker of a running job gives no sign of life any more."""
    return (
        job.state == Job.State.RUNNING
        and job.heartbeat_at is not None
        and at - job.heartbeat_at > STOPPED_AFTER
    )


@transaction.atomic
def give_up_if_stopped(*, job_id: int, at: datetime.datetime) -> bool:
    """Marks a job whose worker died as failed, so that it can be started again. Should the worker live after all, it
    cannot commit."""
    job = Job.objects.select_for_update(no_key=True).get(pk=job_id)
    return is_stopped(job, at=at) and fail_job(
        job_id=job_id, error="The worker stopped before it was done. Nothing was kept; start it again.", at=at
    )


def run_job(
    *, job_id: int, work: Callable[[Report, Finish], None], refusals: tuple[type[Exception], ...] = ()
) -> None:
    """Does the work of a queued job, once. `work` reports as it goes and calls `finish` with its result at the end.
    What is in `refusals` ends the job with the exception's own words; anything else is logged and raised."""
    if not start_job(job_id=job_id, at=timezone.now()):
        return
    try:
        with reporting(job_id) as report:
            work(report, lambda result: finish_job(job_id=job_id, result=result, at=timezone.now()))
    except JobCancelled:
        logger.info("job %s was cancelled", job_id)
    except refusals as refusal:
        fail_job(job_id=job_id, error=str(refusal), at=timezone.now())
    except Exception:
        error = "Something went wrong that we did not expect. Nothing was kept."
        fail_job(job_id=job_id, error=error, at=timezone.now())
        raise


# --- progress --------------------------------------------------------------------------------------------------------


class _Beat(threading.Thread):
    """Writes where the work stands, every second, and learns whether somebody cancelled it."""

    def __init__(self, job_id: int) -> None:
        super().__init__(name=f"progress of job {job_id}", daemon=True)
        self.job_id = job_id
        self.stage, self.done, self.total = "", 0, 0
        self.is_cancelled = False
        self.over = threading.Event()

    def report(self, stage: str, done: int, total: int) -> None:
        if self.is_cancelled:
            raise JobCancelled
        self.stage, self.done, self.total = stage[:120], min(done, total), total

    def run(self) -> None:
        try:
            while not self.over.wait(BEAT_SECONDS):
                self.write()
        finally:
            connection.close()  # the thread's own

    def write(self) -> None:
        job = Job.objects.filter(pk=self.job_id)
        told = job.filter(state=Job.State.RUNNING).update(
            stage=self.stage, done=self.done, total=self.total, heartbeat_at=timezone.now()
        )
        if not told:
            state = job.values_list("state", flat=True).first()
            self.is_cancelled = state in (Job.State.CANCELLED, Job.State.FAILED)


@contextmanager
def reporting(job_id: int) -> Iterator[Report]:
    """A function that tells progress; it raises JobCancelled once the job was cancelled."""
    beat = _Beat(job_id)
    beat.start()
    try:
        yield beat.report
    finally:
        beat.over.set()
        beat.join(timeout=10)
