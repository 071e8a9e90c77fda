"""The registry of models as pages and services read it."""

import datetime
from dataclasses import dataclass

from django.db.models import QuerySet

from reps.models import Job
from reps.services.jobs import is_stopped
from routing.engine.learning.training import LEAST_DEALS
from routing.models import ModelEvent, ModelSettings, ModelVersion
from routing.queries.deals import count_closed


def champion_version() -> ModelVersion:
    """The model that decides. Raises ModelVersion.DoesNotExist before the first migration is done."""
    return ModelVersion.objects.get(state=ModelVersion.State.CHAMPION)


def model_settings() -> ModelSettings:
    """The one row, made with its defaults when it is first asked for."""
    return ModelSettings.objects.get_or_create(pk=1)[0]


def model_versions() -> QuerySet[ModelVersion]:
    """All models, the newest first, without their bulk."""
    return ModelVersion.objects.defer("artifact", "report").order_by("-number")


def model_events(limit: int = 30) -> list[ModelEvent]:
    """What happened last, in one query."""
    events = ModelEvent.objects.select_related("model", "champion_before", "by").defer(
        "model__artifact", "model__report", "champion_before__artifact", "champion_before__report"
    )
    return list(events[:limit])


@dataclass(frozen=True)
class Readiness:
    """Whether there are enough deals to learn from."""

    closed: int
    needed: int

    @property
    def missing(self) -> int:
        return max(self.needed - self.closed, 0)


def readiness(as_of: datetime.date) -> Readiness:
    return Readiness(count_closed(as_of=as_of, months=model_settings().months), LEAST_DEALS)


def newest_training(at: datetime.datetime) -> tuple[Job | None, bool]:
    """The last training that was asked for, and whether its worker has stopped."""
    job = Job.objects.filter(kind="training").order_by("-pk").first()
    return job, job is not None and is_stopped(job, at=at)
