"""Closed deals to learn from, for the tests of training and of what follows from it."""

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from crm.models import Assignment, ImportRun, Opportunity
from reps.models import Rep
from routing.models import Policy
from routing.services.decisions import route
from tests.conftest import NOW


@pytest.fixture
def close_deals(ana: Rep, bo: Rep) -> Callable[..., list[Opportunity]]:
    """Closed deals over the last year: Ana wins Healthcare, Bo wins Energy, as far as `skill` (log-odds) goes."""

    def closed(count: int = 240, *, seed: int = 0, skill: float = 1.5, **changes: Any) -> list[Opportunity]:
        rng = np.random.default_rng(seed)
        made = []
        for i in range(count):
            rep, industry = (ana, bo)[i % 2], ("Healthcare", "Energy")[int(rng.integers(2))]
            fits = (rep == ana) == (industry == "Healthcare")
            won = rng.random() < 1 / (1 + np.exp(-(skill if fits else -skill)))
            opened = NOW - datetime.timedelta(days=float(rng.uniform(40, 360)))
            made.append(
                Opportunity(
                    **{
                        "name": f"Deal {i}",
                        "kind": "deal",
                        "stage": "won" if won else "lost",
                        "owner": rep,
                        "industry": industry,
                        "source": ("Web", "Event")[int(rng.integers(2))],
                        "value": 10_000,
                        "currency": "USD",
                        "value_base": 10_000,
                        "opened_at": opened,
                        "assigned_at": opened,
                        "first_touch_at": opened + datetime.timedelta(hours=3),
                        "closed_at": opened + datetime.timedelta(days=30),
                    }
                    | changes
                )
            )
        Opportunity.objects.bulk_create(made)
        run = ImportRun.objects.create()
        Assignment.objects.bulk_create(
            Assignment(
                opportunity=deal,
                rep=deal.owner,
                source="import",
                import_run=run,
                assigned_at=deal.opened_at,
                ended_at=deal.closed_at,
            )
            for deal in made
            if deal.owner
        )
        return made

    return closed


LISTS = {"field": "source", "op": "is", "value": "List"}


@pytest.fixture
def make_batch_policy(one_policy: None, publish: Callable[[], int]) -> Callable[..., Policy]:
    """Lists are decided in batches; whoever is left out is held, and everybody is confident enough."""

    def make(**fields: Any) -> Policy:
        policy = Policy.objects.create(
            **{
                "name": "Lists", "position": 2, "condition": LISTS, "mode": "batch", "batch_cadence": "twice_daily",
                "batch_times": ["09:00", "14:00"], "batch_expiry_hours": 24, "fallback": ["hold"], "threshold": 0,
            } | fields
        )  # fmt: skip
        Policy.objects.filter(name="Suggest everything").update(position=3)
        publish()
        return policy

    return make


@pytest.fixture
def batch_policy(make_batch_policy: Callable[..., Policy]) -> Policy:
    return make_batch_policy()


@pytest.fixture
def wait(make_opportunity: Callable[..., Opportunity]) -> Callable[..., list[Opportunity]]:
    """Opportunities that wait for the batch, in order of arrival."""

    def make(*industries: str, **values: Any) -> list[Opportunity]:
        made = [
            make_opportunity(f"{industry} {number}", source="List", industry=industry, **values)
            for number, industry in enumerate(industries, start=1)
        ]
        for one in made:
            assert route(opportunity_id=one.pk, at=NOW) is None
        return made

    return make
