"""Answers to "what would it have won?", kept in their jobs."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reps.models import Job
from reps.services.jobs import is_stopped

LISTED = 20
STATES = {
    "queued": ("waiting", ""),
    "running": ("under way", "accent"),
    "failed": ("failed", "bad"),
    "cancelled": ("cancelled", "warn"),
}


@dataclass(frozen=True)
class Valuation:
    """A question and, once it is there, its answer in sentences."""

    job: Job
    question: str
    sentences: tuple[str, ...]
    word: str
    tone: str


def load_valuations(now: datetime.datetime) -> list[Valuation]:
    """The newest, in one query."""
    jobs = Job.objects.filter(kind="value_from_log").select_related("requested_by")[:LISTED]
    return [valuation_of(job, now) for job in jobs]


def valuation_of(job: Job, now: datetime.datetime) -> Valuation:
    answer: Mapping[str, Any] = job.result
    question = _question(answer.get("asked", {}))
    if job.state == Job.State.DONE:
        word, tone = ("answered", "good") if answer.get("is_told") else ("cannot be told", "warn")
        return Valuation(job, question, tuple(answer.get("sentences", ())), word, tone)
    if is_stopped(job, at=now):
        stopped = "Its worker stopped. Nothing was changed; ask again."
        return Valuation(job, question, (stopped,), "stopped", "bad")
    word, tone = STATES[job.state]
    return Valuation(job, question, (job.error,) if job.error else (), word, tone)


def _question(asked: Mapping[str, Any]) -> str:
    """ "model 1 with configuration 3, last 180 days"."""
    model = f"Model {asked['model']}" if asked.get("model") else "The models that decided"
    number = asked.get("configuration")
    configuration = f"configuration {number}" if number else "the configuration of then"
    return f"{model} with {configuration}, last {asked.get('days', '–')} days"
