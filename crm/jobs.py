"""Imports in the background: small ones at once, others by a worker, with progress that pages read.

Every one may be delivered twice or be killed in the middle: a job is claimed once, its work is one transaction.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from crm.models import ImportRun
from crm.queries.imports import size_of
from crm.services.imports import ImportRefused, check_run, write_run
from crm.services.imports.starting import start
from reps.models import Job, User
from reps.services.jobs import Finish, Report, run_job

AT_ONCE_BYTES = 1_000_000  # about ten thousand rows: done in the time in which a page loads


def begin_check(*, run: ImportRun, by: User) -> Job:
    """Checks a run, unless that is under way already."""
    return _begin(run, "import_check", by, check_import, ())


def begin_write(*, run: ImportRun, accept_good: bool, by: User) -> Job:
    """Writes a run, unless that is under way already. Two clicks run it once."""
    return _begin(run, "import_write", by, write_import, (accept_good,))


def _begin(run: ImportRun, kind: str, by: User, work: Callable[..., None], arguments: tuple[Any, ...]) -> Job:
    job, is_new = start(run=run, kind=kind, by=by, at=timezone.now())
    if is_new and size_of(run) <= AT_ONCE_BYTES:
        work(run.pk, job.pk, *arguments)
        job.refresh_from_db()
    elif is_new:
        name = f"crm.jobs.{work.__name__}"
        transaction.on_commit(partial(async_task, name, run.pk, job.pk, *arguments, group=kind))
    return job


def check_import(run_id: int, job_id: int) -> None:
    """Checks every row; the findings are in the run."""
    run = ImportRun.objects.get(pk=run_id)

    def work(report: Report, finish: Finish) -> None:
        with transaction.atomic():
            findings = check_run(run=run, progress=report)
            finish(findings["targets"])

    run_job(job_id=job_id, work=work, refusals=(ImportRefused,))


def write_import(run_id: int, job_id: int, accept_good: bool) -> None:
    """Writes the run in one transaction, which also ends the job: cancelled before that, it leaves nothing."""
    run = ImportRun.objects.get(pk=run_id)

    def work(report: Report, finish: Finish) -> None:
        write_run(
            run=run,
            accept_good=accept_good,
            at=timezone.now(),
            progress=report,
            finish=lambda: finish(run.report["targets"]),
        )

    run_job(job_id=job_id, work=work, refusals=(ImportRefused,))
