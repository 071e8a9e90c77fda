"""Graded overrides: what counts as one, how they are graded, for whom, and what reasons that keep winning propose."""

import csv
import datetime
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.models import ChosenMatch, CoachingLook, Fact
from analytics.queries.overrides import OverridesPage, overrides_page
from crm.models import Assignment, Opportunity
from reps.models import Rep, Skill, TagSuggestion, User
from routing.models import Override, OverrideReason
from routing.services.overrides import reassign
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
AsUser = Callable[[User], Client]
Overrule = Callable[..., Opportunity]
TODAY = NOW.date()
FIRST = TODAY - datetime.timedelta(days=30)
PERIOD = {"from": FIRST.isoformat(), "to": TODAY.isoformat()}
PAGE_QUERIES = 6


@pytest.fixture
def reason(db: None) -> OverrideReason:
    return OverrideReason.objects.get_or_create(label="Knows the customer better")[0]


@pytest.fixture
def overrule(
    make_opportunity: Callable[..., Opportunity], omar: User, ana: Rep, bo: Rep, reason: OverrideReason
) -> Overrule:
    """Somebody gives to `rep` (Bo) what the router would have given to `router` (Ana)."""

    def make(
        won: bool | None = None, *, rep: Rep = bo, router: Rep | None = ana, by: User = omar,
        because: OverrideReason | None = reason, chosen: float | None = 0.3, forecast: float | None = 0.4,
        **values: Any,
    ) -> Opportunity:  # fmt: skip
        opportunity = make_opportunity(f"Lead {Fact.objects.count()}", **values)
        reassign(opportunity_ids=[opportunity.pk], rep_id=rep.pk, by=by, at=NOW, reason=because)
        assignment = Assignment.objects.get(opportunity=opportunity)
        ChosenMatch.objects.create(
            assignment_id=assignment.pk, decision_id=1, rep_id=rep.pk, win_probability=chosen,
            router_rep_id=router.pk if router else None, router_win_probability=forecast,
        )  # fmt: skip
        shared: dict[str, Any] = {
            "day": TODAY, "opportunity": opportunity, "assignment_id": assignment.pk, "rep": rep, "kind": "lead",
            "path": "person", "mode": "hand", "win_probability": chosen,
        }  # fmt: skip
        Fact.objects.create(event="assigned", **shared)
        if won is not None:
            Fact.objects.create(event="closed", hit=won, **shared)
        return opportunity

    return make


def page(user: User) -> OverridesPage:
    return overrides_page(user, first=FIRST, last=TODAY)


class TestGrades:
    def test_wins_are_held_against_both_forecasts(self, overrule: Overrule, omar: User) -> None:
        overrule(True), overrule(True, chosen=0.5), overrule(False, forecast=0.2), overrule()
        found = page(omar)
        whole = found.whole
        assert (whole.made, whole.closed, whole.won, found.open) == (4, 3, 2, 1)
        assert (whole.router, whole.chosen) == pytest.approx((1.0, 1.1))

    def test_forecasts_are_put_right_by_the_last_look(self, overrule: Overrule, omar: User) -> None:
        CoachingLook.objects.create(pk=1, at=NOW, first_day=FIRST, intercept=-1.0, slope=1.0)
        overrule(True, chosen=0.5, forecast=0.5)
        assert page(omar).whole.router == pytest.approx(0.2689, abs=0.001)

    def test_what_agrees_with_the_router_is_none(
        self, overrule: Overrule, omar: User, ana: Rep, bo: Rep
    ) -> None:
        overrule(True, rep=ana, router=ana), overrule(True, router=None)
        assert page(omar).whole.made == 0

    def test_what_was_taken_back_is_none(self, overrule: Overrule, omar: User) -> None:
        overrule(True)
        Override.objects.update(undone_at=NOW)
        assert page(omar).whole.made == 0

    def test_what_went_on_to_somebody_else_is_no_win_of_theirs(
        self, overrule: Overrule, omar: User, ana: Rep
    ) -> None:
        one = overrule()
        reassign(opportunity_ids=[one.pk], rep_id=ana.pk, by=omar, at=NOW + datetime.timedelta(hours=1))
        Fact.objects.create(
            event="closed", day=TODAY, opportunity=one, rep=ana, kind="lead", path="person", mode="hand", hit=True,
            assignment_id=Assignment.objects.latest("pk").pk,
        )  # fmt: skip
        found = page(omar)
        assert (found.whole.closed, found.open, found.moved) == (0, 0, 1)

    def test_without_a_forecast_it_is_counted_and_not_graded(self, overrule: Overrule, omar: User) -> None:
        overrule(True, forecast=None), overrule(True, chosen=None)
        assert (page(omar).whole.made, page(omar).whole.closed) == (2, 0)

    def test_by_reason_person_and_segment(
        self, overrule: Overrule, omar: User, ben: User, reason: OverrideReason
    ) -> None:
        overrule(True, industry="Energy"), overrule(False, by=ben, because=None, industry="Energy")
        found = page(omar)
        assert {(line.name, line.grade.made, line.grade.won) for line in found.reasons} == {
            ("Knows the customer better", 1, 1), ("No reason given", 1, 0),
        }  # fmt: skip
        assert {(line.name, line.grade.made) for line in found.people} == {("Omar", 1), ("Ben", 1)}
        assert [(line.name, line.grade.made, line.grade.won) for line in found.segments] == [
            ("Industry: Energy", 2, 1)
        ]


class TestProposals:
    def test_a_reason_that_keeps_winning_proposes_a_tag(
        self, overrule: Overrule, omar: User, bo: Rep
    ) -> None:
        for n in range(12):
            overrule(n < 9, industry="Energy" if n < 8 else "Retail")
        (one,) = page(omar).proposals
        assert (one.rep, one.kind, one.tag, one.can_suggest) == (bo, "industry", "Energy", True)
        assert one.sentence == (
            "“Knows the customer better” won 9 of 12 where 4.8 were forecast, mostly Energy → Bo."
        )

    def test_fewer_than_eight_propose_nothing(self, overrule: Overrule, omar: User) -> None:
        for _ in range(7):
            overrule(True, industry="Energy")
        assert page(omar).proposals == []

    def test_as_forecast_proposes_nothing(self, overrule: Overrule, omar: User) -> None:
        for n in range(12):
            overrule(n < 5, industry="Energy")
        assert page(omar).proposals == []

    def test_no_reason_is_no_reason(self, overrule: Overrule, omar: User) -> None:
        for _ in range(12):
            overrule(True, because=None, industry="Energy")
        assert page(omar).proposals == []

    def test_a_source_proposes_a_rule(self, overrule: Overrule, omar: User) -> None:
        for _ in range(12):
            overrule(True, source="Partners")
        (one,) = page(omar).proposals
        assert (one.rep, one.rule) == (None, "opportunities from Partners → team East")

    def test_who_has_the_tag_already_proposes_a_rule(self, overrule: Overrule, omar: User, bo: Rep) -> None:
        Skill.objects.create(rep=bo, kind="industry", name="Energy")
        for _ in range(12):
            overrule(True, industry="Energy")
        (one,) = page(omar).proposals
        assert (one.rep, one.rule) == (None, "opportunities in Energy → team East")

    def test_the_button_files_the_suggestion_once(
        self, overrule: Overrule, ben: User, bo: Rep, as_user: AsUser
    ) -> None:
        for _ in range(12):
            overrule(True, industry="Energy")
        client, address = as_user(ben), "/analytics/overrides/suggest/?from=2026-02-01&to=2026-03-31"
        given = {"reason": "Knows the customer better"}
        assert "Energy is suggested for Bo" in client.post(address, given, follow=True).content.decode()
        made = TagSuggestion.objects.get()
        assert (made.rep, made.kind, made.name, made.source, made.wins, made.deals) == (
            bo, "industry", "Energy", "overrides", 12, 12,
        )  # fmt: skip
        assert "already" in client.post(address, given, follow=True).content.decode()
        assert client.post(address, {"reason": "Nobody said this"}).status_code == 404


class TestPage:
    def test_a_manager_sees_what_went_to_the_own_teams(
        self, overrule: Overrule, ben: User, cara: Rep, bo: Rep, as_user: AsUser
    ) -> None:
        overrule(True, router=cara), overrule(True, rep=cara)
        found = page(ben)
        assert [(one.rep, one.router) for one in found.latest] == [("Bo", "another team’s rep")]
        text = as_user(ben).get("/analytics/overrides/", PERIOD).content.decode()
        assert ("people changed <b>1</b> suggestion." in text, "Cara" in text) == (True, False)

    def test_what_is_another_teams_by_now_is_not_named(
        self, overrule: Overrule, ben: User, cara: Rep, omar: User
    ) -> None:
        one = overrule()
        reassign(opportunity_ids=[one.pk], rep_id=cara.pk, by=omar, at=NOW + datetime.timedelta(hours=1))
        assert [(each.name, each.outcome) for each in page(ben).latest] == [("", "moved on")]
        assert page(omar).latest[0].name == one.name

    def test_it_says_the_whole_and_that_it_is_no_experiment(
        self, overrule: Overrule, omar: User, as_user: AsUser
    ) -> None:
        for n in range(10):
            overrule(n < 6)
        text = as_user(omar).get("/analytics/overrides/", PERIOD).content.decode()
        assert "Of 10 that closed they won <b>6</b>, where 4.0 were forecast for the router’s choice" in text
        assert "and 3.0 for theirs: within chance." in text
        assert "not what another rep would have won" in text

    def test_nothing_says_so(self, omar: User, as_user: AsUser) -> None:
        assert "Nobody was overruled" in as_user(omar).get("/analytics/overrides/", PERIOD).content.decode()

    def test_the_file_has_all(self, overrule: Overrule, omar: User, as_user: AsUser) -> None:
        overrule(True), overrule(False), overrule()
        response = as_user(omar).get("/analytics/overrides.csv", PERIOD)
        rows = list(csv.DictReader(io.StringIO(response.content.decode().removeprefix("\ufeff"))))
        assert [(row["chosen"], row["router_would_have"], row["outcome"]) for row in rows] == [
            ("Bo", "Ana", "open"), ("Bo", "Ana", "lost"), ("Bo", "Ana", "won"),
        ]  # fmt: skip

    @pytest.mark.parametrize("number", [1, 30])
    def test_queries_do_not_grow(
        self, number: int, overrule: Overrule, omar: User, as_user: AsUser,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:  # fmt: skip
        for _ in range(number):
            overrule(False, industry="Energy")
        client = as_user(omar)
        client.get("/analytics/overrides/", PERIOD)
        with django_assert_num_queries(PAGE_QUERIES):
            client.get("/analytics/overrides/", PERIOD)
