"""What experiments show on Analytics › Routing."""

from collections.abc import Callable
from typing import Any

import pytest

from experiments.models import Experiment
from reps.models import Rep, User
from tests.analytics.facts import make_fact
from tests.routing.experiment_pages.conftest import page

pytestmark = pytest.mark.django_db


def test_a_hold_outs_lift_stands_there_for_good(
    looked_at: Callable[..., Experiment], as_user: Any, omar: User, ana: Rep
) -> None:
    make_fact("assigned", rep=ana, score=70)
    client = as_user(omar)
    assert "Permanent hold-out" not in page(client, "/analytics/routing/")
    looked_at(is_hold_out=True, layer_to=0.1)
    text = page(client, "/analytics/routing/")
    assert "Permanent hold-out" in text
    assert "+26.0 points" in text


def test_the_lift_is_an_experiments_where_there_is_one(
    looked_at: Callable[..., Experiment], as_user: Any, omar: User, ana: Rep
) -> None:
    make_fact("assigned", rep=ana, score=70)
    client = as_user(omar)
    assert "Win-rate lift, measured" not in page(client, "/analytics/routing/")
    experiment = looked_at()
    text = page(client, "/analytics/routing/")
    assert "Win-rate lift, measured" in text
    assert f"from experiment “{experiment.name}”" in text
    assert "26.0\xa0points more" in text
