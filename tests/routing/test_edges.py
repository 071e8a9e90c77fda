"""Where a decision and what people do with it meet an awkward state of the world; on the database."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from crm.models import Account, Assignment, Opportunity
from crm.services.opportunities import update_opportunity
from crm.services.ownership import OwnershipError
from reps.models import Absence, Rep, RoleTemplate, Skill, Team, User
from reps.services.absence import mark_away
from reps.services.profiles import expire_depths, save_rep
from routing.models import CapacitySettings, Decision, Policy, QueueItem, Rule
from routing.queries.explanations import explain
from routing.queries.invariants import check_invariants
from routing.services import overrides, queue
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from routing.services.renewal import renew_suggestions
from territories.models import Coverage, Territory
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
EUROPE = {"field": "country", "op": "in", "value": ["DE", "FR"]}
LARGE = {"field": "employees", "op": "at_least", "value": 1000}


@pytest.fixture(autouse=True)
def invariants_hold() -> object:
    yield
    assert check_invariants().violations == []


def decided(opportunity: Opportunity, at: datetime.datetime = NOW) -> Decision:
    decision = route(opportunity_id=opportunity.pk, at=at)
    assert decision is not None
    return decision


def pending(opportunity: Opportunity) -> QueueItem:
    return QueueItem.objects.get(opportunity=opportunity, state="pending")


def found(decision: Decision, step: str) -> dict[str, Any]:
    """What the step of the ladder found."""
    return next(line["found"] for line in decision.trace["steps"] if line["name"] == step)


def why_not(decision: Decision, rep: Rep) -> str:
    return next(other.why.reason for other in explain(decision, also=rep.pk).others if other.rep_id == rep.pk)


class TestNamedAccounts:
    def test_absent_owner_is_covered_even_from_another_team(
        self, ana: Rep, bo: Rep, cara: Rep, make_opportunity: Make
    ) -> None:
        Absence.objects.create(rep=bo, starts_at=NOW - HOUR, covering=cara)
        account = Account.objects.create(name="Acme", owner=bo)
        decision = decided(make_opportunity(account=account))
        assert (decision.via, decision.rep_id, decision.team_id) == ("covering", cara.pk, cara.team_id)

    @pytest.mark.parametrize("gone", ["left", "away", "full"])
    def test_covering_rep_who_cannot_is_passed_over_within_the_team(
        self, gone: str, ana: Rep, bo: Rep, cara: Rep, make_opportunity: Make
    ) -> None:
        Absence.objects.create(rep=bo, starts_at=NOW - HOUR, covering=cara)
        if gone == "left":
            Rep.objects.filter(pk=cara.pk).update(left_at=NOW - DAY)
        elif gone == "away":
            Absence.objects.create(rep=cara, starts_at=NOW - HOUR)
        else:
            Rep.objects.filter(pk=cara.pk).update(own_max_open=1)
            held = make_opportunity("held", account=Account.objects.create(name="Other", owner=cara))
            decided(held)
        decision = decided(make_opportunity(account=Account.objects.create(name="Acme", owner=bo)))
        assert decision.rep_id == ana.pk
        if gone != "left":
            assert why_not(decision, cara) == "is not in the team of the account’s owner, who is away"

    def test_rules_do_not_reach_the_owner(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        rule = Rule.objects.create(name="Not Bo", position=1, action="exclude_reps")
        rule.excluded.add(bo)
        publish()
        account = Account.objects.create(name="Acme", owner=bo)
        assert decided(make_opportunity(account=account)).rep_id == bo.pk


class TestTerritories:
    def territory(self, name: str, condition: dict[str, Any], *teams: Team, **rest: object) -> Territory:
        made = Territory.objects.create(name=name, condition=condition, **rest)
        for team in teams:
            Coverage.objects.create(territory=made, team=team)
        return made

    def test_inside_one_that_is_switched_off_nothing_counts(
        self, ana: Rep, cara: Rep, east: Team, west: Team, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        europe = self.territory("Europe", EUROPE, is_active=False)
        self.territory("Large in Europe", LARGE, west, parent=europe)
        publish()
        american = decided(make_opportunity(country="US", employees=5000))
        assert american.trace["steps"][1]["found"]["why"] == "not_used"
        assert american.trace["steps"][1]["after"] == 2

    def test_a_deal_outside_the_parent_is_outside_the_child(
        self, ana: Rep, cara: Rep, west: Team, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        self.territory("Large in Europe", LARGE, west, parent=self.territory("Europe", EUROPE))
        publish()
        assert decided(make_opportunity(country="US", employees=5000)).trace["steps"][1]["after"] == 2
        assert decided(make_opportunity(country="DE", employees=5000)).rep_id == cara.pk

    def test_nobody_left_is_said(self, ana: Rep, make_opportunity: Make, publish: Callable[[], int]) -> None:
        self.territory("Empty", {})
        publish()
        lines = {line.label: line.sentence for line in explain(decided(make_opportunity())).lines}
        assert (lines["Eligible now"], lines["Prediction"]) == ("nobody is left", "nobody is left")


class TestSkills:
    def test_an_expired_certification_meets_no_requirement(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        Skill.objects.create(rep=bo, kind="certification", name="MEDDIC", valid_until=NOW.date())
        Rule.objects.create(
            name="Certified",
            position=1,
            action="require",
            required_field="certification",
            required_value="MEDDIC",
        )
        publish()
        assert decided(make_opportunity()).rep_id == bo.pk
        after = decided(make_opportunity(), NOW + DAY)
        assert found(after, "rule_skipped")["why"] == "would_leave_nobody"

    def test_depth_goes_with_the_certification(self, bo: Rep) -> None:
        from reps.models import CertificationDepth

        CertificationDepth.objects.create(certification="MEDDIC", depth=4)
        Skill.objects.create(rep=bo, kind="certification", name="meddic", valid_until=NOW.date())
        Rep.objects.filter(pk=bo.pk).update(technical_depth=4)
        expire_depths(today=NOW.date())
        bo.refresh_from_db()
        assert bo.technical_depth == 4
        expire_depths(today=NOW.date() + DAY)
        bo.refresh_from_db()
        assert bo.technical_depth == 0

    def test_preferred_language_only_counts_in_the_score(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        Skill.objects.create(rep=bo, kind="language", name="German")
        Absence.objects.create(rep=bo, starts_at=NOW - HOUR)
        Policy.objects.update(language="required", fallback=["hold"])
        publish()
        assert decided(make_opportunity(language="German")).outcome == "hold"
        Policy.objects.update(language="preferred")
        publish()
        preferred = decided(make_opportunity(language="German"))
        assert "language" not in found(preferred, "eligibility")["out"]


class TestWhyNot:
    def test_the_closest_below_the_threshold_was_not_chosen(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        Policy.objects.update(threshold=99, fallback=["hold"])
        publish()
        decision = decided(make_opportunity(industry="Healthcare"))
        assert decision.outcome == "hold"
        assert why_not(decision, ana) == "came closest, but scores below the threshold of 99"
        assert why_not(decision, bo).startswith("Ana is ahead by ")

    def test_round_robin_is_about_turns(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        Policy.objects.update(threshold=99)
        Team.objects.update(is_default=False)
        Team.objects.filter(pk=ana.team_id).update(is_default=True)
        publish()
        decided(make_opportunity())
        decision = decided(make_opportunity(industry="Healthcare"))
        assert (decision.via, decision.rep_id) == ("round_robin", bo.pk)
        assert why_not(decision, ana) == "Bo was next in turn"


class TestLimits:
    @pytest.mark.usefixtures("assign_at_once")
    @pytest.mark.parametrize(
        ("load", "outcome"), [(70, "assign"), (71, "hold"), (90, "hold"), (91, "hold"), (100, "hold")]
    )
    def test_bands_hold_on_the_database(
        self, load: int, outcome: str, make_rep: Callable[..., Rep], make_opportunity: Make, omar: User,
        publish: Callable[[], int],
    ) -> None:  # fmt: skip
        """Alone a rep scores 50: below the high match of 70, so near capacity means nothing new."""
        Policy.objects.update(fallback=["hold"])
        publish()
        rep = make_rep("Only", max_open=100)
        mine = [make_opportunity(f"L{n}", at=NOW - 30 * DAY).pk for n in range(load)]
        overrides.reassign(opportunity_ids=mine, rep_id=rep.pk, by=omar, at=NOW - 20 * DAY)
        assert decided(make_opportunity()).outcome == outcome

    @pytest.mark.usefixtures("assign_at_once")
    def test_the_week_is_seven_rolling_days(
        self, make_rep: Callable[..., Rep], make_opportunity: Make
    ) -> None:
        make_rep("Only", own_max_new_per_week=1)
        assert decided(make_opportunity()).outcome == "assign"
        early = make_opportunity()
        assert decided(early, NOW + 7 * DAY - datetime.timedelta(seconds=1)).outcome != "assign"
        assert decided(make_opportunity(), NOW + 7 * DAY).outcome == "assign"

    def test_pending_suggestions_count_towards_the_pipeline_cap(
        self, make_rep: Callable[..., Rep], make_opportunity: Make
    ) -> None:
        rep = make_rep("Only", own_max_pipeline_value=100_000)
        assert decided(make_opportunity(value=60_000)).rep_id == rep.pk
        second = decided(make_opportunity(value=60_000))
        assert second.rep_id is None
        assert why_not(second, rep) == "would exceed the pipeline value cap"
        assert decided(make_opportunity(value=40_000)).rep_id == rep.pk

    def test_a_value_that_changes_while_owned_moves_the_pipeline(
        self, ana: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity(value=10)
        overrides.reassign(opportunity_ids=[opportunity.pk], rep_id=ana.pk, by=omar, at=NOW)
        for values in ({"value": 25}, {"currency": "XQZ"}, {"value": None, "currency": ""}, {"value": 5}):
            update_opportunity(opportunity_id=opportunity.pk, values=values)
            assert check_invariants().violations == []
        ana.refresh_from_db()
        assert ana.pipeline_value == 5


class TestPeopleWhoGo:
    def test_a_suggestion_for_somebody_who_went_away_can_be_approved(
        self, ana: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity()
        decided(opportunity)
        mark_away(rep=ana, starts_at=NOW, ends_at=None, reason="vacation", by=omar)
        assert queue.approve(item_id=pending(opportunity).pk, by=omar, at=NOW + HOUR).rep == ana

    def test_a_suggestion_for_somebody_who_left_is_refused_in_words(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity(industry="Healthcare")
        decided(opportunity)
        ana.left_at = NOW
        save_rep(rep=ana, by=omar)
        with pytest.raises(OwnershipError, match="Ana has left"):
            queue.approve(item_id=pending(opportunity).pk, by=omar, at=NOW + HOUR)

    def test_what_was_suggested_to_somebody_who_left_is_decided_anew(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity(industry="Healthcare")
        decided(opportunity)
        ana.left_at = NOW
        save_rep(rep=ana, by=omar)
        assert renew_suggestions(at=NOW + HOUR, now=NOW + HOUR).decided == 1
        assert pending(opportunity).rep == bo
        ana.refresh_from_db()
        assert ana.pending == 0

    def test_reopened_when_the_owner_has_left_it_is_routed(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity()
        overrides.reassign(opportunity_ids=[opportunity.pk], rep_id=ana.pk, by=omar, at=NOW)
        record_outcome(opportunity_id=opportunity.pk, stage="lost", at=NOW + HOUR, by=omar)
        ana.refresh_from_db()
        ana.left_at = NOW + HOUR
        save_rep(rep=ana, by=omar)
        opened = record_outcome(opportunity_id=opportunity.pk, stage="open", at=NOW + 2 * HOUR, by=omar)
        assert (opened.owner, opened.routing) == (None, "waiting")
        assert decided(opportunity, NOW + 3 * HOUR).rep_id == bo.pk

    def test_a_rep_who_changes_team_keeps_load_and_suggestions(
        self, ana: Rep, west: Team, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity()
        decided(opportunity)
        stale = Rep.objects.get(pk=ana.pk)
        overrides.reassign(opportunity_ids=[make_opportunity().pk], rep_id=ana.pk, by=omar, at=NOW)
        stale.team = west
        save_rep(rep=stale, by=omar)
        assert queue.approve(item_id=pending(opportunity).pk, by=omar, at=NOW).rep.team == west

    def test_what_others_point_at_is_not_deleted(
        self, ana: Rep, omar: User, make_opportunity: Make, role_template: RoleTemplate
    ) -> None:
        from django.db.models import ProtectedError

        account = Account.objects.create(name="Acme", owner=ana)
        decided(make_opportunity(account=account))
        for record in (account, ana, ana.team, role_template):
            with pytest.raises(ProtectedError):
                record.delete()


class TestQueue:
    def test_what_was_closed_since_is_not_undone(self, ana: Rep, omar: User, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        decided(opportunity)
        item = pending(opportunity)
        queue.approve(item_id=item.pk, by=omar, at=NOW)
        record_outcome(opportunity_id=opportunity.pk, stage="won", at=NOW + HOUR, by=omar)
        with pytest.raises(queue.AlreadyDecided, match="no longer be undone"):
            queue.undo(item_id=item.pk, by=omar, at=NOW + HOUR)

    def test_closing_takes_the_suggestion_away_and_reopening_routes(
        self, ana: Rep, omar: User, make_opportunity: Make
    ) -> None:
        opportunity = make_opportunity()
        decided(opportunity)
        record_outcome(opportunity_id=opportunity.pk, stage="disqualified", at=NOW, by=omar)
        ana.refresh_from_db()
        assert (ana.pending, QueueItem.objects.filter(state="pending").count()) == (0, 0)
        record_outcome(opportunity_id=opportunity.pk, stage="open", at=NOW, by=omar)
        assert decided(opportunity, NOW + HOUR).rep_id == ana.pk

    def test_a_held_one_is_reassigned_by_hand(self, omar: User, ana: Rep, make_opportunity: Make) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1)
        overrides.reassign(opportunity_ids=[make_opportunity().pk], rep_id=ana.pk, by=omar, at=NOW)
        Policy.objects.update(fallback=["hold"])
        held = make_opportunity()
        route(opportunity_id=held.pk, at=NOW)
        assert overrides.reassign(opportunity_ids=[held.pk], rep_id=ana.pk, by=omar, at=NOW) == 1
        ana.refresh_from_db()
        assert (ana.load, Assignment.objects.filter(source="person").count()) == (2, 2)

    def test_bounds_are_the_published_ones(
        self, make_rep: Callable[..., Rep], make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        rep = make_rep("Only", max_open=10)
        CapacitySettings.objects.update(available_up_to_pct=5, near_up_to_pct=6, at_up_to_pct=7)
        publish()
        assert decided(make_opportunity()).rep_id == rep.pk
        assert decided(make_opportunity()).rep_id is None
