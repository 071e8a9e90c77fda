"""The list of experiments."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from experiments.models import Experiment
from experiments.services.editing import create_experiment
from reps.models import User
from routing.queries.experiment_pages import experiment_sections
from tests.experiments.test_services import PREDICTIVE, TURNS
from tests.routing.experiment_pages.conftest import BEGIN, NOW, page

pytestmark = pytest.mark.django_db


class TestList:
    def test_says_what_an_experiment_is_while_there_is_none(
        self, as_user: Any, omar: User, nia: User
    ) -> None:
        assert "routes a share of the opportunities another way" in page(as_user(omar), "/experiments/")
        assert "/experiments/new/" not in page(as_user(nia), "/experiments/")

    def test_by_state_with_the_first_sentence(
        self, looked_at: Callable[..., Experiment], draft: Callable[..., Experiment]
    ) -> None:
        looked_at()
        draft(name="Later")
        sections = experiment_sections(NOW)
        assert [(key, [one.experiment.name for one in lines]) for key, _, lines in sections] == [
            ("running", ["Test"]),
            ("draft", ["Later"]),
        ]
        line = sections[0][2][0]
        assert (
            line.said == "With treatment more leads are won than with control; the difference is significant."
        )
        assert (line.day, line.compares) == ("day 61 of 728", "Predictive against round-robin")

    @pytest.mark.parametrize("count", [1, 30])
    def test_asks_as_much_for_one_as_for_thirty(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User, count: int
    ) -> None:
        first = looked_at()
        look = first.looks.order_by("-looked_at")[0]
        for number in range(1, count):
            other = create_experiment(
                values={"name": f"Other {number}", "control": TURNS, "treatment": PREDICTIVE}, by=omar, at=NOW
            )
            Experiment.objects.filter(pk=other.pk).update(state="running", starts_at=BEGIN)
            look.pk, look.experiment_id = None, other.pk
            look.save(force_insert=True)
        client = as_user(omar)
        page(client, "/experiments/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(client, "/experiments/")
        own = [
            one["sql"]
            for one in queries
            if "experiments_" in one["sql"] or "configurationversion" in one["sql"]
        ]
        assert len(own) == 3
