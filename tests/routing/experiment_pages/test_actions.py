"""What is done to experiments, by whom and with which reason; tables to take along."""

from collections.abc import Callable
from typing import Any

import pytest

from crm.models import Opportunity
from experiments.models import Experiment, Exposure
from reps.models import Rep, User
from routing.services.experiments import look_at_experiments
from tests.experiments.test_services import expose
from tests.routing.experiment_pages.conftest import BEGIN, DAY, page

pytestmark = pytest.mark.django_db


class TestActions:
    def test_starts_a_draft(self, draft: Callable[..., Experiment], as_user: Any, omar: User) -> None:
        experiment = draft()
        response = as_user(omar).post(f"/experiments/{experiment.pk}/start/")
        assert response.status_code == 302
        experiment.refresh_from_db()
        assert experiment.is_running

    def test_refuses_a_part_that_another_has(
        self, started: Callable[..., Experiment], draft: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        started(layer_to=0.5)
        second = draft(name="Second")
        response = as_user(omar).post(f"/experiments/{second.pk}/start/")
        assert response.status_code == 422
        assert "“Test” has 0% to 50%" in response.content.decode()

    def test_a_step_before_the_gate_wants_a_reason(
        self, started: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment, client = started(ramp="ask"), as_user(omar)
        response = client.post(f"/experiments/{experiment.pk}/split/", {"split_pct": "50", "reason": " "})
        assert response.status_code == 422
        assert "say why it is taken all the same" in response.content.decode()
        assert 'value="50"' in response.content.decode()
        client.post(f"/experiments/{experiment.pk}/split/", {"split_pct": "50", "reason": "The fair is over"})
        experiment.refresh_from_db()
        assert experiment.split == 0.5
        assert experiment.changes.first().reason == "The fair is over"

    def test_a_step_through_the_gate_wants_none(
        self, started: Callable[..., Experiment], ana: Rep, as_user: Any, omar: User
    ) -> None:
        experiment = started(ramp="ask")
        expose(
            experiment,
            ana,
            count={"control": 540, "treatment": 60},
            won={"control": 54, "treatment": 6},
            at=BEGIN,
        )
        look_at_experiments(at=BEGIN + 20 * DAY, day=(BEGIN + 20 * DAY).date())
        client = as_user(omar)
        assert "may be taken" in page(client, f"/experiments/{experiment.pk}/")
        assert client.post(f"/experiments/{experiment.pk}/split/", {"split_pct": "60"}).status_code == 422
        client.post(f"/experiments/{experiment.pk}/split/", {"split_pct": "50"})
        experiment.refresh_from_db()
        assert experiment.split == 0.5

    @pytest.mark.parametrize("typed", [{}, {"split_pct": "x"}, {"split_pct": "0"}, {"split_pct": "100"}])
    def test_no_split_without_two_arms(
        self, started: Callable[..., Experiment], as_user: Any, omar: User, typed: dict[str, str]
    ) -> None:
        experiment = started()
        response = as_user(omar).post(f"/experiments/{experiment.pk}/split/", typed | {"reason": "So"})
        assert response.status_code == 422

    def test_stops_early_with_a_reason(
        self, started: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment, client = started(), as_user(omar)
        assert client.post(f"/experiments/{experiment.pk}/stop/", {"reason": ""}).status_code == 422
        client.post(f"/experiments/{experiment.pk}/stop/", {"reason": "A new product"})
        experiment.refresh_from_db()
        assert (experiment.state, experiment.outcome, experiment.serves) == ("ended", "stopped", "control")
        assert "A new product" in page(client, f"/experiments/{experiment.pk}/")

    def test_promotes_a_winner_with_one_click_and_anything_else_with_a_reason(
        self,
        looked_at: Callable[..., Experiment],
        started: Callable[..., Experiment],
        as_user: Any,
        omar: User,
    ) -> None:
        winner, client = looked_at(layer_to=0.5), as_user(omar)
        other = started(name="Other", layer_from=0.5)
        client.post(f"/experiments/{winner.pk}/promote/")
        assert client.post(f"/experiments/{other.pk}/promote/").status_code == 422
        for one in (winner, other):
            one.refresh_from_db()
        assert (winner.outcome, other.outcome) == ("promoted", "")

    def test_lets_go_of_what_stayed(
        self, started: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment, client = started(), as_user(omar)
        client.post(f"/experiments/{experiment.pk}/stop/", {"reason": "So"})
        assert "Let go" in page(client, f"/experiments/{experiment.pk}/")
        client.post(f"/experiments/{experiment.pk}/let-go/")
        experiment.refresh_from_db()
        assert experiment.serves == ""
        assert client.post(f"/experiments/{experiment.pk}/let-go/").status_code == 422

    def test_throws_a_draft_away_and_no_record(
        self, draft: Callable[..., Experiment], started: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        one, running, client = draft(name="Draft"), started(), as_user(omar)
        client.post(f"/experiments/{one.pk}/delete/")
        client.post(f"/experiments/{running.pk}/delete/")
        assert list(Experiment.objects.values_list("name", flat=True)) == ["Test"]

    @pytest.mark.parametrize("action", ["start", "split", "stop", "promote", "let-go", "delete"])
    def test_are_for_operations(
        self, started: Callable[..., Experiment], as_user: Any, nia: User, ben: User, ana: Rep, action: str
    ) -> None:
        experiment = started()
        for user in (nia, ben, ana.user):
            response = as_user(user).post(f"/experiments/{experiment.pk}/{action}/", {"reason": "So"})
            assert response.status_code == 403
        experiment.refresh_from_db()
        assert experiment.is_running


class TestExports:
    def test_exposures_of_what_one_may_see(
        self, started: Callable[..., Experiment], ana: Rep, cara: Rep, as_user: Any, omar: User, ben: User
    ) -> None:
        experiment = started()
        expose(experiment, ana, count=2, won={"control": 1, "treatment": 0}, at=BEGIN)
        expose(experiment, cara, count=3, won={"control": 0, "treatment": 0}, at=BEGIN)
        Opportunity.objects.filter(pk=Exposure.objects.first().opportunity_id).update(name="=2+2")
        rows = page(as_user(omar), f"/experiments/{experiment.pk}/exposures.csv").splitlines()
        assert len(rows) == 11
        assert rows[0].startswith("\ufeffopportunity,external_id,name,unit,arm,stage,moment")
        assert ",'=2+2,opportunity:" in rows[1]
        assert rows[1].split(",")[4:6] == ["control", "1"]
        assert len(page(as_user(ben), f"/experiments/{experiment.pk}/exposures.csv").splitlines()) == 5

    def test_looks_with_negative_numbers_as_numbers(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment = looked_at(60, 50)
        rows = [
            row.split(",")
            for row in page(as_user(omar), f"/experiments/{experiment.pk}/looks.csv").splitlines()
        ]
        assert len(rows) == 3
        assert float(rows[2][4]) == pytest.approx(-0.04)

    def test_curves_of_the_newest_look(
        self, looked_at: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        rows = page(as_user(omar), f"/experiments/{looked_at().pk}/curves.csv").splitlines()
        assert rows[0] == "\ufeffarm,days,share,low,high"
        assert {row.split(",")[0] for row in rows[1:]} == {"control", "treatment"}
