"""Facts and sums: equal to the definition worked out by hand, whatever happened in whatever order, and after a kill."""

import contextlib
import datetime
import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from analytics.models import (
    ChosenMatch,
    DaySum,
    Fact,
    Mark,
    MonthSum,
    Refreshed,
    RepMonthSum,
    StaleDay,
    TouchMonthSum,
    TouchSum,
)
from analytics.queries import definition
from analytics.services import chosen
from analytics.services import refresh as refreshing
from analytics.services.refresh import make_anew, refresh
from crm.models import Opportunity
from crm.services.activities import log_activity
from reps.models import Organisation, Rep, Team, User
from routing.models import Decision, Policy, QueueItem
from routing.services import overrides, queue
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from tests.analytics import by_hand
from tests.conftest import NOW
from tests.routing.walk import Walk, set_up

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)
Make = Callable[..., Opportunity]
STEPS, CHECK_EVERY = 120, 40


def stored() -> list[tuple[Any, ...]]:
    return by_hand.in_order(list(Fact.objects.values_list(*by_hand.FIELDS)))


def stored_sums(by: str, model: Any = DaySum, when: str = "day") -> list[tuple[Any, ...]]:
    names = (when, "key", "event", "kind", "path", "mode", "bin", "count", "known", "hits", "scored")
    return by_hand.in_order(list(model.objects.filter(by=by).values_list(*names)))


def assert_equal_to_the_definition() -> None:
    facts = by_hand.facts()
    assert stored() == facts
    for by, key in (("all", ""), ("source", "source"), ("policy", "policy")):
        assert stored_sums(by) == by_hand.day_sums(facts, key)
        assert stored_sums(by, MonthSum, "month") == by_hand.day_sums(by_hand.dated_by_month(facts), key)
    touches = Counter[tuple[Any, ...]]()
    touches_by_month, months = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for row in facts:
        one = dict(zip(by_hand.FIELDS, row, strict=True))
        if one["event"] == "assigned" and one["seconds"] is not None and one["path"] != "import":
            seconds = by_hand.three_digits(one["seconds"])
            touches[one["day"], one["mode"], one["kind"], seconds] += 1
            month = one["day"].replace(day=1)
            for by_key in (("all", ""), ("source", one["source"]), ("policy", one["policy"])):
                touches_by_month[month, *by_key, one["mode"], one["kind"], seconds] += 1
        if one["event"] in ("assigned", "closed"):
            months[one["day"].replace(day=1), one["rep_id"], one["event"], one["bin"]] += 1
    assert touches == {
        row[:-1]: row[-1] for row in TouchSum.objects.values_list("day", "mode", "kind", "seconds", "count")
    }
    by_month = TouchMonthSum.objects.values_list("month", "by", "key", "mode", "kind", "seconds", "count")
    assert touches_by_month == {row[:-1]: row[-1] for row in by_month}
    assert months == {
        row[:-1]: row[-1] for row in RepMonthSum.objects.values_list("month", "rep", "event", "bin", "count")
    }


@pytest.fixture
def routed(make_opportunity: Make, assign_at_once: None) -> Make:
    """An opportunity that the router has given to somebody."""

    def made(name: str = "Northwind", at: datetime.datetime = NOW, **values: Any) -> Opportunity:
        opportunity = make_opportunity(name, industry="Healthcare", at=at, **values)
        route(opportunity_id=opportunity.pk, at=at)
        opportunity.refresh_from_db()
        return opportunity

    return made


class TestWhatHappened:
    def test_an_assignment_its_touch_and_its_win(self, ana: Rep, omar: User, routed: Make) -> None:
        lead = routed(value=5000, currency="USD", source="Web")
        refresh()
        rows = {row["event"]: row for row in Fact.objects.values()}
        assert set(rows) == {"assigned", "routed"}
        assigned = rows["assigned"]
        assert (assigned["path"], assigned["mode"], assigned["hit"], assigned["seconds"]) == (
            "model",
            "real_time",
            False,
            None,
        )
        assert (assigned["rep_id"], assigned["source"], assigned["value"]) == (ana.pk, "Web", 5000.0)
        assert assigned["score"] == pytest.approx(Decision.objects.get().score)
        assert rows["routed"]["hit"] is True
        log_activity(opportunity_id=lead.pk, kind="call", rep=ana, happened_at=NOW + HOUR)
        record_outcome(opportunity_id=lead.pk, stage="won", at=NOW + 48 * HOUR, by=omar)
        refresh()
        rows = {row["event"]: row for row in Fact.objects.values()}
        assert (rows["assigned"]["hit"], rows["assigned"]["seconds"]) == (True, 3600)
        assert (rows["closed"]["hit"], rows["closed"]["day"]) == (True, (NOW + 48 * HOUR).date())
        assert_equal_to_the_definition()

    def test_who_had_it_before_keeps_the_touch(self, ana: Rep, bo: Rep, omar: User, routed: Make) -> None:
        lead = routed()
        log_activity(opportunity_id=lead.pk, kind="call", rep=ana, happened_at=NOW + HOUR)
        overrides.reassign(opportunity_ids=[lead.pk], rep_id=bo.pk, by=omar, at=NOW + 2 * HOUR)
        refresh()
        found = dict(Fact.objects.filter(event="assigned").values_list("rep", "seconds"))
        assert found == {ana.pk: 3600, bo.pk: None}
        assert_equal_to_the_definition()

    def test_what_is_logged_late_for_who_had_it_before(
        self, ana: Rep, bo: Rep, omar: User, routed: Make
    ) -> None:
        lead = routed()
        overrides.reassign(opportunity_ids=[lead.pk], rep_id=bo.pk, by=omar, at=NOW + 2 * HOUR)
        refresh()
        log_activity(opportunity_id=lead.pk, kind="call", rep=ana, happened_at=NOW + HOUR)
        refresh()
        assert dict(Fact.objects.filter(event="assigned").values_list("rep", "seconds")) == {
            ana.pk: 3600,
            bo.pk: None,
        }

    def test_a_persons_choice_is_scored_by_the_decision_before(
        self,
        ana: Rep,
        bo: Rep,
        omar: User,
        publish: Callable[[], int],
        make_opportunity: Make,
    ) -> None:
        publish()
        lead = make_opportunity(industry="Healthcare")
        route(opportunity_id=lead.pk, at=NOW)
        item = QueueItem.objects.get()
        queue.give_to(item_id=item.pk, rep_id=bo.pk, by=omar, at=NOW + HOUR)
        refresh()
        fact, choice = Fact.objects.get(event="assigned"), ChosenMatch.objects.get()
        assert (fact.path, fact.mode, fact.rep_id) == ("person", "hand", bo.pk)
        assert (choice.router_rep_id, choice.router_score) == (ana.pk, Decision.objects.get().score)
        assert fact.score == choice.score
        assert fact.score is not None
        assert fact.score < item.score
        assert list(Fact.objects.filter(event="judged").values_list("hit", "rep")) == [(True, ana.pk)]
        assert list(Fact.objects.filter(event="routed").values_list("hit", flat=True)) == [False]

    def test_held_is_routed_by_nobody(
        self, ana: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        Policy.objects.update(fallback=["hold"], threshold=100)
        publish()
        lead = make_opportunity()
        route(opportunity_id=lead.pk, at=NOW)
        refresh()
        assert list(Fact.objects.values_list("event", "path", "hit")) == [("routed", "nobody", False)]
        assert_equal_to_the_definition()


class TestRefreshing:
    def test_takes_in_only_what_changed(self, ana: Rep, routed: Make) -> None:
        first, _ = routed("One"), routed("Two")
        refresh()
        before = dict(Fact.objects.values_list("pk", "opportunity"))
        log_activity(opportunity_id=first.pk, kind="email", rep=ana, happened_at=NOW + HOUR)
        refresh()
        kept = set(Fact.objects.values_list("pk", flat=True)) & set(before)
        assert {before[pk] for pk in kept} == set(before.values()) - {first.pk}

    def test_days_are_those_of_the_organisation(self, ana: Rep, routed: Make) -> None:
        routed(at=datetime.datetime(2026, 3, 2, 23, 30, tzinfo=datetime.UTC))
        refresh()
        assert set(Fact.objects.values_list("day", flat=True)) == {datetime.date(2026, 3, 2)}
        Organisation.objects.update(time_zone="Asia/Tokyo")
        refresh()
        assert set(Fact.objects.values_list("day", flat=True)) == {datetime.date(2026, 3, 3)}
        assert_equal_to_the_definition()

    def test_another_definition_makes_everything_anew(
        self, ana: Rep, routed: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        routed()
        refresh()
        Fact.objects.update(seconds=7)
        refresh()
        assert Fact.objects.filter(seconds=7).exists()
        monkeypatch.setattr(definition, "VERSION", definition.VERSION + 1)
        refresh()
        assert not Fact.objects.filter(seconds=7).exists()
        assert Refreshed.objects.get().definition == definition.VERSION

    def test_a_lead_that_is_gone_leaves_nothing(self, make_opportunity: Make, ana: Rep, omar: User) -> None:
        lead = make_opportunity()
        overrides.reassign(opportunity_ids=[lead.pk], rep_id=ana.pk, by=omar, at=NOW)
        refresh()
        assert Fact.objects.count() == 2
        with connection.cursor() as cursor:
            for table in (
                "routing_override",
                "routing_queueitem",
                "crm_stagechange",
                "routing_outboxmessage",
            ):
                if table != "routing_outboxmessage":
                    cursor.execute(f"DELETE FROM {table} WHERE opportunity_id = %s", [lead.pk])
        Opportunity.objects.filter(pk=lead.pk).delete()
        refresh()
        assert not Fact.objects.exists()
        assert not DaySum.objects.exists()

    def test_killed_in_the_middle_it_goes_on(
        self, ana: Rep, routed: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(5):
            routed(f"Lead {n}")
        monkeypatch.setattr(refreshing, "AT_ONCE", 2)

        def dies(stage: str, done: int, total: int) -> None:
            if done >= 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            refresh(say=dies)
        assert Fact.objects.values("opportunity").distinct().count() == 4
        assert Mark.objects.exists()
        assert StaleDay.objects.exists()
        refresh()
        assert not Mark.objects.exists()
        assert not StaleDay.objects.exists()
        assert_equal_to_the_definition()

    def test_made_anew_it_is_the_same(self, ana: Rep, routed: Make) -> None:
        routed("One"), routed("Two")
        refresh()
        before = stored()
        make_anew()
        refresh()
        assert stored() == before


@pytest.mark.parametrize("seed", [11, 12])
def test_whatever_happens_facts_and_sums_are_those_of_the_definition(
    seed: int, make_rep: Callable[..., Rep], ben: User, omar: User, east: Team, west: Team
) -> None:
    set_up(make_rep, [east, west])
    walk = Walk(seed, [ben, omar], [east, west])
    for number in range(STEPS):
        walk.step()
        if number % CHECK_EVERY == CHECK_EVERY - 1:
            refresh()
            assert_equal_to_the_definition()
    events = set(Fact.objects.values_list("event", "path"))
    assert {event for event, _ in events} == {"assigned", "closed", "judged", "routed"}
    assert {("assigned", "model"), ("assigned", "person")} <= events
    assert ChosenMatch.objects.exists()


class TestChosenMatches:
    def test_one_that_cannot_be_decided_again_holds_nothing_up(
        self, ana: Rep, bo: Rep, omar: User, publish: Callable[[], int], make_opportunity: Make,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        publish()
        lead = make_opportunity(industry="Healthcare")
        route(opportunity_id=lead.pk, at=NOW)
        queue.give_to(item_id=QueueItem.objects.get().pk, rep_id=bo.pk, by=omar, at=NOW + HOUR)

        def broken(decision: Decision) -> None:
            raise ValueError("of another format")

        monkeypatch.setattr(chosen, "stored_inputs", broken)
        refresh()
        fact, choice = Fact.objects.get(event="assigned"), ChosenMatch.objects.get()
        assert (fact.score, choice.score, choice.router_rep_id) == (None, None, ana.pk)

    def test_who_reassigns_later_is_scored_by_the_decision_then(
        self, ana: Rep, bo: Rep, omar: User, routed: Make
    ) -> None:
        lead = routed()
        overrides.reassign(opportunity_ids=[lead.pk], rep_id=bo.pk, by=omar, at=NOW + HOUR)
        refresh()
        choice = ChosenMatch.objects.get()
        assert (choice.rep_id, choice.router_rep_id) == (bo.pk, ana.pk)
        assert choice.score is not None
        assert choice.router_score is not None
        assert choice.score < choice.router_score


def test_only_one_refreshes_at_a_time() -> None:
    other = connection.copy()
    with contextlib.closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [refreshing.LOCK])
        assert refresh() is False
        assert not Refreshed.objects.exists()
        # By hand: the server lets go only some time after its connection has been closed.
        cursor.execute("SELECT pg_advisory_unlock(%s)", [refreshing.LOCK])
    assert refresh() is True


class TestCommand:
    def test_counts_and_says_how_many(self, ana: Rep, routed: Make) -> None:
        routed()
        found = io.StringIO()
        call_command("count_facts", "--json", stdout=found, stderr=io.StringIO())
        assert json.loads(found.getvalue())["facts"] == 2

    def test_counts_everything_anew(self, ana: Rep, routed: Make) -> None:
        routed()
        refresh()
        Fact.objects.update(path="person")
        call_command("count_facts", stdout=io.StringIO(), stderr=io.StringIO())
        assert set(Fact.objects.values_list("path", flat=True)) == {"person"}
        call_command("count_facts", "--anew", stdout=io.StringIO(), stderr=io.StringIO())
        assert set(Fact.objects.values_list("path", flat=True)) == {"model"}
