"""The results page: everything from stored looks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from experiments.models import Experiment, ExperimentChange, Look
from reps.models import User
from routing.queries.experiment_pages import experiment_page
from tests.routing.experiment_pages.conftest import DAY, NOW, page

pytestmark = pytest.mark.django_db

PAGE_QUERIES = 12


class TestResults:
    def test_a_draft_shows_what_it_could_show(
        self, draft: Callable[..., Experiment], as_user: Any, omar: User, nia: User
    ) -> None:
        experiment = draft()
        assert "Honest answer" in page(as_user(omar), f"/experiments/{experiment.pk}/")
        assert "/start/" not in page(as_user(nia), f"/experiments/{experiment.pk}/")

    def test_one_that_nobody_looked_at_yet(
        self, started: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        found = page(as_user(omar), f"/experiments/{started().pk}/")
        assert "Nothing can be said yet" in found
        assert "No look yet" in found

    def test_tells_the_effect_with_its_interval_and_shows_charts(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment = looked_at()
        look = experiment.looks.order_by("-looked_at")[0]
        assert look.low is not None
        found = experiment_page(experiment, NOW)
        assert found.blocks.effect.startswith("+26.0 points (+")
        assert [chart.key for chart in found.charts] == ["boundary", "incidence"]
        assert found.is_winning
        assert found.looks[0].said == "treatment is better"
        assert "at least 50 are needed" in found.looks[1].said
        text = page(as_user(omar), f"/experiments/{experiment.pk}/")
        for words in (
            "Sample ratio",
            "Next step: 100",
            "The lift at 100 % may differ",
            "Both arms",
            "Guardrails",
        ):
            assert words in text

    def test_a_losing_one_never_sounds_better(self, looked_at: Callable[..., Experiment]) -> None:
        found = experiment_page(looked_at(50, 52), NOW)
        assert found.said[0].startswith("No difference has been shown so far")
        assert not found.is_winning

    def test_a_skewed_sample_ratio_hides_every_result(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment = looked_at()
        look = experiment.looks.order_by("-looked_at")[0]
        look.found["ratio"] = {"statistic": 30.0, "p": 1e-7, "balance": "block"}
        look.save()
        found = experiment_page(experiment, NOW)
        assert found.said[0].startswith("No result is shown")
        assert (found.blocks.effect, found.blocks.arms, found.charts, found.is_winning) == ("", (), [], False)
        assert {line.effect for line in found.looks} == {""}
        assert found.step is not None
        assert found.step.missing == ("the units did not fall to the arms as asked",)
        client = as_user(omar)
        assert "26.0" not in page(client, f"/experiments/{experiment.pk}/")
        rows = page(client, f"/experiments/{experiment.pk}/looks.csv").splitlines()[1:]
        assert {tuple(row.split(",")[4:10]) for row in rows} == {("",) * 6}
        assert page(client, f"/experiments/{experiment.pk}/curves.csv").count("\n") == 1

    @pytest.mark.parametrize("design", ["slot_split", "lead_split"])
    def test_no_size_where_the_design_measures_none(
        self, looked_at: Callable[..., Experiment], design: str
    ) -> None:
        found = experiment_page(looked_at(design=design, split=0.2 if design == "slot_split" else 0.5), NOW)
        assert found.blocks.effect == ""

    @pytest.mark.parametrize("looks", [1, 30])
    def test_opening_writes_nothing_and_asks_the_same_for_many_looks(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User, looks: int
    ) -> None:
        experiment = looked_at()
        for number in range(1, looks):
            look = experiment.looks.order_by("looked_at")[0]
            look.pk, look.day, look.looked_at = None, look.day - number * DAY, look.looked_at - number * DAY
            look.save(force_insert=True)
        client = as_user(omar)
        page(client, f"/experiments/{experiment.pk}/")
        kept = (Look.objects.count(), ExperimentChange.objects.count(), Experiment.objects.values().get())
        with CaptureQueriesContext(connection) as queries:
            page(client, f"/experiments/{experiment.pk}/")
        written = [
            one["sql"] for one in queries if not one["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))
        ]
        assert written == []
        assert len(queries) == PAGE_QUERIES
        assert kept == (
            Look.objects.count(),
            ExperimentChange.objects.count(),
            Experiment.objects.values().get(),
        )

    def test_a_hold_out_tells_share_lift_and_interval(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment = looked_at(is_hold_out=True, layer_to=0.1)
        found = experiment_page(experiment, NOW)
        assert found.kept == "5\xa0%"
        assert found.blocks.effect.startswith("+26.0 points")
        text = page(as_user(omar), f"/experiments/{experiment.pk}/")
        assert "Permanent hold-out" in text
        assert "planned information is in" not in text

    def test_a_hold_out_without_a_difference(self, looked_at: Callable[..., Experiment]) -> None:
        found = experiment_page(looked_at(50, 52, is_hold_out=True, layer_to=0.1), NOW)
        assert found.said[0] == "No difference has been shown so far; the hold-out goes on."

    @pytest.mark.parametrize("metric", ["first_touch", "velocity"])
    def test_other_metrics_have_their_own_words(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User, metric: str
    ) -> None:
        experiment = looked_at(metric=metric, secondaries=["deal_size", "satisfaction"])
        assert "They are read once, at the end" in page(as_user(omar), f"/experiments/{experiment.pk}/")

    def test_secondaries_at_the_end_with_what_is_missing(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment = looked_at(50, 52, duration_weeks=1, secondaries=["deal_size", "satisfaction"])
        assert experiment.state == "ended"
        lines = experiment_page(experiment, NOW).blocks.secondaries
        assert [line.name for line in lines] == ["Revenue per lead", "Customer satisfaction"]
        assert lines[1].missing == "100.0\xa0% and 100.0\xa0%"
        assert "Secondary metrics" in page(as_user(omar), f"/experiments/{experiment.pk}/")

    def test_what_is_not_there(self, as_user: Any, omar: User) -> None:
        page(as_user(omar), "/experiments/999/", 404)
