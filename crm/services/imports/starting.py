"""Starting, stopping and discarding an import that somebody works on in the browser."""

import datetime

from django.db import transaction

from crm.models import ImportFile, ImportRun
from crm.services.imports.files import ImportRefused
from reps.models import Job, User
from reps.services.jobs import ACTIVE, cancel_job, create_job, fail_job, give_up_if_stopped

FORGOTTEN_AFTER = datetime.timedelta(minutes=30)  # queued so long, its task is lost or nobody works


def lock_run(run: ImportRun) -> ImportRun:
    return ImportRun.objects.select_for_update(no_key=True, of=("self",)).select_related("job").get(pk=run.pk)


@transaction.atomic
def start(*, run: ImportRun, kind: str, by: User, at: datetime.datetime) -> tuple[Job, bool]:
    """The run's job of this kind, and whether it is new: one under way is given back, one whose worker died replaced.

    Raises ImportRefused where the run is over, or something else is done with it at the moment."""
    under_way = _under_way(run, at)  # without the lock, which a write holds until its end
    locked = None if under_way else lock_run(run)
    if locked is not None and locked.state in (ImportRun.State.DONE, ImportRun.State.ABANDONED):
        raise ImportRefused(f"This import is {locked.get_state_display().lower()} already.")
    under_way = under_way or _under_way(run, at)  # somebody may have been faster
    if under_way:
        if under_way.kind != kind:
            raise ImportRefused("This import is being worked on at the moment. Look again in a minute.")
        return under_way, False
    run.job = create_job(kind=kind, by=by)
    run.save(update_fields=["job"])
    return run.job, True


def _under_way(run: ImportRun, at: datetime.datetime) -> Job | None:
    """The run's job that is queued or running; one whose worker died, or that none took up, is ended first."""
    job = Job.objects.filter(pk__in=ImportRun.objects.filter(pk=run.pk).values("job")).first()
    if job is None or job.state not in ACTIVE or give_up_if_stopped(job_id=job.pk, at=at):
        return None
    if job.state == Job.State.QUEUED and at - job.created_at > FORGOTTEN_AFTER:
        fail_job(job_id=job.pk, error="No worker took it up.", at=at)
        return None
    return job


def cancel(*, run: ImportRun, at: datetime.datetime) -> bool:
    """Stops what is done with the run at the moment; False where that is over already."""
    return run.job_id is not None and cancel_job(job_id=run.job_id, at=at)


def abandon(*, run: ImportRun, at: datetime.datetime) -> None:
    """Discards an import that was not written, with its files. Raises ImportRefused where it was."""
    cancel(run=run, at=at)  # committed at once, so that a write under way sees it and lets go of the run
    _discard(run, at)


@transaction.atomic
def _discard(run: ImportRun, at: datetime.datetime) -> None:
    locked = lock_run(run)
    if locked.state == ImportRun.State.DONE:
        raise ImportRefused("This import was written already. What it brought stays.")
    ImportFile.objects.filter(run=locked).delete()
    locked.state, locked.finished_at = ImportRun.State.ABANDONED, at
    locked.save(update_fields=["state", "finished_at"])
