"""The product tried on a file of deals: from the command line at once, from the browser as a job.

A file is read before it is accepted, so that what is wrong with it is said at once, beside the field. Its rows leave
the database when the evaluation ends; the figures stay.
"""

import datetime

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task
from threadpoolctl import threadpool_limits

from reps.models import User
from reps.services.jobs import Finish, Report, create_job, run_job
from routing.engine.learning.deal_file import DealFile, read_deals
from routing.engine.learning.evaluation import Evaluation, check_sizes, evaluate
from routing.engine.learning.fit import CannotTrain
from routing.models import HistoryCheck

KIND = "history_check"


def evaluate_file(content: bytes, *, as_of: datetime.date) -> Evaluation:
    """Raises Unreadable, BadDeals (naming rows and fields) and CannotTrain."""
    return evaluate_deals(read_deals(content), as_of=as_of)


def evaluate_deals(found: DealFile, *, as_of: datetime.date) -> Evaluation:
    """Raises CannotTrain."""
    warnings = list(found.warnings)
    if found.open_count:
        warnings.append(f"{found.open_count:,} rows have no outcome yet and were left aside.")
    with threadpool_limits(limits=1):
        return evaluate(found.deals, as_of=as_of, inputs=found.inputs, labels=found.labels, warnings=warnings)


def request_check(*, name: str, content: bytes, as_of: datetime.date, by: User) -> HistoryCheck:
    """Hands the file to a worker. Raises Unreadable, BadDeals and CannotTrain for what a glance can tell."""
    check_sizes(read_deals(content).deals, as_of=as_of)
    with transaction.atomic():
        job = create_job(kind=KIND, by=by)
        check = HistoryCheck.objects.create(
            name=name[:255], content=content, as_of=as_of, job=job, requested_by=by, created_at=timezone.now()
        )
    async_task("routing.jobs.check_history", job.pk)
    return check


def run_check(*, job_id: int) -> None:
    """Does the work of a queued check, once."""
    check = HistoryCheck.objects.get(job=job_id)

    def work(report: Report, finish: Finish) -> None:
        report("Reading the deals", 0, 2)
        found = read_deals(bytes(check.content or b""))
        report("Training and scoring", 1, 2)
        finish(evaluate_deals(found, as_of=check.as_of).to_json())

    try:
        run_job(job_id=job_id, work=work, refusals=(CannotTrain,))
    finally:
        HistoryCheck.objects.filter(pk=check.pk).update(content=None)
