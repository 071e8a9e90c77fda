"""Opportunities that fell through for one known reason each."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from analytics.models import FallThrough
from analytics.services.gaps import note_fall_throughs
from crm.models import Opportunity
from routing.models import Decision, Policy
from routing.services.decisions import route
from tests.conftest import NOW

TODAY = NOW.date()
LATER = NOW + datetime.timedelta(hours=2)


@pytest.fixture
def decide(make_opportunity: Callable[..., Opportunity]) -> Callable[..., Decision]:
    """Takes an opportunity in and decides it."""

    def make(name: str = "Northwind", at: datetime.datetime = NOW, **values: Any) -> Decision:
        opportunity = make_opportunity(name, at=at, **values)
        decision = route(opportunity_id=opportunity.pk, at=at)
        assert decision is not None
        return decision

    return make


@pytest.fixture
def turns(one_policy: None, publish: Callable[[], int]) -> Callable[..., None]:
    """The one policy, published: turns, then hold, with these settings."""

    def change(**values: Any) -> None:
        Policy.objects.update(**{"fallback": ["round_robin", "hold"], **values})
        publish()

    return change


def noted(decision: Decision) -> FallThrough:
    note_fall_throughs(at=LATER)
    return FallThrough.objects.get(opportunity=decision.opportunity_id)
