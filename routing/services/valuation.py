"""What another model or configuration would have won: asked for on a page, computed by a worker, kept in the job.

The job's result holds what was asked from the beginning ("asked"), and at its end the sentences of the answer. It reads
only, so one whose worker died is simply asked again.
"""

import datetime
from typing import Any

from django.utils import timezone
from django_q.tasks import async_task

from reps.engine.unavailable import Unavailable
from reps.models import Job, User
from reps.services.jobs import ACTIVE, Finish, Report, create_job, give_up_if_stopped, run_job
from routing.models import ConfigurationVersion, ModelVersion
from routing.queries.off_policy import Target, in_words, value_from_log

KIND = "value_from_log"
FORGOTTEN = datetime.timedelta(hours=1)  # what no worker has taken up by then does not stop the same question


class NothingToValue(Exception):
    """The model or the configuration that was asked for is gone."""


def request_valuation(
    *, model: ModelVersion | None, configuration: ConfigurationVersion | None, days: int, by: User
) -> Job:
    """Asks the worker; the same question while it is under way is that one's job."""
    asked = {
        "model": model.number if model else None,
        "configuration": configuration.number if configuration else None,
        "days": days,
    }
    now = timezone.now()
    for job in Job.objects.filter(
        kind=KIND, state__in=ACTIVE, result__asked=asked, created_at__gt=now - FORGOTTEN
    ):
        if not give_up_if_stopped(job_id=job.pk, at=now):
            return job
    job = create_job(kind=KIND, by=by)
    Job.objects.filter(pk=job.pk).update(result={"asked": asked})
    async_task("routing.jobs.value_from_log", job.pk)
    return job


def run_valuation(*, job_id: int) -> None:
    """Does the work of a queued valuation, once."""
    asked: dict[str, Any] = Job.objects.get(pk=job_id).result["asked"]

    def work(report: Report, finish: Finish) -> None:
        target = Target(
            model=_numbered(ModelVersion, asked["model"]),
            configuration=_numbered(ConfigurationVersion, asked["configuration"]),
        )
        since = timezone.now() - datetime.timedelta(days=asked["days"])
        found = value_from_log(
            target, since=since, say=lambda done, total: report("Deciding again", done, total)
        )
        told = not isinstance(found, Unavailable) and not isinstance(found.doubly_robust, Unavailable)
        finish({"asked": asked, "sentences": list(in_words(found)), "is_told": told})

    run_job(job_id=job_id, work=work, refusals=(NothingToValue,))


def _numbered(model: Any, number: int | None) -> Any:
    if number is None:
        return None
    found = model.objects.filter(number=number).first()
    if found is None:
        raise NothingToValue(f"There is no {model._meta.verbose_name} {number} any more.")
    return found
