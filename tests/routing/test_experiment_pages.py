"""The pages of experiments: list, draft with its calculator, results from stored looks, actions, exports."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.models import Opportunity
from experiments.models import Experiment, ExperimentChange, Exposure, Look
from experiments.services.editing import create_experiment
from experiments.services.running import start_experiment
from reps.models import Rep, User
from routing.models import ConfigurationVersion
from routing.queries.experiment_pages import experiment_page, experiment_sections
from routing.queries.experiment_plan import free_part
from routing.services.experiments import look_at_experiments
from tests.experiments.test_services import GUARDRAILS, PREDICTIVE, TURNS, expose, lead

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
NOW = timezone.now().replace(microsecond=0)  # pages go by the clock
BEGIN = NOW - 60 * DAY
PAGE_QUERIES = 12


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


TYPED: dict[str, Any] = {
    "name": "Predictive", "hypothesis": "It wins more", "control_kind": "round_robin", "control_version": "",
    "treatment_kind": "predictive", "treatment_version": "", "condition-kind": "all", "design": "slot_split",
    "split_choice": "50", "metric": "win_rate", "horizon_days": "30", "touch_minutes": "240",
    "guardrails": GUARDRAILS, "secondaries": ["deal_size"], "duration_weeks": "8", "ramp": "",
    "layer_from_pct": "0", "layer_to_pct": "100",
}  # fmt: skip


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


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
