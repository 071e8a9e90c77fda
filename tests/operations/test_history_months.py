"""History in partitions by month: made ahead, turned, closed; what was unique stays so, what is refused stays so."""

import datetime
import threading
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from benchmarks.realtime import stack
from crm.models import Activity, ActivityKey, Opportunity
from crm.services.activities import log_activity
from crm.services.opportunities import create_opportunity
from operations.queries.histories import AUDIT, CHANGES, DECISIONS, HISTORIES, months_of
from operations.services.history.months import Kept, close_months, keep_months
from reps.models import AuditEntry, Team
from routing.models import Change, Decision
from routing.services.decisions import route

pytestmark = pytest.mark.django_db(transaction=True)
DECEMBER = datetime.datetime(2098, 12, 5, 1, tzinfo=datetime.UTC)
JANUARY = datetime.datetime(2099, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)


def decided(name: str) -> Decision:
    opportunity = create_opportunity(values={"name": name}, at=DECEMBER, by=None)
    decision = route(opportunity_id=opportunity.pk)
    assert decision is not None
    return decision


def tables(history: object) -> list[str]:
    return [month.table for month in months_of(history)]  # type: ignore[arg-type]


def scalar(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def run(statement: str, *values: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def lower(month: str) -> int:
    return int(month) * 10**9


class TestTurn:
    def test_months_are_made_ahead_and_ids_say_theirs(self, house: str) -> None:
        assert keep_months(at=DECEMBER) == Kept(made=12, turned=4)
        assert tables(DECISIONS)[-3:] == [f"routing_decision_{m}" for m in ("209812", "209901", "209902")]
        one = decided("One")
        assert lower("209812") < one.pk < lower("209901")
        assert Decision.objects.get() == one
        assert scalar("SELECT count(*) FROM routing_decision_209812") == 1
        assert keep_months(at=DECEMBER) == Kept(made=0, turned=0)
        assert keep_months(at=JANUARY) == Kept(made=4, turned=4)
        assert decided("Two").pk > lower("209901")
        assert keep_months(at=DECEMBER) == Kept(made=0, turned=0), (
            "a clock that was set back turns nothing back"
        )
        assert decided("Three").pk > lower("209901")

    def test_a_late_turn_leaves_rows_in_the_month_before(self, house: str) -> None:
        keep_months(at=DECEMBER)
        with transaction.atomic():  # what drew its id before midnight and is written after it
            early = scalar("SELECT nextval('routing_change_id_seq')")
        keep_months(at=JANUARY)
        change = Change.objects.create(pk=early, event="opportunity.held", at=JANUARY)
        later = Change.objects.create(event="opportunity.held", at=JANUARY)
        assert scalar("SELECT array_agg(id) FROM routing_change_209812") == [change.pk]
        assert later.pk > lower("209901")

    def test_an_installation_that_slept_for_months_goes_on(self, house: str) -> None:
        awake = datetime.datetime(2099, 9, 9, tzinfo=datetime.UTC)
        keep_months(at=DECEMBER)
        assert decided("Late").pk < lower("209901")
        assert keep_months(at=awake) == Kept(made=12, turned=4)
        assert decided("After").pk > lower("209909")

    def test_two_at_once_make_each_month_once(self, house: str) -> None:
        made = []

        def keep() -> None:
            made.append(keep_months(at=DECEMBER))
            connection.close()

        both = [threading.Thread(target=keep) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert sum(one.made for one in made) == 12
        assert sum(one.turned for one in made) == 4

    def test_who_holds_the_table_does_not_hold_us(self, house: str) -> None:
        with psycopg.connect(stack.address_of(house)) as other:
            other.execute("LOCK TABLE routing_decision IN SHARE UPDATE EXCLUSIVE MODE")
            assert keep_months(at=DECEMBER) == Kept(made=0, turned=0)
        assert keep_months(at=DECEMBER) == Kept(made=12, turned=4)


class TestClosing:
    @pytest.fixture
    def closed(self, house: str) -> str:
        keep_months(at=DECEMBER)
        for number in range(20):
            Change.objects.create(event="opportunity.held", at=DECEMBER + datetime.timedelta(days=number))
        keep_months(at=JANUARY)
        Change.objects.create(event="opportunity.held", at=JANUARY)
        return house

    def plan(self, since: datetime.datetime) -> str:
        return str(Change.objects.filter(at__gte=since).explain())

    def test_a_month_is_closed_a_day_after_its_end(self, closed: str) -> None:
        a_day = datetime.timedelta(days=1)
        assert "routing_change_209812" not in {month.table for month in close_months(at=JANUARY)}
        assert "routing_change_209812" in {month.table for month in close_months(at=JANUARY + a_day)}
        assert close_months(at=JANUARY + a_day) == []
        assert [one.is_bounded for one in months_of(CHANGES)][-4:] == [True, False, False, False]

    def test_queries_of_other_times_leave_it_out(self, closed: str) -> None:
        assert "routing_change_209812" in self.plan(JANUARY)
        close_months(at=JANUARY + datetime.timedelta(days=2))
        assert "routing_change_209812" not in self.plan(JANUARY)
        assert "routing_change_209812" in self.plan(DECEMBER)
        assert Change.objects.filter(at__gte=JANUARY).count() == 1
        assert Change.objects.filter(at__gte=DECEMBER).count() == 21

    def test_nothing_of_another_time_gets_into_it(self, closed: str) -> None:
        close_months(at=JANUARY + datetime.timedelta(days=2))
        with pytest.raises(IntegrityError, match="history_month"):
            Change.objects.create(pk=lower("209812") + 500, event="opportunity.held", at=JANUARY)

    def test_by_id_only_its_month_is_looked_at(self, closed: str) -> None:
        plan = str(Change.objects.filter(pk=lower("209812") + 1).explain())
        assert "routing_change_209812" in plan
        assert "routing_change_209901" not in plan


class TestUnique:
    """Across months: the first is of December, the second of January."""

    @pytest.fixture
    def opportunities(self, house: str) -> list[Opportunity]:
        keep_months(at=DECEMBER)
        return [create_opportunity(values={"name": f"Deal {n}"}, at=DECEMBER, by=None) for n in range(2)]

    def log(self, opportunity: Opportunity, external_id: str = "call-1") -> tuple[Activity, bool]:
        return log_activity(
            opportunity_id=opportunity.pk,
            kind="call",
            rep=None,
            happened_at=DECEMBER,
            external_id=external_id,
        )

    def test_an_external_id_is_there_once(self, opportunities: list[Opportunity]) -> None:
        first, is_new = self.log(opportunities[0])
        assert is_new
        keep_months(at=JANUARY)
        assert self.log(opportunities[1]) == (first, False)
        with pytest.raises(IntegrityError, match="crm_activitykey"):
            Activity.objects.create(opportunity=opportunities[1], kind="call", external_id="call-1")
        assert Activity.objects.count() == ActivityKey.objects.count() == 1

    def test_of_two_at_once_the_second_gets_the_first(
        self, house: str, opportunities: list[Opportunity]
    ) -> None:
        answers = []
        with psycopg.connect(stack.address_of(house)) as other:
            other.execute(
                "INSERT INTO crm_activity (id, opportunity_id, kind, happened_at, created_at, note, external_id) "
                "VALUES (%s, %s, 'call', now(), now(), '', 'call-1')",
                [lower("209812") + 77, opportunities[0].pk],
            )
            keep_months(at=JANUARY)

            def log() -> None:
                answers.append(self.log(opportunities[1]))
                connection.close()

            second = threading.Thread(target=log)
            second.start()
            second.join(0.5)
            assert second.is_alive(), "it waits to see what becomes of the first"
            other.commit()
            second.join()
        assert [(one.pk, is_new) for one, is_new in answers] == [(lower("209812") + 77, False)]

    def test_a_deleted_activity_gives_its_id_back(self, opportunities: list[Opportunity]) -> None:
        self.log(opportunities[0])[0].delete()
        assert self.log(opportunities[1])[1]

    def test_a_changed_external_id_is_kept(self, opportunities: list[Opportunity]) -> None:
        first, _ = self.log(opportunities[0])
        Activity.objects.filter(pk=first.pk).update(external_id="call-2")
        assert list(ActivityKey.objects.values_list("external_id", "activity_id")) == [("call-2", first.pk)]

    def test_an_assignment_has_one_decision(self, house: str) -> None:
        keep_months(at=DECEMBER)
        one = decided("One")
        other = Decision.objects.get(pk=one.pk)
        other.pk, other.assignment_id = None, 4711
        twice = [other, Decision.objects.get(pk=one.pk)]
        twice[1].pk, twice[1].assignment_id = None, 4711
        with pytest.raises(IntegrityError, match="assignment_id"):
            Decision.objects.bulk_create(twice)


class TestRefused:
    @pytest.mark.parametrize("statement", ["UPDATE {} SET seed = 1", "DELETE FROM {}"])
    @pytest.mark.parametrize("table", ["routing_decision", "routing_decision_209812"])
    def test_a_decision_is_not_changed(self, house: str, statement: str, table: str) -> None:
        keep_months(at=DECEMBER)
        decided("One")
        with pytest.raises(DatabaseError, match="is history"):
            run(statement.format(table))

    @pytest.mark.parametrize("statement", ["UPDATE {} SET kind = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
    @pytest.mark.parametrize("table", ["reps_auditentry", "reps_auditentry_209812"])
    def test_the_audit_log_is_not_changed(self, house: str, statement: str, table: str) -> None:
        keep_months(at=DECEMBER)
        Team.objects.create(name="East")
        assert AuditEntry.objects.filter(pk__gt=lower("209812")).exists()
        with pytest.raises(DatabaseError, match="only added to"):
            run(statement.format(table))

    def test_every_partition_has_what_the_first_has(self, house: str) -> None:
        keep_months(at=DECEMBER)
        for history in HISTORIES:
            equipment = {
                str(
                    scalar(
                        "SELECT array[(SELECT count(*) FROM pg_index WHERE indrelid = x.o), (SELECT count(*) FROM "
                        "pg_index WHERE indrelid = x.o AND indisunique), (SELECT count(*) FROM pg_constraint WHERE "
                        "conrelid = x.o AND contype = 'f' AND convalidated), (SELECT count(*) FROM pg_trigger WHERE "
                        f"tgrelid = x.o AND NOT tgisinternal)] FROM (SELECT '{month.table}'::regclass AS o) x"
                    )
                )
                for month in months_of(history)
            }
            assert len(equipment) == 1, history.kind
        assert tables(AUDIT)[0] == "reps_auditentry_before"
