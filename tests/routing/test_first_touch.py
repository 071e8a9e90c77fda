"""First touches that are due: reminded, escalated, given to somebody else, each once; never back to who missed it."""

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from crm.models import Account, Assignment, Opportunity
from crm.services.activities import log_activity
from crm.services.ownership import lock_opportunity
from reps.models import Absence, Organisation, Rep, User
from routing.engine.explain import ladder_lines
from routing.models import Decision, FirstTouchClock, OutboxMessage, OverrideReason, Policy, QueueItem
from routing.queries.configuration import working_content
from routing.queries.explanations import explain
from routing.queries.history import history_of
from routing.queries.invariants import check_invariants
from routing.queries.names import load_names
from routing.services import acceptance, clocks, first_touch, overrides, sweep
from routing.services.automation import pause, resume
from routing.services.decisions import route
from routing.services.outbox import deliver_due
from routing.services.outcomes import record_outcome
from routing.services.queue import approve, undo
from routing.services.restore import restore_version
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
MINUTE = datetime.timedelta(minutes=1)
DEFAULTS = {
    "application": "assign",
    "first_touch_target_minutes": 60,
    "clock_remind_pct": 75,
    "clock_escalates": True,
    "clock_reroute_after_minutes": 30,
}


@pytest.fixture
def terms(one_policy: None, publish: Callable[[], int]) -> Callable[..., int]:
    """Publishes the one policy, which assigns at once, with these terms of the clock."""

    def with_terms(**changes: Any) -> int:
        Policy.objects.update(**DEFAULTS | changes)
        return publish()

    return with_terms


@pytest.fixture
def routed(make_opportunity: Make) -> Callable[..., Opportunity]:
    def decided(name: str = "Northwind", **values: Any) -> Opportunity:
        opportunity = make_opportunity(name, **values)
        route(opportunity_id=opportunity.pk, at=NOW)
        opportunity.refresh_from_db()
        return opportunity

    return decided


def minute(at: datetime.datetime) -> int:
    """What the sweep does with clocks, at a simulated moment."""
    clocks.keep_up(at=at)
    first_touch.remind_and_escalate(at=at)
    return sweep.reroute_missed(at=at, now=at)


def told(topic: str) -> list[str]:
    return [m.payload["text"] for m in OutboxMessage.objects.filter(topic=topic).order_by("pk")]


def touch(opportunity: Opportunity, rep: Rep, at: datetime.datetime) -> None:
    log_activity(opportunity_id=opportunity.pk, kind="call", rep=rep, happened_at=at)


class TestStarts:
    def test_with_the_assignment(self, ana: Rep, terms: Callable[..., int], routed: Make) -> None:
        terms(accept_within_minutes=10)
        opportunity = routed()
        clock = FirstTouchClock.objects.get()
        assert (clock.assignment.opportunity_id, clock.state, clock.may_reroute) == (
            opportunity.pk,
            "running",
            True,
        )
        assert (clock.due_at, clock.remind_at) == (NOW + 60 * MINUTE, NOW + 45 * MINUTE)
        assert (clock.reroute_at, clock.accept_by) == (NOW + 90 * MINUTE, NOW + 10 * MINUTE)

    def test_not_where_the_policy_only_measures(
        self, ana: Rep, one_policy: None, publish: Callable[[], int], routed: Make
    ) -> None:
        Policy.objects.update(application="assign", first_touch_target_minutes=60)
        publish()
        routed()
        assert not FirstTouchClock.objects.exists()

    def test_of_a_person_s_choice_without_being_taken_away(
        self, ana: Rep, bo: Rep, ben: User, terms: Callable[..., int], routed: Make
    ) -> None:
        terms(application="suggest")
        approved, moved = routed("One"), routed("Two")
        approve(item_id=approved.queue_items.get().pk, by=ben, at=NOW)
        overrides.reassign(opportunity_ids=[moved.pk], rep_id=bo.pk, by=ben, at=NOW)
        found = FirstTouchClock.objects.values_list("opportunity__name", "may_reroute", "due_at").order_by(
            "pk"
        )
        assert list(found) == [("One", False, NOW + 60 * MINUTE), ("Two", False, NOW + 60 * MINUTE)]
        assert minute(NOW + 90 * MINUTE) == 0
        assert Assignment.objects.filter(ended_at__isnull=True).count() == 2
        assert len(told("touch.missed")) == 2

    def test_old_versions_keep_their_hash(self, one_policy: None) -> None:
        assert "clock" not in working_content()["policies"][0]
        Policy.objects.update(first_touch_target_minutes=60, clock_escalates=True)
        assert working_content()["policies"][0]["clock"] == {"target_minutes": 60, "escalates": True}

    def test_terms_come_back_with_their_version(self, terms: Callable[..., int]) -> None:
        terms(accept_within_minutes=10, accept_unanswered="reroute", clock_in_working_hours=True)
        from routing.queries.configuration import live_version

        version = live_version()
        Policy.objects.update(
            accept_within_minutes=None, clock_remind_pct=None, clock_escalates=False,
            clock_reroute_after_minutes=None, clock_in_working_hours=False,
        )  # fmt: skip
        restore_version(version=version)
        assert working_content() == version.content


class TestMissed:
    def test_is_reminded_escalated_and_given_to_somebody_else_each_once(
        self, ana: Rep, bo: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        terms()
        opportunity = routed()
        first = opportunity.owner
        assert first is not None
        assert minute(NOW + 44 * MINUTE) == 0
        assert told("touch.due") == []
        for at in (45, 46):
            minute(NOW + at * MINUTE)
        assert told("touch.due") == ["Northwind waits for your first call, email or meeting: 15 min left."]
        for at in (60, 61):
            assert minute(NOW + at * MINUTE) == 0
        assert told("touch.missed") == [f"Northwind is late: {first.name} has not touched it within 1 hour."]
        assert minute(NOW + 90 * MINUTE) == 1
        assert minute(NOW + 91 * MINUTE) == 0
        opportunity.refresh_from_db()
        other = bo if first == ana else ana
        assert opportunity.owner == other
        assert told("touch.taken") == ["Northwind goes to somebody else: it was not touched within 1 hour."]
        states = FirstTouchClock.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == ["missed", "running"]
        first.refresh_from_db()
        other.refresh_from_db()
        assert (first.load, other.load) == (0, 1)
        assert check_invariants().violations == []

    def test_is_never_offered_again_over_several_rounds(
        self, ana: Rep, bo: Rep, ben: User, terms: Callable[..., int], routed: Make
    ) -> None:
        """Also by turns, and by the drain once there is nobody left; then the manager has it."""
        terms(threshold=100, fallback=["round_robin", "manager", "hold"])
        opportunity = routed()
        for round_ in (1, 2):
            assert minute(NOW + round_ * 91 * MINUTE) == 1
        opportunity.refresh_from_db()
        assert (opportunity.owner, opportunity.routing) == (None, "manager")
        had = Decision.objects.filter(outcome="assign").values_list("rep__name", flat=True)
        assert sorted(had) == ["Ana", "Bo"]
        assert opportunity.not_again == {str(ana.pk): "missed", str(bo.pk): "missed"}
        assert check_invariants().violations == []

    def test_held_it_is_not_drained_back(self, ana: Rep, terms: Callable[..., int], routed: Make) -> None:
        terms(fallback=["round_robin", "hold"])
        opportunity = routed()
        minute(NOW + 90 * MINUTE)
        opportunity.refresh_from_db()
        assert (opportunity.owner, opportunity.routing) == (None, "held")
        assert sweep.drain_held(now=NOW + 91 * MINUTE) == 0
        assert Assignment.objects.count() == 1

    def test_says_why_not_and_replays(
        self, ana: Rep, bo: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        terms()
        opportunity = routed()
        first = opportunity.owner
        assert first is not None
        minute(NOW + 90 * MINUTE)
        decision = opportunity.decisions.first()
        assert decision is not None
        line = ladder_lines(decision.trace["steps"], load_names([decision]))[0]
        assert line.label == "Had it before"
        assert line.sentence == f"{first.name} had it and did not touch it in time: not offered again"
        other = {one.rep_id: one for one in explain(decision, also=first.pk).others}[first.pk]
        assert other.why.reason == "had it and did not touch it in time"
        from routing.engine.ladder import decide
        from routing.engine.trace import digest
        from routing.queries.inputs import stored_inputs

        assert digest(decide(stored_inputs(decision))) == decision.result_digest
        assert f"{first.name} had it and did not touch it in time; it is not offered again" in [
            event.text for event in history_of(opportunity)
        ]

    def test_touched_in_time_nothing_happens(
        self, ana: Rep, bo: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        terms()
        opportunity = routed()
        assert opportunity.owner is not None
        touch(opportunity, opportunity.owner, NOW + 30 * MINUTE)
        assert minute(NOW + 90 * MINUTE) == 0
        assert told("touch.due") + told("touch.missed") == []
        clock = FirstTouchClock.objects.get()
        assert (clock.state, clock.ended_at) == ("touched", NOW + 30 * MINUTE)

    @pytest.mark.parametrize("how", ["closed", "reassigned"])
    def test_ends_with_the_assignment(
        self, how: str, ana: Rep, bo: Rep, ben: User, terms: Callable[..., int], routed: Make
    ) -> None:
        terms()
        opportunity = routed()
        if how == "closed":
            record_outcome(opportunity_id=opportunity.pk, stage="lost", at=NOW + MINUTE, by=ben)
        else:
            other = bo if opportunity.owner == ana else ana
            overrides.reassign(opportunity_ids=[opportunity.pk], rep_id=other.pk, by=ben, at=NOW + MINUTE)
        assert minute(NOW + 90 * MINUTE) == 0
        assert FirstTouchClock.objects.order_by("pk").values_list("state", flat=True)[0] == "over"

    def test_what_is_locked_stays(
        self, ana: Rep, bo: Rep, omar: User, terms: Callable[..., int], routed: Make
    ) -> None:
        terms()
        opportunity = routed()
        overrides.lock(opportunity_id=opportunity.pk, by=omar)
        assert minute(NOW + 90 * MINUTE) == 0
        overrides.unlock(opportunity_id=opportunity.pk, at=NOW + 91 * MINUTE)
        assert minute(NOW + 92 * MINUTE) == 1

    @pytest.mark.parametrize(("takes", "moved"), [(False, 0), (True, 1)])
    def test_a_named_account_s_lead_stays_unless_the_policy_says_so(
        self, takes: bool, moved: int, ana: Rep, bo: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        terms(clock_takes_named_accounts=takes)
        opportunity = routed(account=Account.objects.create(name="Acme", owner=ana))
        assert opportunity.owner == ana
        assert minute(NOW + 90 * MINUTE) == moved
        opportunity.refresh_from_db()
        assert opportunity.owner == (bo if takes else ana)

    def test_the_turn_stays_taken(self, ana: Rep, bo: Rep, terms: Callable[..., int], routed: Make) -> None:
        terms(threshold=100)
        opportunity = routed()
        first = opportunity.owner
        assert first is not None
        minute(NOW + 90 * MINUTE)
        turns = dict(Rep.objects.filter(pk__in=(ana.pk, bo.pk)).values_list("pk", "turns_taken"))
        assert turns == {ana.pk: 1, bo.pk: 1}

    def test_a_reminder_that_comes_too_late_is_none(
        self, ana: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        terms(clock_reroute_after_minutes=None)
        routed()
        minute(NOW + 600 * MINUTE)  # the worker was down
        assert (told("touch.due"), len(told("touch.missed"))) == ([], 1)

    def test_the_managers_hear_of_it_or_operations(
        self, ana: Rep, ben: User, terms: Callable[..., int], routed: Make
    ) -> None:
        terms(clock_reroute_after_minutes=None)
        opportunity = routed()
        minute(NOW + 60 * MINUTE)
        deliver_due(at=NOW + 61 * MINUTE)
        line = ben.notifications.get()
        assert (line.kind, line.opportunity) == ("waiting", opportunity)


class TestPause:
    def test_nothing_is_taken_away_while_reminders_go_on(
        self, ana: Rep, bo: Rep, omar: User, terms: Callable[..., int], routed: Make
    ) -> None:
        terms()
        routed()
        pause(by=omar, at=NOW)
        minute(NOW + 50 * MINUTE)
        assert minute(NOW + 90 * MINUTE) == 0
        assert (len(told("touch.due")), len(told("touch.missed"))) == (1, 1)
        assert first_touch.take_away_missed(at=NOW + 90 * MINUTE) == []  # a pause that came in between

    def test_there_is_no_burst_afterwards(
        self, make_rep: Callable[..., Rep], omar: User, terms: Callable[..., int], routed: Make
    ) -> None:
        for number in range(3):
            make_rep(f"Rep {number}")
        terms()
        for number in range(8):
            routed(f"Lead {number}")
        pause(by=omar, at=NOW + MINUTE)
        resume(by=omar, at=NOW + 100 * MINUTE)
        assert [minute(NOW + at * MINUTE) for at in (101, 102, 103)] == [5, 3, 0]


class TestWorkingTime:
    def test_stands_still_while_the_rep_is_away_and_is_worked_out_anew(
        self, ana: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        hours = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
        Rep.objects.update(working_hours=hours, time_zone="UTC")
        terms(clock_in_working_hours=True)
        routed()
        assert FirstTouchClock.objects.get().due_at == NOW + 60 * MINUTE
        away = Absence.objects.create(rep=ana, starts_at=NOW + 30 * MINUTE, ends_at=NOW + 90 * MINUTE)
        assert minute(NOW + 90 * MINUTE) == 0
        clock = FirstTouchClock.objects.get()
        assert (clock.due_at, clock.reroute_at) == (NOW + 120 * MINUTE, NOW + 150 * MINUTE)
        assert (clock.escalated_at, told("touch.missed")) == (None, [])
        Absence.objects.filter(pk=away.pk).update(ends_at=None)
        minute(NOW + 91 * MINUTE)
        assert FirstTouchClock.objects.get().due_at is None
        Rep.objects.update(working_hours=hours | {"mon": [["09:00", "12:10"]]})
        Absence.objects.all().delete()
        minute(NOW + 92 * MINUTE)
        assert FirstTouchClock.objects.get().due_at == datetime.datetime(
            2026, 3, 3, 9, 50, tzinfo=datetime.UTC
        )

    def test_queries_do_not_grow(
        self,
        ana: Rep,
        terms: Callable[..., int],
        routed: Make,
        django_assert_num_queries: Callable[..., Any],
    ) -> None:
        Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
        terms(clock_in_working_hours=True)
        routed()
        for number in range(2):
            with django_assert_num_queries(4):
                assert clocks.work_out_anew() == 0
            if not number:
                for one in range(29):
                    routed(f"Lead {one}")


class TestAnswers:
    @pytest.fixture
    def asked(self, ana: Rep, bo: Rep, terms: Callable[..., int], routed: Make) -> Opportunity:
        terms(accept_within_minutes=10, clock_reroute_after_minutes=None, clock_remind_pct=None)
        return routed()

    @pytest.fixture
    def owner(self, asked: Opportunity) -> User:
        assert asked.owner is not None
        assert asked.owner.user is not None
        return asked.owner.user

    def test_accepted_it_stays_and_accepting_again_changes_nothing(
        self, asked: Opportunity, owner: User
    ) -> None:
        for at in (1, 2):
            clock = acceptance.accept(opportunity_id=asked.pk, by=owner, at=NOW + at * MINUTE)
        assert (clock.accepted_at, clock.answered_by) == (NOW + MINUTE, owner)
        minute(NOW + 11 * MINUTE)
        assert told("touch.missed") == []
        with pytest.raises(acceptance.CannotAnswer, match="You have accepted Northwind"):
            acceptance.pass_on(opportunity_id=asked.pk, by=owner, at=NOW + 3 * MINUTE)

    def test_declined_with_a_reason_it_goes_to_somebody_else_for_good(
        self, asked: Opportunity, owner: User, ana: Rep, bo: Rep
    ) -> None:
        first = asked.owner
        reason = OverrideReason.objects.filter(is_active=True)[0]
        with pytest.raises(acceptance.CannotAnswer, match="Say why"):
            acceptance.decline(opportunity_id=asked.pk, by=owner, at=NOW + MINUTE, note=" ")
        acceptance.decline(opportunity_id=asked.pk, by=owner, at=NOW + MINUTE, reason=reason, note="Full")
        asked.refresh_from_db()
        assert asked.owner == (bo if first == ana else ana)
        clock = FirstTouchClock.objects.order_by("pk")[0]
        assert (clock.state, clock.reason, clock.note) == ("declined", reason, "Full")
        told_ = [(event.text, event.note) for event in history_of(asked)]
        assert (f"{first} had it and declined; it is not offered again", f"{reason.label} · Full") in told_
        assert check_invariants().violations == []

    def test_passed_by_everybody_it_waits_for_a_person(
        self, ben: User, asked: Opportunity, owner: User, ana: Rep, bo: Rep
    ) -> None:
        acceptance.pass_on(opportunity_id=asked.pk, by=owner, at=NOW + MINUTE)
        asked.refresh_from_db()
        assert asked.owner is not None
        assert asked.owner.user is not None
        acceptance.pass_on(opportunity_id=asked.pk, by=asked.owner.user, at=NOW + 2 * MINUTE)
        asked.refresh_from_db()
        found = Opportunity.objects.get(pk=asked.pk)
        assert found.owner is None
        assert found.routing == "manager"

    def test_only_the_owner_answers(
        self, asked: Opportunity, owner: User, ana: Rep, bo: Rep, ben: User
    ) -> None:
        others = {rep.user for rep in (ana, bo) if rep.user != owner} | {ben}
        for other in others:
            assert other is not None
            with pytest.raises(acceptance.CannotAnswer, match="only its owner answers"):
                acceptance.accept(opportunity_id=asked.pk, by=other, at=NOW)

    def test_touching_is_an_answer(self, asked: Opportunity, owner: User) -> None:
        assert asked.owner is not None
        touch(asked, asked.owner, NOW + MINUTE)
        minute(NOW + 11 * MINUTE)
        assert told("touch.missed") == []
        with pytest.raises(acceptance.CannotAnswer, match="You have begun to work"):
            acceptance.pass_on(opportunity_id=asked.pk, by=owner, at=NOW + 12 * MINUTE)

    def test_unanswered_the_manager_is_told_once_and_it_may_still_be_accepted(
        self, asked: Opportunity, owner: User
    ) -> None:
        for at in (10, 11):
            assert minute(NOW + at * MINUTE) == 0
        text = f"{asked.owner} has not said within 10 minutes whether to take Northwind."
        assert told("touch.missed") == [text]
        assert acceptance.accept(opportunity_id=asked.pk, by=owner, at=NOW + 12 * MINUTE).accepted_at

    def test_unanswered_it_goes_to_somebody_else_where_the_policy_says_so(
        self, ana: Rep, bo: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        terms(accept_within_minutes=10, accept_unanswered="reroute", clock_reroute_after_minutes=None)
        opportunity = routed()
        first = opportunity.owner
        assert first is not None
        assert minute(NOW + 10 * MINUTE) == 1
        opportunity.refresh_from_db()
        assert opportunity.owner == (bo if first == ana else ana)
        assert opportunity.not_again == {str(first.pk): "unanswered"}

    def test_what_is_locked_is_not_declined(self, asked: Opportunity, owner: User, omar: User) -> None:
        overrides.lock(opportunity_id=asked.pk, by=omar)
        with pytest.raises(acceptance.CannotAnswer, match="is locked"):
            acceptance.pass_on(opportunity_id=asked.pk, by=owner, at=NOW)

    def test_nothing_is_asked_where_the_policy_does_not(
        self, ana: Rep, terms: Callable[..., int], routed: Make
    ) -> None:
        terms()
        opportunity = routed()
        assert ana.user is not None
        with pytest.raises(acceptance.CannotAnswer, match="Nobody asks you"):
            acceptance.pass_on(opportunity_id=opportunity.pk, by=ana.user, at=NOW)


def test_the_guarantee_sees_what_is_given_again(
    ana: Rep, bo: Rep, terms: Callable[..., int], routed: Callable[..., Opportunity]
) -> None:
    """So that its silence elsewhere means something."""
    terms()
    opportunity = routed()
    minute(NOW + 90 * MINUTE)
    second = Assignment.objects.get(opportunity=opportunity, ended_at__isnull=True)
    assert check_invariants().checked["automation_offers_nothing_again"] == 1
    first = FirstTouchClock.objects.get(state="missed").assignment.rep_id
    Assignment.objects.filter(pk=second.pk).update(rep=first)
    broken = {one.guarantee for one in check_invariants().violations}
    assert "automation_offers_nothing_again" in broken


def test_an_approval_undone_ends_its_clock(
    ana: Rep, ben: User, terms: Callable[..., int], routed: Make
) -> None:
    terms(application="suggest")
    item = QueueItem.objects.get(opportunity=routed())
    assert item.touch_due_at == item.waiting_since + 60 * MINUTE
    approve(item_id=item.pk, by=ben, at=NOW)
    again = undo(item_id=item.pk, by=ben, at=NOW + MINUTE)
    assert again.touch_due_at == item.touch_due_at
    minute(NOW + 61 * MINUTE)
    assert (FirstTouchClock.objects.get().state, told("touch.missed")) == ("over", [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("touch_is_first", [True, False])
def test_a_touch_and_a_re_routing_at_the_same_moment(
    touch_is_first: bool, ana: Rep, bo: Rep, terms: Callable[..., int], make_opportunity: Make
) -> None:
    """Whoever locks first wins; the other finds nothing to do."""
    Organisation.objects.get_or_create(pk=1)
    terms()
    opportunity = make_opportunity()
    route(opportunity_id=opportunity.pk, at=NOW)
    opportunity.refresh_from_db()
    first, late = opportunity.owner, NOW + 90 * MINUTE
    assert first is not None
    results: dict[str, object] = {}

    def act(name: str, what: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            results[name] = what()
            connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    steps = [
        ("touch", lambda: touch(opportunity, first, late)),
        ("sweep", lambda: sweep.reroute_missed(at=late, now=late)),
    ]
    with transaction.atomic():
        lock_opportunity(opportunity.pk)  # both wait behind this
        threads = []
        for name, what in steps if touch_is_first else steps[::-1]:
            threads.append(act(name, what))
            threads[-1].join(0.4)
            assert threads[-1].is_alive()
    for thread in threads:
        thread.join(10)
    opportunity.refresh_from_db()
    other = bo if first == ana else ana
    assert results["sweep"] == (0 if touch_is_first else 1)
    assert opportunity.owner == (first if touch_is_first else other)
    assert opportunity.first_touch_at == (late if touch_is_first else None)
    assert check_invariants().violations == []


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_act_once(
    ana: Rep, bo: Rep, terms: Callable[..., int], make_opportunity: Make
) -> None:
    terms()
    for number in range(6):
        route(opportunity_id=make_opportunity(f"Lead {number}").pk, at=NOW)
    gate = threading.Barrier(4)
    taken: list[int] = []

    def work() -> None:
        gate.wait()
        first_touch.remind_and_escalate(at=NOW + 50 * MINUTE)
        taken.append(sweep.reroute_missed(at=NOW + 90 * MINUTE, now=NOW + 90 * MINUTE))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(told("touch.due")), len(told("touch.taken")), sum(taken)) == (6, 6, 6)
    assert Assignment.objects.count() == 12
    assert check_invariants().violations == []
