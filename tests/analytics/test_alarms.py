"""Alarms: begun, kept, ended and told once, with their candidates; and the pages that show them."""

import datetime
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from analytics.models import Alarm, DaySum, Fact
from analytics.queries.candidates import candidates
from analytics.queries.weekly_figures import forecast_weeks, lift_weeks, weeks_until
from analytics.services.alarms import acknowledge, check_alarms
from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import Notification, OutboxMessage
from routing.services import outbox
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()  # a Monday: the last whole week began on the 23rd of February
WEEK = datetime.timedelta(weeks=1)


def sums(event: str, weeks_ago: int, hits: int, known: int, *, by: str = "all", path: str = "model") -> None:
    """So many of a Wednesday, so many weeks ago."""
    DaySum.objects.create(
        day=TODAY - weeks_ago * WEEK + datetime.timedelta(days=2), by=by, key="Web" if by == "source" else "",
        event=event, kind="lead", path=path, mode="real_time", count=known, known=known, hits=hits,
        scored=0, score_sum=0, value_sum=0,
    )  # fmt: skip


def closed(weeks_ago: int, by_model: int, by_people: int) -> None:
    """A week with a hundred closed by each: so many of them won."""
    sums("closed", weeks_ago, by_model, 100, by="source")
    sums("closed", weeks_ago, by_people, 100, by="source", path="person")


def look(at: datetime.datetime = NOW) -> list[str]:
    return check_alarms(at=at, today=at.date())


def lift_that_fell() -> None:
    for ago in range(30, 0, -1):
        closed(ago, 50 if ago > 4 else 20, 35)


class TestEpisodes:
    def test_a_lift_that_falls_begins_one_and_tells_who_answers_alarms_once(
        self, ana: Rep, ben: User, omar: User, nia: User
    ) -> None:
        lift_that_fell()
        assert look() == ["lift_turned"]
        assert look(NOW + datetime.timedelta(hours=1)) == []
        alarm = Alarm.objects.get()
        assert (
            alarm.evidence["said"]
            .replace("\N{NO-BREAK SPACE}", " ")
            .startswith("Since the week of 2 Feb 2026 the model’s win 15.0 points less (")
        )
        assert (
            alarm.evidence["said"].replace("\N{NO-BREAK SPACE}", " ").endswith("before it was +15.0 points.")
        )
        outbox.deliver_due(at=NOW)
        lines = Notification.objects.filter(kind="alarms")
        assert {line.user.name for line in lines} == {"Omar", "Nia"}
        assert "It could be: the model is old." in lines[0].text
        assert "Profiles out of date:" in lines[0].body

    def test_ends_by_itself_and_a_new_episode_is_told_anew(self, omar: User) -> None:
        for ago in (2, 1):
            sums("judged", ago, 60, 200)
        assert look() == ["overrides"]
        sums("judged", 0, 10, 200)
        sums("judged", -1, 10, 200)
        assert look(NOW + 2 * WEEK) == []
        assert Alarm.objects.get().ended_at == NOW + 2 * WEEK
        for ahead in (2, 3):
            sums("judged", -ahead, 60, 200)
        assert look(NOW + 4 * WEEK) == ["overrides"]
        assert OutboxMessage.objects.filter(topic="alarm.target").count() == 2

    def test_goes_on_with_new_numbers(self, omar: User) -> None:
        for ago in (2, 1, 0):
            sums("judged", ago, 60, 200)
        look()
        before = Alarm.objects.get().evidence["until"]
        look(NOW + WEEK)
        alarm = Alarm.objects.get()
        assert (before, alarm.evidence["until"]) == ("2026-03-02", "2026-03-09")
        assert alarm.ended_at is None

    def test_figures_counted_anew_within_the_week_tell_nothing_twice(self, omar: User) -> None:
        for ago in (2, 1):
            sums("judged", ago, 60, 200)
        look()
        DaySum.objects.update(hits=0)
        look()
        assert Alarm.objects.get().ended_at is not None
        DaySum.objects.update(hits=60)
        assert look() == []
        assert Alarm.objects.get().ended_at is None
        assert OutboxMessage.objects.filter(topic="alarm.target").count() == 1

    def test_coverage_below_its_target(self, omar: User) -> None:
        for ago in (2, 1):
            sums("routed", ago, 100, 200)
        assert look() == ["coverage"]

    def test_one_bad_week_is_none(self, omar: User) -> None:
        sums("judged", 2, 10, 200)
        sums("judged", 1, 60, 200)
        assert look() == []

    def test_nothing_counted_nothing_said(self, omar: User) -> None:
        assert look() == []
        assert not Alarm.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_of_several_workers_one_begins_it(self, omar: User) -> None:
        for ago in (2, 1):
            sums("judged", ago, 60, 200)

        def work() -> list[str]:
            try:
                return look()
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            begun = [kind for kinds in pool.map(lambda _: work(), range(4)) for kind in kinds]
        assert (begun, Alarm.objects.count()) == (["overrides"], 1)
        assert OutboxMessage.objects.filter(topic="alarm.target").count() == 1


class TestFigures:
    def test_weeks_that_are_over_only(self) -> None:
        closed(1, 50, 30)
        closed(0, 10, 90)
        found = lift_weeks(weeks_until(TODAY))
        assert [one.place for one in found] == [77]
        assert found[0].week.value == pytest.approx(0.2)

    def test_forecasts_that_were_too_high(
        self, ana: Rep, omar: User, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        opportunity = make_opportunity()
        Fact.objects.bulk_create(
            Fact(
                event="closed", day=TODAY - ago * WEEK, opportunity=opportunity, rep=ana, kind="lead", path="model",
                mode="real_time", hit=number < (20 if ago > 4 else 5), win_probability=0.5,
            )
            for ago in range(30, 0, -1)
            for number in range(40)
        )  # fmt: skip
        weeks = forecast_weeks(weeks_until(TODAY))
        assert (len(weeks), weeks[-1].won, weeks[-1].expected) == (18, 5, 20.0)
        assert look() == ["calibration"]
        assert Alarm.objects.get().evidence["said"] == (
            "Since the week of 2 Feb 2026 20 of 160 closed deals were won, fewer than the 80 that were forecast."
        )


class TestCandidates:
    def test_a_market_that_has_shifted_names_what_moved(self, ana: Rep) -> None:
        Opportunity.objects.bulk_create(
            Opportunity(name="Lead", source=source, opened_at=NOW - datetime.timedelta(days=days))
            for days, counts in ((200, {"Web": 150, "Event": 50}), (10, {"Web": 40, "Event": 160}))
            for source, count in counts.items()
            for _ in range(count)
        )
        found = {one["title"]: one for one in candidates(NOW, TODAY)}
        market = found["The market has shifted"]
        assert market["speaks"]
        assert "Event 25 % → 80 %" in market["text"].replace("\N{NO-BREAK SPACE}", " ")

    def test_the_same_market_says_so(self, ana: Rep) -> None:
        Opportunity.objects.bulk_create(
            Opportunity(name="Lead", source=source, opened_at=NOW - datetime.timedelta(days=days))
            for days in (200, 10)
            for source in ("Web", "Event")
            for _ in range(100)
        )
        found = {one["title"]: one for one in candidates(NOW, TODAY)}
        assert not found["The market has shifted"]["speaks"]

    def test_profiles_of_those_who_fell_most(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        opportunity = make_opportunity()
        for rep, before, now in ((ana, 8, 1), (bo, 5, 5)):
            for ago, won in ((18, before), (6, now)):
                Fact.objects.bulk_create(
                    Fact(
                        event="closed", day=TODAY - ago * WEEK, opportunity=opportunity, rep=rep, kind="lead",
                        path="model", mode="real_time", hit=number < won,
                    )
                    for number in range(10)
                )  # fmt: skip
        found = {one["title"]: one for one in candidates(NOW, TODAY)}["Profiles out of date"]
        assert found["speaks"]
        assert [person["rep"] for person in found["people"]] == [ana.pk]
        assert found["url"] == "/reps/?profile=due"

    def test_rules_are_no_model(self, ana: Rep) -> None:
        found = {one["title"]: one for one in candidates(NOW, TODAY)}["The model is old"]
        assert found["text"].startswith("Rules decide")


class TestPages:
    @pytest.fixture
    def alarm(self, ana: Rep, cara: Rep) -> Alarm:
        people = [{"rep": rep.pk, "text": "−20 points"} for rep in (ana, cara)]
        candidate = {
            "title": "Profiles out of date", "text": "2 of 2.", "speaks": True, "url": "/reps/", "action": "Open",
            "people": people,
        }  # fmt: skip
        return Alarm.objects.create(
            kind="lift_turned", began_at=NOW, evidence={"said": "It fell.", "candidates": [candidate]}
        )

    def test_names_those_whom_the_reader_may_see(
        self, alarm: Alarm, ben: User, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        mine = as_user(ben).get("/analytics/alarms/").content.decode()
        assert ("Ana</a>" in mine, "Cara</a>" in mine) == (True, False)
        everybody = as_user(omar).get("/analytics/alarms/").content.decode()
        assert ("Ana</a>" in everybody, "Cara</a>" in everybody) == (True, True)

    def test_stands_above_the_figures(
        self, alarm: Alarm, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        for path in ("/analytics/routing/", "/analytics/reports/"):
            page = as_user(omar).get(path).content.decode()
            assert "<b>The lift has turned.</b> It fell." in page

    def test_seen_once_and_by_whom(self, alarm: Alarm, omar: User, as_user: Callable[[User], Client]) -> None:
        browser = as_user(omar)
        assert browser.post(f"/analytics/alarms/{alarm.pk}/seen/").status_code == 302
        alarm.refresh_from_db()
        assert alarm.acknowledged_by == omar
        browser.post(f"/analytics/alarms/{alarm.pk}/seen/")
        assert "Somebody had seen it before you." in browser.get("/analytics/alarms/").content.decode()
        assert browser.post("/analytics/alarms/99999/seen/").status_code == 404

    def test_managers_see_and_do_not_answer(
        self, alarm: Alarm, ben: User, as_user: Callable[[User], Client]
    ) -> None:
        assert as_user(ben).post(f"/analytics/alarms/{alarm.pk}/seen/").status_code == 403
        with pytest.raises(PermissionError):
            acknowledge(alarm_id=alarm.pk, by=ben, at=NOW)

    @pytest.mark.parametrize("number", [1, 30])
    def test_one_or_thirty_in_as_many_queries(
        self, alarm: Alarm, omar: User, as_user: Callable[[User], Client], number: int,
        django_assert_num_queries: Any,
    ) -> None:  # fmt: skip
        for _ in range(number):
            Alarm.objects.create(
                kind="lift_turned", began_at=NOW, ended_at=NOW, evidence=alarm.evidence, acknowledged_by=omar
            )
        browser = as_user(omar)
        browser.get("/analytics/alarms/")
        with django_assert_num_queries(7):
            page = browser.get("/analytics/alarms/")
        assert page.content.decode().count("It fell.") == number + 1
