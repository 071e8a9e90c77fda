"""Backtests: asked for on a page, played by a worker, kept in the job. They change nothing.

The job keeps what was asked ("asked") and the configuration as it was at that moment ("content"), so that an answer
says what exactly was tried, whatever the draft has become since. It reads only, so one whose worker died is asked
again.
"""

import datetime
from dataclasses import asdict, dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django_q.tasks import async_task

from analytics.engine.variation import NoSuchPolicy, PolicyChange
from analytics.queries.backtests import DRAFT, KIND, LIVE, days_of, told_of
from reps.engine.unavailable import Unavailable
from reps.models import Job, User
from reps.permissions import may
from reps.services.jobs import (
    ACTIVE,
    Finish,
    Report,
    cancel_job,
    create_job,
    give_up_if_stopped,
    run_job,
)
from routing.engine.configuration import Configuration, ConfigurationError
from routing.models import ConfigurationVersion, ModelVersion
from routing.queries.configuration import content_hash, live_version, working_content
from routing.queries.dry_runs import as_json, count_arrivals
from routing.queries.inputs import match_model
from routing.queries.models import champion_version
from routing.queries.off_policy import Target, value_log
from routing.services.dry_runs import play

FORGOTTEN = datetime.timedelta(hours=1)  # what no worker has taken up by then does not stop the same question


class NothingToReplay(Exception):
    """What was asked for cannot be played; the message says why, `field` where of the form."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Question:
    """The days, both inclusive, and what is tried on them: `configuration` is LIVE, DRAFT or the number of a version;
    `model` the number of one, None for the one that decides (of the log: those that decided)."""

    first: datetime.date
    last: datetime.date
    configuration: str = DRAFT
    model: int | None = None
    change: PolicyChange | None = None


def request_backtest(question: Question, *, by: User) -> Job:
    """Asks the worker; the same question while it is under way is that one's job. Raises NothingToReplay."""
    if not may(by, "run_backtests"):
        raise PermissionDenied("Your role does not include running backtests.")
    content = _content(question)
    if not count_arrivals(days_of(question.first, question.last)):
        raise NothingToReplay("Nothing came in during these days. Choose others.", "first")
    if question.model is not None and not ModelVersion.objects.filter(number=question.model).exists():
        raise NothingToReplay(f"There is no model {question.model} any more.", "model")
    asked = _asked(question, content)
    under_way = _under_way(asked)
    if under_way is not None:
        return under_way
    job = create_job(kind=KIND, by=by)
    Job.objects.filter(pk=job.pk).update(result={"asked": asked, "content": content})
    async_task("analytics.jobs.run_backtest", job.pk)
    return job


def _content(question: Question) -> dict[str, Any]:
    """The configuration that is tried, as it is at this moment, usable."""
    content = _base(question.configuration)
    try:
        content = question.change.applied(content) if question.change else content
        Configuration.from_content(0, content)
    except NoSuchPolicy as refusal:
        raise NothingToReplay(str(refusal), "policy") from refusal
    except ConfigurationError as refusal:
        raise NothingToReplay(str(refusal), "configuration") from refusal
    return content


def _base(configuration: str) -> dict[str, Any]:
    if configuration == DRAFT:
        return working_content()
    if configuration == LIVE:
        found: dict[str, Any] = live_version().content
        return found
    version = ConfigurationVersion.objects.filter(number=int(configuration)).first()
    if version is None:
        raise NothingToReplay(f"There is no version {configuration} any more.", "configuration")
    kept: dict[str, Any] = version.content
    return kept


def _asked(question: Question, content: dict[str, Any]) -> dict[str, Any]:
    """What makes a question the same."""
    change = question.change
    return {
        "first": question.first.isoformat(),
        "last": question.last.isoformat(),
        "configuration": question.configuration,
        "model": question.model,
        "change": {"policy": change.policy, "changes": dict(change.changes)} if change else None,
        "digest": content_hash(content),
        "live": live_version().number,
    }


def _under_way(asked: dict[str, Any]) -> Job | None:
    now = timezone.now()
    same = Job.objects.filter(
        kind=KIND, state__in=ACTIVE, result__asked=asked, created_at__gt=now - FORGOTTEN
    )
    return next((job for job in same if not give_up_if_stopped(job_id=job.pk, at=now)), None)


def cancel_backtest(*, job_id: int, by: User, at: datetime.datetime) -> bool:
    """False where it is over already."""
    if not may(by, "run_backtests"):
        raise PermissionDenied("Your role does not include running backtests.")
    return cancel_job(job_id=job_id, at=at)


def run_backtest(*, job_id: int) -> None:
    """Does the work of a queued backtest, once."""
    kept: dict[str, Any] = Job.objects.get(pk=job_id).result

    def work(report: Report, finish: Finish) -> None:
        finish({**kept, **_played(kept["asked"], kept["content"], report)})

    run_job(job_id=job_id, work=work, refusals=(NothingToReplay, ConfigurationError))


def _played(asked: dict[str, Any], content: dict[str, Any], report: Report) -> dict[str, Any]:
    """Both parts of the answer: who moves, and what the log says of it."""
    report("Reading what came in", 0, 0)
    first, last = (datetime.date.fromisoformat(asked[name]) for name in ("first", "last"))
    period, version = days_of(first, last), _model(asked["model"])
    model = None if version is None else match_model(version.pk)
    world = play(period, content, model=model, say=lambda done, total: report("Deciding again", done, total))
    target = Target(
        model=model,
        configuration=Configuration.from_content(0, content),
        learned_before=None if version is None else version.as_of,
    )
    log = value_log(
        target,
        first=period.first,
        last=period.last,
        say=lambda done, total: report("Looking at the log", done, total),
    )
    value = {"unavailable": log.value.reason} if isinstance(log.value, Unavailable) else asdict(log.value)
    answer = {
        "live": live_version().number,
        "champion": champion_version().number,
        "world": as_json(world),
        "counts": asdict(log.counts),
        "value": value,
    }
    return {**answer, "told": told_of(answer)}


def _model(number: int | None) -> ModelVersion | None:
    if number is None:
        return None
    version = ModelVersion.objects.filter(number=number).first()
    if version is None:
        raise NothingToReplay(f"There is no model {number} any more.")
    return version
