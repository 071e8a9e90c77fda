"""Asking for a batch, giving it up, and what becomes of one whose worker died.

Of a policy one batch is planned at a time: a constraint in the database says so, whatever the number of workers.
Nothing of a batch is there before it is published, in the transaction that ends its job; so one that was given up left
nothing, and what waited for it waits still.
"""

import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django_q.tasks import async_task

from reps.models import Job, User
from reps.services.jobs import ACTIVE, cancel_job, create_job, fail_job, give_up_if_stopped
from routing.models import Batch, BatchPart, BatchWait
from routing.queries.automation import is_paused

KIND = "batch"
TASK = "routing.jobs.plan_batch"
FORGOTTEN_AFTER = datetime.timedelta(minutes=30)  # queued so long, its task is lost or nobody works
TRIES = 3
TRIED_AGAIN_AFTER = datetime.timedelta(minutes=10)  # where one after the other failed


class BatchRefused(Exception):
    """There can be no batch now; the message says why."""


def request_batch(*, policy_name: str, by: User | None, at: datetime.datetime) -> Batch:
    """Asks a worker for the policy's batch. Raises BatchRefused."""
    batch = open_batch(policy_name=policy_name, by=by, at=at)
    async_task(TASK, batch.job_id)
    return batch


def open_batch(*, policy_name: str, by: User | None, at: datetime.datetime) -> Batch:
    """The batch with its job, without handing it to a worker. Raises BatchRefused."""
    if is_paused():
        raise BatchRefused("Automation is paused. Resume it, then run the batch.")
    if not BatchWait.objects.filter(policy_name=policy_name).exists():
        raise BatchRefused(f"Nothing waits for a batch of “{policy_name}”.")
    try:
        with transaction.atomic():
            job = create_job(kind=KIND, by=by)
            return Batch.objects.create(policy_name=policy_name, job=job, requested_by=by, requested_at=at)
    except IntegrityError as error:
        raise BatchRefused(f"A batch of “{policy_name}” is being planned already.") from error


def cancel_batch(*, batch_id: int, at: datetime.datetime) -> bool:
    """Cancels what is being planned, anew too; False where it is over. What is published stays."""
    batch = Batch.objects.get(pk=batch_id)
    if batch.job_id is None or not cancel_job(job_id=batch.job_id, at=at):
        return False
    settle(at=at)
    return True


@transaction.atomic
def settle(*, at: datetime.datetime) -> int:
    """Batches whose job ended without publishing them, or whose worker gives no sign of life: marked as what they are.
    Returns how many."""
    ended = 0
    for batch in Batch.objects.filter(state=Batch.State.PLANNING).select_for_update().order_by("pk"):
        job = Job.objects.filter(pk=batch.job_id or 0).first()
        if job is not None and _goes_on(job, at):
            continue
        if job is not None:
            job.refresh_from_db()
        cancelled = job is not None and job.state == Job.State.CANCELLED
        batch.state = Batch.State.CANCELLED if cancelled else Batch.State.FAILED
        batch.error = "" if cancelled or job is None else job.error
        batch.closed_at = at
        batch.save(update_fields=["state", "error", "closed_at"])
        forget_parts(batch_id=batch.pk, at=at)
        ended += 1
    return ended


@transaction.atomic
def forget_parts(*, batch_id: int, at: datetime.datetime) -> None:
    """Of a batch that is given up, or planned from the beginning: workers stop, and what they found goes."""
    parts = BatchPart.objects.filter(batch=batch_id)
    for job_id in parts.values_list("job_id", flat=True):
        cancel_job(job_id=job_id, at=at)
    parts.delete()


def _goes_on(job: Job, at: datetime.datetime) -> bool:
    """Whether it is at work or will be; gives it up where it is not."""
    if job.state not in ACTIVE:
        return False
    if job.state == Job.State.QUEUED and at - job.created_at > FORGOTTEN_AFTER:
        return not fail_job(job_id=job.pk, error="No worker took it up.", at=at)
    return not give_up_if_stopped(job_id=job.pk, at=timezone.now())


def request_due(*, at: datetime.datetime) -> list[Batch]:
    """Asks workers for the batches whose time has come; those that failed again and again less often."""
    found = open_due(at=at)
    for batch in found:
        async_task(TASK, batch.job_id)
    return found


def open_due(*, at: datetime.datetime) -> list[Batch]:
    """The same without handing them to a worker."""
    settle(at=at)
    found = []
    names = BatchWait.objects.filter(due_at__lte=at).order_by().values_list("policy_name", flat=True)
    for name in sorted(set(names)):
        if Batch.objects.filter(policy_name=name, state=Batch.State.PLANNING).exists() or _rests(name, at):
            continue
        try:
            found.append(open_batch(policy_name=name, by=None, at=at))
        except BatchRefused:
            continue  # another worker was faster
    return found


def _rests(policy_name: str, at: datetime.datetime) -> bool:
    """Whether its last tries failed, and the newest just now."""
    last = list(Batch.objects.filter(policy_name=policy_name).order_by("-pk")[:TRIES])
    failed = [batch for batch in last if batch.state == Batch.State.FAILED]
    if len(failed) < TRIES:
        return False
    newest = failed[0].closed_at
    return newest is not None and at - newest < TRIED_AGAIN_AFTER
