"""Routing end to end on the database: decisions stored, claimed, queued, replayed; people overruling them."""

import datetime
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from crm.models import Account, Assignment, Opportunity
from crm.services.ownership import OwnershipError
from reps.models import Absence, Rep, Team, User
from routing.engine.ladder import decide
from routing.engine.trace import digest
from routing.models import (
    CapacitySettings,
    Decision,
    ModelVersion,
    Notification,
    OutboxMessage,
    Override,
    OverrideReason,
    Policy,
    QueueItem,
    Rule,
)
from routing.queries.changes import unpublished_changes
from routing.queries.inputs import stored_inputs
from routing.queries.invariants import check_invariants
from routing.services import outbox, overrides, queue, sweep
from routing.services.decisions import route
from routing.services.notifications import KINDS
from routing.services.outcomes import record_outcome
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]


def clean() -> None:
    assert check_invariants().violations == []


def pending(opportunity: Opportunity) -> QueueItem:
    return QueueItem.objects.get(opportunity=opportunity, state="pending")


class TestRoute:
    def test_suggests_and_takes_a_slot(self, ana: Rep, bo: Rep, make_opportunity: Make) -> None:
        opportunity = make_opportunity(industry="Healthcare")
        decision = route(opportunity_id=opportunity.pk, at=NOW)
        assert decision is not None
        assert (decision.outcome, decision.rep_id) == ("suggest", ana.pk)
        ana.refresh_from_db()
        opportunity.refresh_from_db()
        assert (ana.load, ana.pending, opportunity.routing) == (0, 1, "suggested")
        clean()

    @pytest.mark.usefixtures("assign_at_once")
    def test_assigns_and_tells_the_rep_why(self, ana: Rep, bo: Rep, make_opportunity: Make) -> None:
        opportunity = make_opportunity(industry="Healthcare", value=50_000)
        decision = route(opportunity_id=opportunity.pk, at=NOW)
        assert decision is not None
        assert decision.assignment is not None
        opportunity.refresh_from_db()
        ana.refresh_from_db()
        assert (opportunity.owner, ana.load, float(ana.pipeline_value)) == (ana, 1, 50_000)
        assert outbox.deliver_due(at=NOW) == 1
        assert Notification.objects.get().text == "Northwind is yours: knows Healthcare."
        clean()

    @pytest.mark.usefixtures("assign_at_once")
    def test_twice_decides_once(self, ana: Rep, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        assert route(opportunity_id=opportunity.pk, at=NOW) is not None
        assert route(opportunity_id=opportunity.pk, at=NOW) is None
        assert Decision.objects.count() == Assignment.objects.count() == 1

    @pytest.mark.usefixtures("assign_at_once")
    def test_named_account_is_exempt_from_limits(self, ana: Rep, bo: Rep, make_opportunity: Make) -> None:
        Rep.objects.filter(pk=bo.pk).update(own_max_open=1)
        account = Account.objects.create(name="Acme", owner=bo)
        for number in range(3):
            route(opportunity_id=make_opportunity(f"Deal {number}", account=account).pk, at=NOW)
        bo.refresh_from_db()
        assert bo.load == 3
        assert Assignment.objects.filter(rep=bo, exempt=True).count() == 3
        clean()

    @pytest.mark.usefixtures("assign_at_once")
    def test_managers_hear_of_a_named_account_past_the_maximum(
        self, bo: Rep, ben: User, make_opportunity: Make
    ) -> None:
        Rep.objects.filter(pk=bo.pk).update(own_max_open=1)
        account = Account.objects.create(name="Acme", owner=bo)
        for number in range(2):
            route(opportunity_id=make_opportunity(f"Deal {number}", account=account).pk, at=NOW)
        outbox.deliver_due(at=NOW)
        told = Notification.objects.get(user=ben)
        assert told.text == "Bo is over capacity with 2 of 1: Deal 1 belongs to a named account."

    @pytest.mark.usefixtures("assign_at_once")
    def test_away_rep_gets_nothing(self, ana: Rep, bo: Rep, make_opportunity: Make) -> None:
        Absence.objects.create(rep=ana, starts_at=NOW - datetime.timedelta(hours=1))
        decision = route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
        assert decision is not None
        assert decision.rep_id == bo.pk

    @pytest.mark.usefixtures("assign_at_once")
    def test_full_team_holds_and_freed_capacity_drains_the_oldest_first(
        self, make_rep: Callable[..., Rep], east: Team, make_opportunity: Make
    ) -> None:
        Team.objects.update(is_default=False)
        Team.objects.filter(pk=east.pk).update(is_default=True)
        only = make_rep("Only", max_open=1)
        first = make_opportunity("first", at=NOW)
        route(opportunity_id=first.pk, at=NOW)
        older = make_opportunity("older", at=NOW + datetime.timedelta(minutes=1))
        newer = make_opportunity("newer", at=NOW + datetime.timedelta(minutes=2))
        for opportunity in (newer, older):
            route(opportunity_id=opportunity.pk, at=NOW + datetime.timedelta(minutes=3))
        assert set(QueueItem.objects.filter(state="pending").values_list("kind", flat=True)) == {"held"}
        later = NOW + datetime.timedelta(minutes=9)
        record_outcome(opportunity_id=first.pk, stage="won", at=later, by=None)
        assert OutboxMessage.objects.filter(topic="capacity.freed").exists()
        assert sweep.drain_held(now=later) == 1
        older.refresh_from_db()
        newer.refresh_from_db()
        assert (older.owner, newer.owner) == (only, None)
        clean()

    @pytest.mark.usefixtures("assign_at_once")
    def test_round_robin_shares_turns_equally(self, ana: Rep, bo: Rep, make_opportunity: Make) -> None:
        Policy.objects.update(threshold=100)
        Team.objects.update(is_default=False)
        Team.objects.filter(pk=ana.team_id).update(is_default=True)
        Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
        from routing.services.configuration import publish_configuration

        publish_configuration(by=None, at=NOW)
        for number in range(30):
            route(opportunity_id=make_opportunity(f"Lead {number}").pk, at=NOW)
        ana.refresh_from_db()
        bo.refresh_from_db()
        assert (ana.load, bo.load) == (15, 15)

    def test_locked_is_held_and_never_moved(self, ana: Rep, omar: User, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        overrides.lock(opportunity_id=opportunity.pk, by=omar)
        decision = route(opportunity_id=opportunity.pk, at=NOW)
        assert decision is not None
        assert (decision.outcome, pending(opportunity).kind) == ("untouched", "held")
        assert sweep.drain_held(now=NOW) == 0
        clean()


class TestQueries:
    @pytest.mark.usefixtures("assign_at_once")
    @pytest.mark.parametrize("count", [2, 60])
    def test_do_not_grow_with_the_reps(
        self,
        count: int,
        make_rep: Callable[..., Rep],
        make_opportunity: Make,
        django_assert_num_queries: Callable[..., AbstractContextManager[object]],
    ) -> None:
        for number in range(count):
            make_rep(f"Rep {number}", skills={"industry": ["Healthcare"]})
        route(opportunity_id=make_opportunity("first").pk, at=NOW)
        opportunity = make_opportunity("second")
        with django_assert_num_queries(ROUTE_QUERIES):
            route(opportunity_id=opportunity.pk, at=NOW)


ROUTE_QUERIES = 14


class TestHighMatch:
    def test_may_be_a_share_of_recent_best_scores(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
        for number in range(8):
            route(opportunity_id=make_opportunity(f"Lead {number}", industry="Healthcare").pk, at=NOW)
        scores = sorted(score or 0.0 for score in Decision.objects.values_list("score", flat=True))
        CapacitySettings.objects.update(high_match_top_share=0.5)
        publish()
        later = NOW + datetime.timedelta(hours=2)
        decision = route(opportunity_id=make_opportunity("Next").pk, at=later)
        assert decision is not None
        assert decision.recent_high_match == pytest.approx((scores[3] + scores[4]) / 2)
        assert digest(decide(stored_inputs(decision))) == decision.result_digest


class TestHistory:
    def test_replays_identically_after_everything_changed(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        opportunity = make_opportunity(industry="Healthcare", value=7_000, competitors=["Dynamics"])
        decision = route(opportunity_id=opportunity.pk, at=NOW)
        assert decision is not None
        ana.skills.all().delete()
        Rep.objects.update(own_max_open=1, load=0)
        Rule.objects.create(name="No Ana", position=1, action="route_to_rep", rep=bo)
        publish()
        ModelVersion.objects.update(state="retired")
        stored = Decision.objects.get(pk=decision.pk)
        assert digest(decide(stored_inputs(stored))) == stored.result_digest

    def test_decisions_cannot_be_changed_or_deleted(self, ana: Rep, make_opportunity: Make) -> None:
        decision = route(opportunity_id=make_opportunity().pk, at=NOW)
        assert decision is not None
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            Decision.objects.filter(pk=decision.pk).update(score=100)
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            Decision.objects.filter(pk=decision.pk)._raw_delete("default")

    def test_edits_do_nothing_until_published(
        self, ana: Rep, bo: Rep, make_opportunity: Make, publish: Callable[[], int]
    ) -> None:
        rule = Rule.objects.create(name="All to Bo", position=1, action="route_to_rep", rep=bo)
        first = route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
        assert "Rule “All to Bo” added" in [str(one) for one in unpublished_changes()]
        publish()
        assert unpublished_changes() == []
        second = route(opportunity_id=make_opportunity(industry="Healthcare").pk, at=NOW)
        assert first is not None
        assert second is not None
        assert (first.rep_id, second.rep_id) == (ana.pk, bo.pk)
        assert second.trace["steps"][2]["found"]["rule"] == rule.pk


class TestQueue:
    @pytest.fixture
    def suggested(self, ana: Rep, bo: Rep, make_opportunity: Make) -> QueueItem:
        opportunity = make_opportunity(industry="Healthcare")
        route(opportunity_id=opportunity.pk, at=NOW)
        return pending(opportunity)

    def test_approve_assigns_by_the_person(self, suggested: QueueItem, ana: Rep, ben: User) -> None:
        assignment = queue.approve(item_id=suggested.pk, by=ben, at=NOW)
        ana.refresh_from_db()
        assert (assignment.rep, assignment.source, assignment.assigned_by) == (ana, "person", ben)
        assert (ana.load, ana.pending) == (1, 0)
        clean()

    def test_second_person_is_told(self, suggested: QueueItem, ben: User, omar: User) -> None:
        queue.approve(item_id=suggested.pk, by=ben, at=NOW)
        with pytest.raises(queue.AlreadyDecided, match="Ben gave it to Ana already"):
            queue.reject(item_id=suggested.pk, by=omar, at=NOW)

    def test_give_to_another_keeps_the_reason(
        self, suggested: QueueItem, ana: Rep, bo: Rep, ben: User
    ) -> None:
        reason = OverrideReason.objects.get(label="Wrong expertise")
        queue.give_to(item_id=suggested.pk, rep_id=bo.pk, by=ben, at=NOW, reason=reason, note="knows them")
        override = Override.objects.get()
        assert (override.from_rep, override.to_rep, override.reason, override.made_by) == (
            ana,
            bo,
            reason,
            ben,
        )
        ana.refresh_from_db()
        bo.refresh_from_db()
        assert (ana.pending, ana.load, bo.load) == (0, 0, 1)
        clean()

    def test_reject_waits_for_a_person_and_is_not_suggested_again(
        self, suggested: QueueItem, ben: User
    ) -> None:
        queue.reject(item_id=suggested.pk, by=ben, at=NOW)
        assert pending(suggested.opportunity).kind == "manager"
        assert sweep.drain_held(now=NOW) == 0
        clean()

    def test_undo_puts_it_back(self, suggested: QueueItem, ana: Rep, ben: User) -> None:
        queue.approve(item_id=suggested.pk, by=ben, at=NOW)
        queue.undo(item_id=suggested.pk, by=ben, at=NOW)
        ana.refresh_from_db()
        assert (ana.load, ana.pending) == (0, 1)
        assert pending(suggested.opportunity).rep == ana
        clean()

    def test_outcome_takes_it_out(self, suggested: QueueItem, ana: Rep) -> None:
        record_outcome(opportunity_id=suggested.opportunity_id, stage="disqualified", at=NOW, by=None)
        ana.refresh_from_db()
        assert ana.pending == 0
        assert not QueueItem.objects.filter(state="pending").exists()
        clean()


class TestOverrides:
    @pytest.mark.usefixtures("assign_at_once")
    def test_bulk_reassignment_moves_loads(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        made = [make_opportunity(f"Lead {n}", industry="Healthcare") for n in range(4)]
        for opportunity in made:
            route(opportunity_id=opportunity.pk, at=NOW)
        owners = {Opportunity.objects.get(pk=o.pk).owner for o in made}
        assert ana in owners
        moved = overrides.reassign(opportunity_ids=[o.pk for o in made], rep_id=bo.pk, by=omar, at=NOW)
        ana.refresh_from_db()
        bo.refresh_from_db()
        assert (ana.load, bo.load) == (0, 4)
        assert Override.objects.count() == moved
        clean()

    @pytest.mark.usefixtures("assign_at_once")
    def test_is_all_or_nothing(self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make) -> None:
        fine, closed = make_opportunity("fine"), make_opportunity("closed")
        record_outcome(opportunity_id=closed.pk, stage="lost", at=NOW, by=None)
        with pytest.raises(OwnershipError, match="closed is lost"):
            overrides.reassign(opportunity_ids=[fine.pk, closed.pk], rep_id=bo.pk, by=omar, at=NOW)
        fine.refresh_from_db()
        assert fine.owner is None

    def test_person_may_go_past_the_limit(
        self, make_rep: Callable[..., Rep], omar: User, make_opportunity: Make
    ) -> None:
        tiny = make_rep("Tiny", max_open=1)
        ids = [make_opportunity(f"Lead {n}").pk for n in range(3)]
        assert overrides.reassign(opportunity_ids=ids, rep_id=tiny.pk, by=omar, at=NOW) == 3
        clean()


class TestSweep:
    def test_routes_what_intake_left_behind(self, ana: Rep, make_opportunity: Make) -> None:
        opportunity = make_opportunity()
        assert sweep.route_waiting(at=NOW, now=NOW) == 0
        assert sweep.route_waiting(at=NOW + datetime.timedelta(seconds=6), now=NOW) == 1
        opportunity.refresh_from_db()
        assert opportunity.routing == "suggested"


class TestOutbox:
    def test_failed_delivery_is_retried_later(self, ana: Rep, bo: Rep) -> None:
        told = {"opportunity_id": None, "text": "x"}
        outbox.tell(
            "opportunity.assigned", {"rep_id": ana.pk, "opportunity_id": None}, at=NOW
        )  # without its text
        for _ in range(3):
            outbox.tell("opportunity.assigned", {"rep_id": bo.pk, **told}, at=NOW)
        assert outbox.deliver_due(at=NOW) == 3
        assert outbox.deliver_due(at=NOW) == 0
        message = OutboxMessage.objects.earliest("pk")
        assert (message.attempts, message.last_error) == (1, "KeyError: 'text'")
        assert set(OutboxMessage.objects.exclude(pk=message.pk).values_list("attempts", flat=True)) == {1}
        OutboxMessage.objects.filter(pk=message.pk).update(payload={"rep_id": ana.pk, **told})
        assert outbox.deliver_due(at=NOW + datetime.timedelta(minutes=1)) == 1
        assert sorted(Notification.objects.values_list("user__name", flat=True)) == ["Ana", "Bo", "Bo", "Bo"]

    def test_statements_do_not_grow_with_the_messages(
        self, ana: Rep, bo: Rep, omar: User, east: Team
    ) -> None:
        counts = []
        for number in (1, 20):
            for n in range(number):
                rep = (ana, bo)[n % 2]
                about = {"rep_id": rep.pk, "team_id": east.pk, "user_id": omar.pk, "text": f"{number} {n}"}
                for topic in KINDS:
                    outbox.tell(topic, about, at=NOW)
            with CaptureQueriesContext(connection) as asked:
                assert outbox.deliver_due(at=NOW, most=1000) == number * len(KINDS)
            counts.append(len(asked) / -(-number * len(KINDS) // outbox.AT_ONCE))
        assert counts[1] <= counts[0]

    @pytest.mark.usefixtures("assign_at_once")
    def test_repeated_delivery_notifies_once(self, ana: Rep, make_opportunity: Make) -> None:
        route(opportunity_id=make_opportunity().pk, at=NOW)
        outbox.deliver_due(at=NOW)
        OutboxMessage.objects.update(delivered_at=None)
        outbox.deliver_due(at=NOW)
        assert Notification.objects.count() == 1
