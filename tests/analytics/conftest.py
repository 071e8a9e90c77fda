"""Leads that are routed and closed, for backtests."""

import datetime
from collections.abc import Callable

import pytest

from crm.models import Opportunity
from reps.models import Rep
from routing.models import Decision, Policy
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from tests.conftest import NOW

LOGGED = 170


@pytest.fixture
def leads(
    ana: Rep, bo: Rep, assign_at_once: None, make_opportunity: Callable[..., Opportunity]
) -> list[Opportunity]:
    """Four that fit Ana, not routed."""
    return [make_opportunity(f"Lead {i}", industry="Healthcare") for i in range(4)]


@pytest.fixture
def logged(
    ana: Rep,
    bo: Rep,
    one_policy: None,
    publish: Callable[[], int],
    make_opportunity: Callable[..., Opportunity],
) -> list[Decision]:
    """A log that explores half of the time: Ana, who is the best, is chosen three times of four; she wins every other,
    Bo every fourth."""
    Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
    Policy.objects.update(application="assign", exploration_share=0.5, exploration_within=30, threshold=0)
    publish()
    made = []
    for i in range(LOGGED):
        lead = make_opportunity(f"Lead {i}", at=NOW)
        decision = route(opportunity_id=lead.pk, at=NOW + datetime.timedelta(milliseconds=i))
        assert decision is not None
        won = i % (2 if decision.rep_id == ana.pk else 4) == 0
        record_outcome(opportunity_id=lead.pk, stage="won" if won else "lost", at=NOW, by=None)
        made.append(decision)
    return made
