"""Opportunities decided in the arms of an experiment: strategies, slots, partitions, exposures, replays, batches."""

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from crm.models import Account, Opportunity
from experiments.models import Enrolment, Experiment, Exposure
from experiments.services.editing import create_experiment
from experiments.services.running import change_split, end_experiment, let_go, start_experiment
from reps.models import Rep, User
from routing.management.commands.replay_decision import is_identical
from routing.models import Decision, Policy, QueueItem, Rule
from routing.queries import arm_use
from routing.queries.invariants import check_invariants
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.experiments import promote
from routing.services.outcomes import record_outcome
from tests.conftest import NOW
from tests.routing.test_batch_runs import planned, planned_anew

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
MakeRep = Callable[..., Rep]
DAY = datetime.timedelta(days=1)
RULES = {"kind": "rules"}
TURNS = {"kind": "round_robin"}
PREDICTIVE = {"kind": "predictive"}


@pytest.fixture
def history(make_opportunity: Make, db: None) -> None:
    """What a plan is made from: some that were routed and closed."""
    for number in range(20):
        Opportunity.objects.create(
            name=f"Past {number}",
            industry="Retail" if number % 2 else "Healthcare",
            stage="won" if number % 4 == 0 else "lost",
            routing="none",
            opened_at=NOW - 120 * DAY,
            accepted_at=NOW - 120 * DAY,
            routing_since=NOW - 120 * DAY,
            closed_at=NOW - 80 * DAY,
            assigned_at=NOW - 120 * DAY,
        )
    Opportunity.objects.create(
        industry="Retail", name="Recent", stage="lost", routing="none", opened_at=NOW - 20 * DAY,
        accepted_at=NOW - 20 * DAY,
        routing_since=NOW - 20 * DAY, closed_at=NOW - 10 * DAY,
    )  # fmt: skip


@pytest.fixture
def begin(history: None, assign_at_once: None) -> Callable[..., Experiment]:
    """A running experiment: round-robin against predictive, all half and half, by lead split."""

    def make(**values: Any) -> Experiment:
        fields = {"name": "Test", "control": TURNS, "treatment": PREDICTIVE, "design": "lead_split"} | values
        experiment = create_experiment(values=fields, by=None, at=NOW)
        return start_experiment(experiment_id=experiment.pk, by=None, at=NOW)

    return make


@pytest.fixture
def decide(make_opportunity: Make) -> Callable[..., Decision]:
    """Routes new leads of Healthcare, one after the other."""
    numbers = iter(range(10_000))

    def one(**values: Any) -> Decision:
        made = make_opportunity(f"Lead {next(numbers)}", **({"industry": "Healthcare"} | values))
        found = route(opportunity_id=made.pk, at=values.get("at", NOW) + datetime.timedelta(minutes=1))
        assert found is not None
        return found

    return one


def arm_of(decision: Decision) -> str:
    return Exposure.objects.get(decision_id=decision.pk).arm


def reps_by_arm(decisions: list[Decision]) -> dict[str, Counter[int | None]]:
    found: dict[str, Counter[int | None]] = {"control": Counter(), "treatment": Counter()}
    for decision in decisions:
        found[arm_of(decision)][decision.rep_id] += 1
    return found


class TestStrategies:
    def test_turns_against_the_best(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        """Ana knows healthcare; in control both get their turn."""
        Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
        begin()
        found = reps_by_arm([decide() for _ in range(40)])
        assert set(found["treatment"]) == {ana.pk}
        assert abs(found["control"][ana.pk] - found["control"][bo.pk]) <= 1
        assert min(sum(counts.values()) for counts in found.values()) >= 10
        assert check_invariants().violations == []

    def test_weights_count_in_weighted_turns_only(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
        Rep.objects.filter(pk=ana.pk).update(turn_weight=300)
        begin(control={"kind": "weighted_round_robin"}, treatment=TURNS)
        found = reps_by_arm([decide() for _ in range(40)])
        control = found["control"]
        assert control[ana.pk] >= 2 * control[bo.pk]

    def test_territory_only_passes_rules_over(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep,
        publish: Callable[[], int],
    ) -> None:  # fmt: skip
        rule = Rule.objects.create(name="Not Bo", position=1, action="exclude_reps", condition={})
        rule.excluded.set([bo])
        publish()
        Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
        begin(control={"kind": "territory"})
        found = reps_by_arm([decide() for _ in range(20)])
        assert bo.pk in found["control"]
        assert bo.pk not in found["treatment"]

    def test_rules_based_has_a_model_that_learned_nothing(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        begin(control=RULES)
        decisions = [decide() for _ in range(8)]
        kinds = {arm_of(one): one.model.kind for one in decisions}
        assert kinds["control"] == "rules"

    def test_exploration_explores_in_its_arm_only(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
        begin(control=PREDICTIVE, treatment={"kind": "exploring"})
        decisions = [decide(industry="Retail") for _ in range(30)]
        shares = {
            arm: {one.propensity for one in decisions if arm_of(one) == arm}
            for arm in ("control", "treatment")
        }
        assert shares["control"] == {1.0}
        assert min(shares["treatment"]) < 1.0

    def test_another_version_decides_its_arm(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        Rule.objects.create(name="All to Bo", position=1, action="route_to_team", team=bo.team, condition={})
        rule = Rule.objects.create(name="Not Ana", position=2, action="exclude_reps", condition={})
        rule.excluded.set([ana])
        candidate, _ = publish_configuration(by=None, at=NOW, as_candidate=True)
        begin(treatment={"kind": "version", "version": candidate.pk})
        decisions = [decide() for _ in range(10)]
        found = {arm_of(one): one for one in decisions}
        assert found["treatment"].configuration_id == candidate.pk
        assert found["treatment"].rep == bo
        assert found["control"].configuration_id != candidate.pk
        assert [is_identical(one) for one in decisions] == [True] * 10

    def test_all_decisions_replay(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        begin(design="slot_split")
        decisions = [decide() for _ in range(12)]
        assert [is_identical(one) for one in decisions] == [True] * 12


class TestExposure:
    def test_a_row_for_each_decision_and_an_arm_for_each_unit(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        experiment = begin()
        account = Account.objects.create(name="Acme")
        decisions = [decide(account=account) for _ in range(4)]
        assert len({arm_of(one) for one in decisions}) == 1
        assert Enrolment.objects.get(experiment=experiment).unit == f"account:{account.pk}"
        first = Exposure.objects.order_by("pk")[0]
        rep = decisions[0].rep
        assert rep is not None
        assert (first.rep_id, first.load, first.max_open) == (rep.pk, 0, rep.max_open)
        assert (first.eligible, first.apart, first.is_counted, first.stage) == (2, "", True, 1)
        assert first.configuration_number == decisions[0].configuration.number

    def test_an_arm_sticks_when_the_split_rises(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        experiment = begin(split=0.3)
        accounts = [Account.objects.create(name=f"Company {n}") for n in range(12)]
        before = [arm_of(decide(account=account)) for account in accounts]
        change_split(experiment_id=experiment.pk, split=0.95, by=None, at=NOW)
        after = [arm_of(decide(account=account)) for account in accounts]
        assert before == after
        assert "control" in before
        new = [arm_of(decide()) for _ in range(12)]
        assert new.count("treatment") >= 9
        assert set(Enrolment.objects.values_list("stage", flat=True)) == {1, 2}

    def test_what_would_be_the_same_in_both_arms_is_apart(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        begin()
        owned = Account.objects.create(name="Acme", owner=bo)
        decision = decide(account=owned)
        assert decision.rep == bo
        assert Exposure.objects.get(decision_id=decision.pk).apart == "named_account"
        assert Enrolment.objects.count() == 0

    def test_a_fallback_stays_in_its_arm(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep
    ) -> None:
        Policy.objects.update(fallback=["hold"])
        publish_configuration(by=None, at=NOW)
        begin()
        Rep.objects.update(own_max_new_per_week=0)
        decision = decide()
        found = Exposure.objects.get(decision_id=decision.pk)
        assert (found.apart, found.fallback, found.rep) == ("", "hold", None)
        assert Enrolment.objects.count() == 1

    def test_whoever_is_not_in_the_population_is_not_in_it(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep
    ) -> None:
        begin(condition={"field": "industry", "op": "is", "value": "Retail"})
        decide()
        assert Exposure.objects.count() == 0
        decide(industry="Retail")
        assert Exposure.objects.count() == 1

    def test_parts_of_the_layer_share_units_out(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep
    ) -> None:
        Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
        one = begin(layer_to=0.5)
        other = begin(name="Other", layer_from=0.5)
        for _ in range(30):
            decide()
        counts = Counter(Exposure.objects.values_list("experiment", flat=True))
        assert counts[one.pk] + counts[other.pk] == 30
        assert min(counts.values()) >= 6


class TestRoom:
    def test_slots_are_divided(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], make_rep: MakeRep
    ) -> None:
        """One rep with ten slots: five each, of which an arm fills what is below its own bounds."""
        make_rep("Only", max_open=10, own_max_new_per_week=100, skills={"industry": ["Healthcare"]})
        Policy.objects.update(fallback=["hold"])
        publish_configuration(by=None, at=NOW)
        begin(design="slot_split", control=PREDICTIVE, treatment={"kind": "weighted_round_robin"})
        decisions = [decide() for _ in range(30)]
        given = Counter(arm_of(one) for one in decisions if one.rep_id)
        assert max(given.values()) <= 5
        assert given["treatment"] == 5  # turns take near capacity too: 4 of 5 is 80 %
        assert check_invariants().violations == []

    def test_closed_ones_set_their_arms_slots_free(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], make_rep: MakeRep
    ) -> None:
        make_rep("Only", max_open=10, own_max_new_per_week=100)
        Policy.objects.update(fallback=["hold"])
        publish_configuration(by=None, at=NOW)
        begin(design="slot_split", control=TURNS, treatment={"kind": "weighted_round_robin"})
        for _ in range(30):
            decide()
        assert QueueItem.objects.filter(kind="held").count() == 20
        full = [
            arm
            for arm in ("control", "treatment")
            if Exposure.objects.filter(arm=arm, rep__isnull=False).count()
        ]
        assert len(full) == 2
        owned = Opportunity.objects.filter(owner__isnull=False, exposures__arm="control").first()
        assert owned is not None
        record_outcome(opportunity_id=owned.pk, stage="lost", at=NOW + DAY, by=None)
        decisions = [decide(at=NOW + DAY) for _ in range(10)]
        assert {arm_of(one) for one in decisions if one.rep_id} == {"control"}

    def test_a_partition_keeps_to_its_reps(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], make_rep: MakeRep
    ) -> None:
        reps = [make_rep(f"Rep {n}", max_open=100, own_max_new_per_week=100) for n in range(10)]
        experiment = begin(design="rep_partition")
        drawn = dict(experiment.reps.values_list("rep", "arm"))
        assert Counter(drawn.values()) == {"control": 5, "treatment": 5}
        assert set(drawn) == {rep.pk for rep in reps}
        for decision in [decide() for _ in range(20)]:
            assert decision.rep_id is not None
            assert drawn[decision.rep_id] == arm_of(decision)

    def test_a_switchback_goes_by_the_period(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        begin(design="switchback")
        early, late = NOW + DAY, NOW + 10 * DAY
        first = [decide(at=early) for _ in range(3)]
        second = [decide(at=late) for _ in range(2)]
        third = [decide(at=NOW + 20 * DAY) for _ in range(2)]
        assert len({arm_of(one) for one in first + second}) == 1
        assert {arm_of(one) for one in third} != {arm_of(first[0])}
        counted = dict(Exposure.objects.values_list("decision_id", "is_counted"))
        assert [counted[one.pk] for one in [first[0], second[0]]] == [False, True]
        periods = dict(Exposure.objects.values_list("decision_id", "period"))
        assert [periods[one.pk] for one in [first[0], second[0], third[0]]] == [0, 0, 1]


class TestAfterwards:
    def test_promoted_turns_stay_for_everybody_until_they_are_let_go(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep, omar: User
    ) -> None:
        Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
        experiment = begin(control=PREDICTIVE, treatment=TURNS, layer_to=0.5)
        promote(experiment_id=experiment.pk, by=omar, at=NOW, reason="We want turns")
        assert {decide().rep_id for _ in range(6)} == {ana.pk, bo.pk}
        assert Exposure.objects.count() == 0
        let_go(experiment_id=experiment.pk, by=omar, at=NOW)
        assert {decide().rep_id for _ in range(6)} == {ana.pk}

    def test_a_promoted_version_goes_live(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep, omar: User
    ) -> None:
        rule = Rule.objects.create(name="Not Ana", position=1, action="exclude_reps", condition={})
        rule.excluded.set([ana])
        candidate, _ = publish_configuration(by=None, at=NOW, as_candidate=True)
        experiment = begin(treatment={"kind": "version", "version": candidate.pk})
        promote(experiment_id=experiment.pk, by=omar, at=NOW, reason="Better")
        decision = decide()
        assert (decision.rep, decision.configuration.content_hash) == (bo, candidate.content_hash)

    def test_rolled_back_control_stays(
        self, begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
    ) -> None:
        experiment = begin()
        end_experiment(experiment_id=experiment.pk, outcome="rolled_back", by=None, at=NOW)
        assert {decide().rep_id for _ in range(6)} == {ana.pk, bo.pk}


def test_without_an_experiment_nothing_is_written(
    assign_at_once: None, decide: Callable[..., Decision], ana: Rep
) -> None:
    decide()
    assert (Exposure.objects.count(), Enrolment.objects.count()) == (0, 0)


@pytest.mark.usefixtures("history")
class TestInBatches:
    def test_each_arm_is_planned_within_its_share(
        self,
        make_batch_policy: Callable[..., Policy],
        make_rep: MakeRep,
        wait: Callable[..., list[Opportunity]],
    ) -> None:
        make_batch_policy(fallback=["hold"])
        make_rep("Ann", max_open=10, own_max_new_per_week=100, skills={"industry": ["Energy"]})
        make_rep("Bob", max_open=10, own_max_new_per_week=100)
        experiment = create_experiment(
            values={"name": "Batch", "control": TURNS, "treatment": PREDICTIVE, "design": "slot_split"},
            by=None,
            at=NOW,
        )
        start_experiment(experiment_id=experiment.pk, by=None, at=NOW)
        wait(*["Energy"] * 30)
        batch = planned()
        given = Counter(Exposure.objects.filter(rep__isnull=False).values_list("arm", "rep__name"))
        assert Exposure.objects.count() == 30
        assert max(given.values()) <= 5
        assert abs(given["control", "Ann"] - given["control", "Bob"]) <= 1
        assert batch.found["verified"]
        assert [is_identical(one) for one in Decision.objects.all()] == [True] * 30
        assert check_invariants().violations == []

    def test_planned_anew_it_has_its_own_slots_back(
        self,
        make_batch_policy: Callable[..., Policy],
        make_rep: MakeRep,
        wait: Callable[..., list[Opportunity]],
        omar: User,
    ) -> None:
        make_batch_policy(fallback=["hold"])
        make_rep("Ann", max_open=10, own_max_new_per_week=100, skills={"industry": ["Energy"]})
        make_rep("Bob", max_open=10, own_max_new_per_week=100)
        experiment = create_experiment(
            values={"name": "Batch", "control": TURNS, "treatment": PREDICTIVE, "design": "slot_split"},
            by=None,
            at=NOW,
        )
        start_experiment(experiment_id=experiment.pk, by=None, at=NOW)
        wait(*["Energy"] * 12)
        batch = planned()
        given = set(batch.items.filter(rep__isnull=False).values_list("opportunity", flat=True))
        again = planned_anew(batch, omar)
        assert set(again.items.filter(rep__isnull=False).values_list("opportunity", flat=True)) == given
        assert check_invariants().violations == []


def test_many_are_counted_now_and_then_and_what_came_since_is_added(
    begin: Callable[..., Experiment],
    decide: Callable[..., Decision],
    ana: Rep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arm_use, "MANY", 3)
    Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
    experiment = begin(design="slot_split", control=TURNS, treatment={"kind": "weighted_round_robin"})

    def count() -> int:
        return sum(sum(counts.values()) for counts in arm_use.used_by([experiment.pk]).values())

    seen = []
    for _ in range(6):
        decide()
        seen.append(count())
    assert seen == [1, 2, 3, 4, 5, 6]
    Opportunity.objects.filter(owner__isnull=False).update(stage="lost")
    assert count() == 6
    monkeypatch.setattr(arm_use, "KEPT_SECONDS", 0)
    arm_use.forget()
    assert count() == 0


def test_an_exposure_that_is_none_is_found(
    begin: Callable[..., Experiment], decide: Callable[..., Decision], ana: Rep, bo: Rep
) -> None:
    begin()
    decide()
    assert check_invariants().violations == []
    exposure = Exposure.objects.get()
    Exposure.objects.update(arm="treatment" if exposure.arm == "control" else "control")
    (violation,) = check_invariants().violations
    assert violation.guarantee == "exposed_as_decided"
    assert "is enrolled in" in violation.detail
