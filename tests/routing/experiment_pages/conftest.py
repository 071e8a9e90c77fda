"""Experiments for the tests of their pages: drafts, running ones, and one with two nights' looks."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Opportunity
from experiments.models import Experiment
from experiments.services.editing import create_experiment
from experiments.services.running import start_experiment
from reps.models import Rep, User
from routing.services.experiments import look_at_experiments
from tests.experiments.test_services import GUARDRAILS, PREDICTIVE, TURNS, expose, lead

DAY = datetime.timedelta(days=1)
NOW = timezone.now().replace(microsecond=0)  # pages go by the clock
BEGIN = NOW - 60 * DAY


@pytest.fixture
def past(ana: Rep) -> None:
    """A year of leads before the start, a fifth of which was won within 30 days."""
    Opportunity.objects.bulk_create(
        lead(
            n, NOW - (400 - n) * DAY, stage="won" if n % 5 == 0 else "lost", owner=ana,
            closed_at=NOW - (390 - n - n % 20) * DAY, assigned_at=NOW - (400 - n) * DAY,
        )
        for n in range(365)
    )  # fmt: skip


@pytest.fixture
def draft(past: None, omar: User) -> Callable[..., Experiment]:
    def make(**values: Any) -> Experiment:
        fields = {
            "name": "Test", "control": TURNS, "treatment": PREDICTIVE, "horizon_days": 30, "design": "slot_split",
            "guardrails": GUARDRAILS,
        }  # fmt: skip
        return create_experiment(values=fields | values, by=omar, at=BEGIN)

    return make


@pytest.fixture
def started(draft: Callable[..., Experiment], omar: User) -> Callable[..., Experiment]:
    return lambda **values: start_experiment(experiment_id=draft(**values).pk, by=omar, at=BEGIN)


@pytest.fixture
def looked_at(started: Callable[..., Experiment], ana: Rep) -> Callable[..., Experiment]:
    """A running one with two nights' looks; `won` of 250 by arm."""

    def make(control: int = 25, treatment: int = 90, **values: Any) -> Experiment:
        experiment = started(**{"duration_weeks": 104} | values)
        won = {"control": control, "treatment": treatment}
        expose(experiment, ana, count=250, won=won, at=BEGIN)
        for age in (20, 40):
            at = BEGIN + age * DAY
            look_at_experiments(at=at, day=at.date())
        experiment.refresh_from_db()
        return experiment

    return make


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()
