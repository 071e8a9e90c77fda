"""Experiments from the draft to the end: what may start, stored looks, the ramp, rolling back, and what stays."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Activity, Opportunity
from experiments.engine.allocation import Arm
from experiments.models import Enrolment, Experiment, Exposure, Look, SatisfactionScore, Stage
from experiments.queries.outcomes import bad_events, seen
from experiments.services.editing import (
    ExperimentRefused,
    change_experiment,
    create_experiment,
    delete_experiment,
)
from experiments.services.looks import look_at
from experiments.services.nightly import judged, look_at_all
from experiments.services.running import change_split, end_experiment, start_experiment
from reps.models import Rep, User
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
TURNS, PREDICTIVE = {"kind": "round_robin"}, {"kind": "predictive"}
TENTH = {"control": 540, "treatment": 60}
GUARDRAILS = ["first_touch_missed", "never_touched", "unassigned", "overload"]


def lead(number: int, at: datetime.datetime, **values: Any) -> Opportunity:
    return Opportunity(
        **{
            "name": f"Lead {number}", "routing": "none", "opened_at": at, "accepted_at": at, "routing_since": at,
            "stage": "open",
        } | values
    )  # fmt: skip


@pytest.fixture
def past(ana: Rep) -> None:
    """A year of leads, of which a fifth was won, within 30 days."""
    Opportunity.objects.bulk_create(
        lead(
            n, NOW - (365 - n) * DAY, stage="won" if n % 5 == 0 else "lost", owner=ana,
            closed_at=NOW - (365 - n - 10 - n % 20) * DAY, assigned_at=NOW - (365 - n) * DAY,
        )
        for n in range(330)
    )  # fmt: skip


@pytest.fixture
def draft(past: None, omar: User) -> Callable[..., Experiment]:
    def make(**values: Any) -> Experiment:
        fields = {
            "name": "Test",
            "control": TURNS,
            "treatment": PREDICTIVE,
            "horizon_days": 30,
            "design": "lead_split",
        }
        return create_experiment(values=fields | values, by=omar, at=NOW)

    return make


@pytest.fixture
def started(draft: Callable[..., Experiment], omar: User) -> Callable[..., Experiment]:
    return lambda **values: start_experiment(experiment_id=draft(**values).pk, by=omar, at=NOW)


def expose(
    experiment: Experiment, rep: Rep, *, count: int | dict[str, int], won: dict[str, int], at: datetime.datetime,
    stage: int = 1, first: int = 0, load: int = 1,
    touched_after: datetime.timedelta | None = datetime.timedelta(minutes=30),
) -> None:  # fmt: skip
    """So many leads in each arm, of which so many of each are won ten days later and the others lost after twenty."""
    for arm in ("control", "treatment"):
        made = Opportunity.objects.bulk_create(
            lead(
                first + n, at, owner=rep, assigned_at=at, value_base=1000, stage="won" if n < won[arm] else "lost",
                closed_at=at + (10 if n < won[arm] else 20) * DAY,
            )
            for n in range(count if isinstance(count, int) else count[arm])
        )  # fmt: skip
        if touched_after is not None:
            Activity.objects.bulk_create(
                Activity(opportunity=one, rep=rep, kind="call", happened_at=at + touched_after)
                for one in made
            )
        Enrolment.objects.bulk_create(
            Enrolment(
                experiment=experiment, unit=f"opportunity:{one.pk}", arm=arm, stage=stage, enrolled_at=at
            )
            for one in made
        )
        Exposure.objects.bulk_create(
            Exposure(
                experiment=experiment, opportunity=one, decision_id=one.pk, unit=f"opportunity:{one.pk}", arm=arm,
                stage=stage, exposed_at=at, configuration_number=1, model_number=1, eligible=3, rep=rep, load=load,
                max_open=10, score=60,
            )
            for one in made
        )  # fmt: skip


def nightly(at: datetime.datetime, promoted: list[int] | None = None) -> int:
    return look_at_all(at=at, day=at.date(), promote=(promoted if promoted is not None else []).append)


class TestDraft:
    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"treatment": TURNS}, "treatment"),
            ({"split": 1.0}, "split"),
            ({"layer_from": 0.6, "layer_to": 0.4}, "layer_to"),
            ({"is_hold_out": True, "ramp": "ask"}, "ramp"),
        ],
    )
    def test_refuses_with_the_field(
        self, draft: Callable[..., Experiment], values: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(ExperimentRefused) as refused:
            draft(**values)
        assert refused.value.field == field
        assert Experiment.objects.count() == 0

    def test_a_name_once(self, draft: Callable[..., Experiment]) -> None:
        draft()
        with pytest.raises(ExperimentRefused, match="has this name"):
            draft()

    def test_changed_and_thrown_away_until_it_starts(
        self, draft: Callable[..., Experiment], omar: User
    ) -> None:
        one, other = draft(), draft(name="Other")
        change_experiment(experiment_id=one.pk, values={"split": 0.4}, by=omar, at=NOW)
        delete_experiment(experiment_id=other.pk)
        start_experiment(experiment_id=one.pk, by=omar, at=NOW)
        with pytest.raises(ExperimentRefused, match="It has started"):
            change_experiment(experiment_id=one.pk, values={"split": 0.5}, by=omar, at=NOW)
        with pytest.raises(ExperimentRefused, match="It has started"):
            delete_experiment(experiment_id=one.pk)
        assert [change.what for change in one.changes.all()] == [
            "Started with 40% in treatment",
            "Changed",
            "Created",
        ]


class TestStart:
    def test_fixes_the_plan(self, started: Callable[..., Experiment]) -> None:
        experiment = started(duration_weeks=10)
        assert experiment.base_rate == pytest.approx(0.2, abs=0.01)
        assert experiment.planned_units is not None
        assert experiment.planned_units > 30
        assert experiment.planned_information is not None
        assert experiment.ends_at == NOW + 70 * DAY
        assert Stage.objects.get().split == 0.5

    def test_never_two_on_the_same_leads(
        self, started: Callable[..., Experiment], draft: Callable[..., Experiment]
    ) -> None:
        started(layer_to=0.5)
        with pytest.raises(ExperimentRefused, match="“Test” has 0% to 50% of the opportunities") as refused:
            started(name="Other", layer_from=0.4)
        assert refused.value.field == "layer_to"
        assert started(name="Third", layer_from=0.5).is_running

    def test_a_population_without_a_past_can_not_be_planned(self, started: Callable[..., Experiment]) -> None:
        with pytest.raises(ExperimentRefused, match="can be planned") as refused:
            started(condition={"field": "industry", "op": "is", "value": "Space"})
        assert refused.value.field == "condition"

    def test_a_ramp_begins_at_a_tenth(self, started: Callable[..., Experiment]) -> None:
        assert started(ramp="ask").split == 0.1

    def test_a_partition_needs_reps(self, started: Callable[..., Experiment]) -> None:
        with pytest.raises(ExperimentRefused, match="needs 10 reps"):
            started(design="rep_partition")


class TestLooks:
    def test_is_stored_once_a_day_and_never_changed(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started()
        expose(experiment, ana, count=100, won={"control": 20, "treatment": 24}, at=NOW)
        at = NOW + 40 * DAY
        look = look_at(experiment_id=experiment.pk, at=at, day=at.date())
        again = look_at(experiment_id=experiment.pk, at=at + DAY / 24, day=at.date())
        assert look.pk == again.pk
        assert look.estimate == pytest.approx(0.04)
        assert look.se == pytest.approx((0.2 * 0.8 / 100 + 0.24 * 0.76 / 100) ** 0.5, rel=0.02)
        assert look.crossed == ""
        assert look.low is not None
        assert look.high is not None
        assert look.low < 0 < look.high
        assert (look.found["matured"], look.found["count"]) == (200, 200)

    def test_says_why_nothing_can_be_said(self, started: Callable[..., Experiment], ana: Rep) -> None:
        experiment = started()
        expose(experiment, ana, count=20, won={"control": 2, "treatment": 3}, at=NOW)
        look = look_at(experiment_id=experiment.pk, at=NOW + 5 * DAY, day=(NOW + 5 * DAY).date())
        assert look.estimate is None
        assert "at least 50" in look.unavailable

    def test_losses_do_not_count_as_waiting_and_a_later_win_is_not_known_yet(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        """A look at a moment sees what was known then."""
        experiment = started()
        expose(experiment, ana, count=60, won={"control": 30, "treatment": 30}, at=NOW)
        early = seen(experiment, NOW + 5 * DAY)
        assert [int(part.won.sum()) for part in early.arms.values()] == [0, 0]
        late = seen(experiment, NOW + 15 * DAY)
        assert [int(part.won.sum()) for part in late.arms.values()] == [30, 30]

    def test_guardrails_count_what_is_old_enough(self, started: Callable[..., Experiment], ana: Rep) -> None:
        experiment = started(guardrails=GUARDRAILS, touch_minutes=60)
        expose(experiment, ana, count=30, won={"control": 3, "treatment": 3}, at=NOW, load=9)
        expose(
            experiment, ana, count=5, won={"control": 0, "treatment": 0}, at=NOW + 8 * DAY, first=100,
            touched_after=None,
        )  # fmt: skip
        events = {
            str(name): one for name, one in bad_events(experiment, seen(experiment, NOW + 9 * DAY)).items()
        }
        missed, never, overload = (
            events[name] for name in ("first_touch_missed", "never_touched", "overload")
        )
        assert (missed.treated, missed.treated_units) == (5, 35)
        assert (never.treated, never.treated_units) == (0, 30)
        assert (overload.treated, overload.treated_units) == (30, 35)

    def test_the_groups_are_those_of_the_design(
        self, started: Callable[..., Experiment], ana: Rep, bo: Rep
    ) -> None:
        """Forty leads of two reps in two periods."""
        experiment = started()
        for period, rep in enumerate((ana, bo)):
            at, first = NOW + (14 * period + 8) * DAY, 100 * period
            expose(experiment, rep, count=20, won={"control": 2, "treatment": 3}, at=at, first=first)
            Exposure.objects.filter(experiment=experiment, rep=rep).update(period=period)
        groups = {}
        for design in ("slot_split", "lead_split", "rep_partition", "switchback"):
            experiment.design = design
            control = seen(experiment, NOW + 80 * DAY).arms[Arm.CONTROL]
            groups[design] = None if control.cluster is None else sorted(set(control.cluster.tolist()))
        assert groups == {
            "slot_split": None,
            "lead_split": None,
            "rep_partition": sorted([ana.pk, bo.pk]),
            "switchback": [0, 1],
        }

    def test_what_came_in_a_washout_never_counts(self, started: Callable[..., Experiment], ana: Rep) -> None:
        """Routed again in the days that count, it would be one of those that were not content."""
        experiment = started(design="switchback")
        expose(experiment, ana, count=2, won={"control": 0, "treatment": 0}, at=NOW)
        first = Exposure.objects.order_by("pk")[0]
        Exposure.objects.update(is_counted=False, period=0)
        first.pk, first.exposed_at, first.period = None, NOW + 8 * DAY, 0
        first.save()
        assert [len(part) for part in seen(experiment, NOW + 9 * DAY).arms.values()] == [0, 0]

    def test_secondaries_wait_for_the_end_and_say_what_is_missing(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started(secondaries=["deal_size", "satisfaction"], duration_weeks=4)
        expose(experiment, ana, count=80, won={"control": 20, "treatment": 40}, at=NOW)
        for exposure in Exposure.objects.filter(arm="treatment")[:40]:
            SatisfactionScore.objects.create(
                opportunity=exposure.opportunity, score=8, given_at=NOW + 12 * DAY
            )
        early = look_at(experiment_id=experiment.pk, at=NOW + 40 * DAY, day=(NOW + 40 * DAY).date())
        final = look_at(experiment_id=experiment.pk, at=NOW + 70 * DAY, day=(NOW + 70 * DAY).date())
        assert (early.found["secondaries"], early.is_final, final.is_final) == ([], False, True)
        found = {one["name"]: one for one in final.found["secondaries"]}
        assert found["deal_size"]["difference"] == pytest.approx(250)
        assert found["satisfaction"]["unavailable"] == "fewer than 20 values in an arm"
        assert found["satisfaction"]["control_missing"] == 1.0

    def test_takes_as_many_queries_for_many(self, started: Callable[..., Experiment], ana: Rep) -> None:
        experiment, counts = started(), []
        for days in (40, 41):
            expose(experiment, ana, count=60, won={"control": 9, "treatment": 9}, at=NOW, first=days * 100)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                look_at(experiment_id=experiment.pk, at=NOW + days * DAY, day=(NOW + days * DAY).date())
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestNights:
    def test_significantly_worse_rolls_back(self, started: Callable[..., Experiment], ana: Rep) -> None:
        experiment = started()
        expose(experiment, ana, count=200, won={"control": 80, "treatment": 20}, at=NOW)
        nightly(NOW + 40 * DAY)
        experiment.refresh_from_db()
        assert (experiment.state, experiment.outcome, experiment.serves) == (
            "ended",
            "rolled_back",
            "control",
        )
        assert experiment.changes.first().reason == "treatment is significantly worse"

    def test_a_breached_guardrail_rolls_back(
        self, started: Callable[..., Experiment], ana: Rep, bo: Rep
    ) -> None:
        experiment = started(guardrails=["never_touched"])
        expose(experiment, ana, count=60, won={"control": 6, "treatment": 6}, at=NOW)
        treated = Exposure.objects.filter(arm="treatment").values("opportunity")
        Activity.objects.filter(opportunity__in=treated).delete()
        nightly(NOW + 10 * DAY)
        experiment.refresh_from_db()
        assert (experiment.outcome, experiment.changes.first().reason) == (
            "rolled_back", "guardrail breached: leads never touched",
        )  # fmt: skip

    def test_a_rep_beyond_the_maximum_rolls_back_at_once(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started()
        expose(experiment, ana, count=1, won={"control": 0, "treatment": 0}, at=NOW, load=10)
        nightly(NOW + DAY)
        experiment.refresh_from_db()
        assert experiment.outcome == "rolled_back"

    def test_the_ramp_takes_its_first_step_by_itself(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started(ramp="automatic")
        expose(experiment, ana, count=TENTH, won={"control": 6, "treatment": 6}, at=NOW)
        nightly(NOW + 13 * DAY)
        experiment.refresh_from_db()
        assert experiment.split == 0.1
        nightly(NOW + 15 * DAY)
        experiment.refresh_from_db()
        assert (experiment.split, experiment.stage) == (0.5, 2)
        assert [stage.split for stage in experiment.stages.all()] == [0.1, 0.5]

    def test_the_ramp_asks_where_that_was_chosen(self, started: Callable[..., Experiment], ana: Rep) -> None:
        experiment = started(ramp="ask")
        expose(experiment, ana, count=TENTH, won={"control": 6, "treatment": 6}, at=NOW)
        nightly(NOW + 15 * DAY)
        experiment.refresh_from_db()
        assert experiment.split == 0.1
        gate = judged(experiment, Look.objects.get(), NOW + 15 * DAY)
        assert (gate.next_pct, gate.may) == (50, True)

    def test_first_touches_need_not_be_as_old_as_a_win(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started(metric="first_touch", touch_minutes=60, duration_weeks=20, horizon_days=90)
        expose(experiment, ana, count=60, won={"control": 6, "treatment": 6}, at=NOW)
        nightly(NOW + DAY)
        look = Look.objects.get()
        assert look.found["matured"] == 120
        gate = judged(experiment, look, NOW + DAY)
        assert "60 of 200 leads in treatment older than 60 minutes" in gate.missing

    def test_its_time_is_up_then_outcomes_are_waited_for_then_it_ends(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started(duration_weeks=4)
        expose(experiment, ana, count=100, won={"control": 20, "treatment": 21}, at=NOW + DAY)
        nightly(NOW + 29 * DAY)
        experiment.refresh_from_db()
        assert (experiment.state, experiment.serves) == ("maturing", "control")
        nightly(NOW + 59 * DAY)
        experiment.refresh_from_db()
        assert (experiment.state, experiment.outcome) == ("ended", "no_difference")
        assert Look.objects.order_by("-pk")[0].is_final

    def test_a_winner_is_not_promoted_without_being_asked(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        promoted: list[int] = []
        experiment = started()
        expose(experiment, ana, count=250, won={"control": 25, "treatment": 90}, at=NOW)
        nightly(NOW + 40 * DAY, promoted)
        experiment.refresh_from_db()
        assert (experiment.is_running, promoted) == (True, [])
        assert Look.objects.get().crossed == "up"

    def test_an_automatic_ramp_promotes_when_all_gates_are_passed(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        promoted: list[int] = []
        experiment = started(ramp="automatic", duration_weeks=40, design="slot_split")
        change_split(experiment_id=experiment.pk, split=0.5, by=None, at=NOW)
        expose(experiment, ana, count=250, won={"control": 25, "treatment": 90}, at=NOW + DAY, stage=2)
        nightly(NOW + 40 * DAY, promoted)
        experiment.refresh_from_db()
        assert (experiment.split, promoted) == (0.9, [])
        nightly(NOW + 60 * DAY, promoted)
        assert promoted == [experiment.pk]

    def test_a_lead_split_is_no_proof_for_the_next_step(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started(ramp="automatic", duration_weeks=40)
        change_split(experiment_id=experiment.pk, split=0.5, by=None, at=NOW)
        expose(experiment, ana, count=250, won={"control": 25, "treatment": 90}, at=NOW + DAY, stage=2)
        nightly(NOW + 40 * DAY)
        experiment.refresh_from_db()
        look = Look.objects.get()
        assert (look.crossed, experiment.split) == ("up", 0.5)
        gate = judged(experiment, look, NOW + 40 * DAY)
        assert gate.missing == ("a lead split is biased upward, so what it finds is no proof",)

    def test_a_tenth_is_for_safety_and_counts_in_no_estimate(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started(ramp="ask", design="slot_split", duration_weeks=40)
        tenth = {"control": 540, "treatment": 80}
        expose(experiment, ana, count=tenth, won={"control": 54, "treatment": 60}, at=NOW)
        first = look_at(experiment_id=experiment.pk, at=NOW + 40 * DAY, day=(NOW + 40 * DAY).date())
        assert first.unavailable == "estimates come from stages with 40% in treatment or more"
        change_split(experiment_id=experiment.pk, split=0.5, by=None, at=NOW + 40 * DAY)
        expose(
            experiment, ana, count=100, won={"control": 20, "treatment": 24}, at=NOW + 41 * DAY, stage=2,
            first=1000,
        )  # fmt: skip
        second = look_at(experiment_id=experiment.pk, at=NOW + 80 * DAY, day=(NOW + 80 * DAY).date())
        assert second.estimate == pytest.approx(0.04)
        assert [round(line["effect"]["value"], 2) for line in second.found["stages"]] == [0.65, 0.04]

    def test_a_hold_out_has_an_interval_that_always_holds_and_no_end(
        self, started: Callable[..., Experiment], ana: Rep
    ) -> None:
        experiment = started(is_hold_out=True, layer_to=0.2)
        assert experiment.ends_at is None
        expose(experiment, ana, count=150, won={"control": 20, "treatment": 60}, at=NOW)
        nightly(NOW + 400 * DAY)
        look = Look.objects.get()
        assert (look.bound, look.is_final) == (None, False)
        assert look.low is not None
        assert look.se is not None
        assert look.estimate is not None
        assert look.low < look.estimate - 2 * look.se
        experiment.refresh_from_db()
        assert experiment.is_running


class TestEnd:
    def test_stopping_early_asks_for_a_reason(self, started: Callable[..., Experiment], omar: User) -> None:
        experiment = started()
        with pytest.raises(ExperimentRefused, match="Say why") as refused:
            end_experiment(experiment_id=experiment.pk, outcome="stopped", by=omar, at=NOW, reason=" ")
        assert refused.value.field == "reason"
        end_experiment(
            experiment_id=experiment.pk, outcome="stopped", by=omar, at=NOW, reason="A new product"
        )
        assert experiment.changes.first().reason == "A new product"
        with pytest.raises(ExperimentRefused, match="is over"):
            end_experiment(experiment_id=experiment.pk, outcome="stopped", by=omar, at=NOW, reason="Again")

    def test_a_split_only_rises(self, started: Callable[..., Experiment], omar: User) -> None:
        experiment = started()
        with pytest.raises(ExperimentRefused, match="only rises"):
            change_split(experiment_id=experiment.pk, split=0.4, by=omar, at=NOW)
