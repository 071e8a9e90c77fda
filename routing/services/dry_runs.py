"""Trying the draft on the past: asked for on a page, played by a worker, kept in the job. It changes nothing."""

import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django_q.tasks import async_task

from reps.models import Job, User
from reps.services.jobs import Finish, Report, create_job, run_job
from routing.engine.configuration import Configuration, ConfigurationError
from routing.engine.dry_run import DryRun, Say, dry_run
from routing.engine.model import MatchModel
from routing.queries.configuration import compiled, content_hash, live_version, working_content
from routing.queries.dry_runs import KIND, Period, as_json, count_arrivals, load_arrivals, load_owned
from routing.queries.inputs import match_model
from routing.queries.live import load_roster
from routing.queries.models import champion_version
from routing.queries.state import load_absences


class NothingToTry(Exception):
    """The draft cannot be tried on the period; the message says why."""


def request_dry_run(*, first: datetime.datetime, last: datetime.datetime, by: User | None) -> Job:
    """Asks the worker. Raises NothingToTry for an empty period or a draft that cannot be used."""
    period = Period(first, last)
    if not count_arrivals(period):
        raise NothingToTry("Nothing came in during these days. Choose others.")
    try:
        Configuration.from_content(0, working_content())
    except ConfigurationError as error:
        raise NothingToTry(str(error)) from error
    job = create_job(kind=KIND, by=by)
    job.result = {"first": first.isoformat(), "last": last.isoformat()}
    job.save(update_fields=["result"])
    async_task("routing.jobs.try_draft", job.pk)
    return job


def run_dry_run(*, job_id: int) -> None:
    """Does the work of a queued dry-run, once."""
    asked: dict[str, Any] = Job.objects.get(pk=job_id).result
    first, last = parse_datetime(asked["first"]), parse_datetime(asked["last"])
    assert first is not None
    assert last is not None

    def work(report: Report, finish: Finish) -> None:
        report("Reading what came in", 0, 0)
        content = working_content()
        found = play(
            Period(first, last), content, say=lambda done, total: report("Deciding again", done, total)
        )
        finish({**asked, "draft": content_hash(content), "live": live_version().number, **as_json(found)})

    run_job(job_id=job_id, work=work, refusals=(ConfigurationError,))


def play(
    period: Period,
    content: dict[str, Any],
    *,
    model: MatchModel | None = None,
    say: Say = lambda done, total: None,
) -> DryRun:
    """The live configuration and the champion against the given content, and the given model if any, on the period.
    Raises ConfigurationError."""
    roster, _ = load_roster(timezone.localdate())
    return dry_run(
        load_arrivals(period),
        load_owned(period),
        roster,
        match_model(champion_version().pk),
        compiled(live_version().pk),
        Configuration.from_content(0, content),
        after_model=model,
        absences=load_absences(period.first, period.last, roster=roster),
        say=say,
    )
