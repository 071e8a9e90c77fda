"""The form of a draft and its calculator."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from experiments.models import Experiment
from reps.models import User
from routing.models import ConfigurationVersion
from routing.queries.experiment_plan import free_part
from tests.experiments.test_services import GUARDRAILS, PREDICTIVE, TURNS
from tests.routing.experiment_pages.conftest import page

pytestmark = pytest.mark.django_db

TYPED: dict[str, Any] = {
    "name": "Predictive", "hypothesis": "It wins more", "control_kind": "round_robin", "control_version": "",
    "treatment_kind": "predictive", "treatment_version": "", "condition-kind": "all", "design": "slot_split",
    "split_choice": "50", "metric": "win_rate", "horizon_days": "30", "touch_minutes": "240",
    "guardrails": GUARDRAILS, "secondaries": ["deal_size"], "duration_weeks": "8", "ramp": "",
    "layer_from_pct": "0", "layer_to_pct": "100",
}  # fmt: skip


class TestForm:
    def test_starts_from_the_past_and_the_free_part(
        self, started: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        started(layer_to=0.4)
        assert free_part() == (0.4, 1.0)
        found = page(as_user(omar), "/experiments/new/")
        assert 'name="layer_from_pct" value="40"' in found
        assert "0&nbsp;% to 40" in found or "0\xa0% to 40\xa0% by “Test”" in found
        assert "In treatment" in found

    def test_keeps_a_draft(self, past: None, as_user: Any, omar: User) -> None:
        response = as_user(omar).post("/experiments/new/", TYPED)
        experiment = Experiment.objects.get()
        assert response.headers["Location"] == f"/experiments/{experiment.pk}/"
        assert (experiment.control, experiment.treatment) == (TURNS, PREDICTIVE)
        assert (experiment.split, experiment.condition, experiment.secondaries) == (0.5, {}, ["deal_size"])
        assert (experiment.state, experiment.created_by) == ("draft", omar)

    @pytest.mark.parametrize(
        ("typed", "name", "says"),
        [
            ({"treatment_kind": "round_robin"}, "treatment_kind", "the same strategy"),
            ({"treatment_kind": "version"}, "treatment_version", "Choose the version"),
            ({"split_choice": "own"}, "split_own", "Say treatment’s share"),
            ({"split_choice": "own", "split_own": "100"}, "split_own", "less than or equal to 99"),
            ({"layer_from_pct": "60", "layer_to_pct": "40"}, "layer_to_pct", "More than where it begins"),
            ({"is_hold_out": "on", "ramp": "ask", "hold_out_pct": "5"}, "ramp", "one split for ever"),
            ({"is_hold_out": "on"}, "hold_out_pct", "which share"),
            (
                {"is_hold_out": "on", "hold_out_pct": "30", "layer_from_pct": "50"},
                "hold_out_pct",
                "has to fit",
            ),
            ({"duration_weeks": "0"}, "duration_weeks", "greater than or equal to 1"),
            ({"horizon_days": "99999999999999999999"}, "horizon_days", "From 1 to 730"),
            ({"layer_to_pct": "nan"}, "layer_to_pct", "Enter a number"),
            ({"touch_minutes": "0"}, "touch_minutes", "From 1"),
            ({"name": ""}, "name", "required"),
        ],
    )
    def test_says_beside_the_field_what_is_wrong(
        self, past: None, as_user: Any, omar: User, typed: dict[str, str], name: str, says: str
    ) -> None:
        response = as_user(omar).post("/experiments/new/", TYPED | {"hypothesis": "Kept <b>"} | typed)
        assert response.status_code == 422
        assert any(says in text for text in response.context["form"].errors[name])
        assert "Kept &lt;b&gt;" in response.content.decode()
        assert Experiment.objects.count() == 0

    def test_a_name_is_taken_once(self, draft: Callable[..., Experiment], as_user: Any, omar: User) -> None:
        draft(name="Predictive")
        assert as_user(omar).post("/experiments/new/", TYPED).status_code == 422

    def test_a_hold_out_takes_twice_the_share_that_it_keeps(
        self, past: None, as_user: Any, omar: User
    ) -> None:
        typed = TYPED | {
            "is_hold_out": "on",
            "hold_out_pct": "5",
            "layer_from_pct": "10",
            "split_choice": "20",
        }
        client = as_user(omar)
        client.post("/experiments/new/", typed)
        experiment = Experiment.objects.get()
        assert (experiment.layer_from, experiment.layer_to, experiment.split) == (0.1, 0.2, 0.5)
        assert 'name="hold_out_pct" value="5"' in page(client, f"/experiments/{experiment.pk}/edit/")

    def test_another_version_can_be_compared(
        self, past: None, publish: Callable[[], int], as_user: Any, omar: User
    ) -> None:
        publish()
        version = ConfigurationVersion.objects.get()
        typed = TYPED | {"treatment_kind": "version", "treatment_version": str(version.pk)}
        client = as_user(omar)
        client.post("/experiments/new/", typed)
        experiment = Experiment.objects.get()
        assert experiment.treatment == {"kind": "version", "version": version.pk}
        assert f"version {version.number}" in page(client, f"/experiments/{experiment.pk}/")

    def test_a_draft_is_changed_and_shows_what_it_has(
        self, draft: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment, client = draft(split=0.35), as_user(omar)
        found = page(client, f"/experiments/{experiment.pk}/edit/")
        assert 'name="split_own" value="35"' in found
        client.post(f"/experiments/{experiment.pk}/edit/", TYPED | {"split_choice": "80"})
        experiment.refresh_from_db()
        assert (experiment.name, experiment.split) == ("Predictive", 0.8)

    def test_what_has_started_is_not_edited(
        self, started: Callable[..., Experiment], as_user: Any, omar: User
    ) -> None:
        experiment = started()
        for response in (
            as_user(omar).get(f"/experiments/{experiment.pk}/edit/"),
            as_user(omar).post(f"/experiments/{experiment.pk}/edit/", TYPED),
        ):
            assert response.headers["Location"] == f"/experiments/{experiment.pk}/"
        experiment.refresh_from_db()
        assert experiment.name == "Test"

    def test_a_condition_is_built_without_saving(self, past: None, as_user: Any, omar: User) -> None:
        response = as_user(omar).post("/experiments/new/", TYPED | {"condition-do": "add-test:"})
        assert response.status_code == 200
        assert Experiment.objects.count() == 0


class TestCalculator:
    def asked(self, client: Client, **typed: str) -> str:
        response = client.post(
            "/experiments/new/", TYPED | typed, headers={"HX-Request": "true", "HX-Target": "calculator"}
        )
        assert response.status_code == 200
        found = response.content.decode()
        assert "<html" not in found
        return found

    def test_follows_what_is_typed_and_saves_nothing(self, past: None, as_user: Any, omar: User) -> None:
        # 365 leads in as many days, of which the last came 35 days ago: 56 in the last quarter
        client = as_user(omar)
        eight = self.asked(client, duration_weeks="8")
        assert eight != self.asked(client, duration_weeks="80")
        assert "less than the recommended minimum of 200" in eight
        assert Experiment.objects.count() == 0

    def test_says_what_a_wanted_difference_takes(self, past: None, as_user: Any, omar: User) -> None:
        assert "For 10 points" in self.asked(as_user(omar), wanted_points="10")

    def test_warns_of_splits_and_designs(self, past: None, as_user: Any, omar: User) -> None:
        assert "no size" in self.asked(as_user(omar), split_choice="20")
        assert "finds winners where there are none" in self.asked(as_user(omar), design="lead_split")

    def test_answers_also_while_fields_are_wrong(self, past: None, as_user: Any, omar: User) -> None:
        assert "Base rate" in self.asked(as_user(omar), name="", duration_weeks="x", layer_to_pct="")

    def test_says_why_nothing_can_be_planned(self, as_user: Any, omar: User) -> None:
        assert "its past says nothing" in self.asked(as_user(omar))

    def test_is_there_without_scripts(self, past: None, as_user: Any, omar: User) -> None:
        response = as_user(omar).post("/experiments/new/", TYPED | {"calculate": "1"})
        assert response.status_code == 200
        assert "In treatment" in response.content.decode()
        assert Experiment.objects.count() == 0
