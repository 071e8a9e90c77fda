"""What a process keeps of everybody's state is what the database has, whoever wrote it and whatever was rolled back."""

import datetime
import threading
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection, transaction

from crm.models import Assignment, Opportunity
from reps.models import Rep, User
from routing.engine.roster import RosterState
from routing.queries import state
from routing.queries.live import load_live
from routing.queries.state import load_state
from routing.services.decisions import route

Make = Callable[..., Opportunity]
NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def read(at: datetime.datetime = NOW) -> RosterState:
    return load_state(load_live(at), at)


def read_anew(at: datetime.datetime = NOW) -> RosterState:
    state.forget_state()
    return read(at)


def assigned(opportunity: Opportunity, rep: Rep, by: User, at: datetime.datetime) -> Assignment:
    return Assignment.objects.create(
        opportunity=opportunity, rep=rep, source=Assignment.Source.PERSON, assigned_by=by, assigned_at=at
    )


def in_another_connection(work: Callable[[], object]) -> None:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.django_db(transaction=True)
class TestKept:
    def test_changes_of_others_are_seen(self, ana: Rep, bo: Rep) -> None:
        assert read().load.tolist() == [0, 0]
        in_another_connection(lambda: Rep.objects.filter(pk=bo.pk).update(load=7, turn_finish=2.5, pending=3))
        found = read()
        assert (found.load.tolist(), found.pending.tolist()) == ([0, 7], [0, 3])
        assert found.turn_finish.tolist() == [0.0, 2.5]

    def test_what_is_rolled_back_is_forgotten(self, ana: Rep, bo: Rep) -> None:
        read()
        with transaction.atomic():
            Rep.objects.filter(pk=ana.pk).update(load=5)
            with transaction.atomic():
                Rep.objects.filter(pk=bo.pk).update(load=6)
            assert read().load.tolist() == [5, 6]
            transaction.set_rollback(True)
        assert read().load.tolist() == [0, 0]

    def test_others_do_not_see_what_is_not_committed(self, ana: Rep) -> None:
        read()
        seen: list[list[int]] = []
        with transaction.atomic():
            Rep.objects.filter(pk=ana.pk).update(load=5)
            assert read().load.tolist() == [5]
            in_another_connection(lambda: seen.append(read().load.tolist()))
        assert seen == [[0]]
        assert read().load.tolist() == [5]

    def test_a_transaction_that_began_before_and_ends_after_a_look_is_seen(self, ana: Rep) -> None:
        read()
        written, looked = threading.Event(), threading.Event()

        def write_slowly() -> None:
            with transaction.atomic():
                Rep.objects.filter(pk=ana.pk).update(load=9)
                written.set()
                assert looked.wait(10)

        other = threading.Thread(target=lambda: in_another_connection(write_slowly))
        other.start()
        assert written.wait(10)
        assert read().load.tolist() == [0]
        Rep.objects.create(
            name="Later", team=ana.team, role_template=ana.role_template
        )  # a transaction after it that ends before it
        assert read().load.tolist() == [0, 0]
        looked.set()
        other.join()
        assert read().load.tolist() == [9, 0]

    def test_assignments_are_counted_once(
        self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make
    ) -> None:
        leads = [make_opportunity(f"Lead {n}") for n in range(6)]
        for n, lead in enumerate(leads[:4]):
            assigned(lead, ana if n % 2 else bo, omar, NOW - n * 20 * HOUR)
            assert read().week.tolist() == read_anew().week.tolist()
        for _ in range(4):
            found = read()
        assert (found.week.tolist(), found.day.tolist()) == ([2, 2], [1, 1])
        assigned(leads[4], ana, omar, NOW - 8 * 24 * HOUR)  # before the week
        assigned(leads[5], ana, omar, NOW + HOUR)  # after the moment
        assert read().week.tolist() == [2, 2]
        assert read(NOW + 2 * HOUR).week.tolist() == [3, 2]
        assert read(NOW - 24 * HOUR).week.tolist() == read_anew(NOW - 24 * HOUR).week.tolist()

    def test_is_what_reading_anew_gives(self, ana: Rep, bo: Rep, omar: User, make_opportunity: Make) -> None:
        rng = np.random.default_rng(4)
        leads = [make_opportunity(f"Lead {n}") for n in range(30)]
        for n, lead in enumerate(leads):
            rep = (ana, bo)[int(rng.integers(2))]
            Rep.objects.filter(pk=rep.pk).update(load=int(rng.integers(20)), pipeline_value=Decimal(n * 1000))
            at = NOW - datetime.timedelta(hours=float(rng.integers(0, 300)))
            if rng.random() < 0.5:
                assigned(lead, rep, omar, at)
            kept, anew = read(), read_anew() if rng.random() < 0.3 else None
            if anew is not None:
                assert kept.to_bytes() == anew.to_bytes()


class TestWindows:
    def test_moved_to_and_fro_count_as_anew(self, ana: Rep, bo: Rep) -> None:
        rng, roster = np.random.default_rng(8), load_live(NOW).roster
        rows = np.array(
            [(n, (ana.pk, bo.pk)[int(rng.integers(2))], at) for n, at in enumerate(rng.integers(0, 100, 60))],
            state.ASSIGNMENT,
        )
        settled, window = state._Settled().with_more(rows, roster), None
        for after in rng.integers(-20, 110, 200).tolist():
            window = settled.window(after, after + 25, window, roster)
            inside = rows["rep"][(rows["at"] > after) & (rows["at"] <= after + 25)]
            assert window.counts.tolist() == [int((inside == rep_id).sum()) for rep_id in roster.ids]
        assert len(set(rows["at"])) < len(rows)  # some at the same moment


class TestSettling:
    def test_waits_for_transactions_that_ran_then(
        self, ana: Rep, omar: User, make_opportunity: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(state, "SETTLES_AFTER", -1)
        made = [assigned(make_opportunity(f"Lead {n}"), ana, omar, NOW - n * HOUR) for n in range(3)]
        roster, recent = load_live(NOW).roster, state.RecentAssignments()
        recent.reach(NOW - state.WEEK, roster)
        rows = np.array([(m.pk, ana.pk, state._microseconds(m.assigned_at)) for m in made], state.ASSIGNMENT)
        weeks = []
        for seen in (
            "90:100:90",
            "95:101:95",
            "100:105:100",
        ):  # running since 90, since 95, none from before 100
            low = recent.low
            week, _ = recent.counts(rows[rows["id"] > low], seen, NOW, roster)
            weeks.append((week.tolist(), recent.low >= made[-1].pk))
        assert weeks == [([3], False), ([3], False), ([3], True)]
        assert recent.counts(rows[:0], "105:106:", NOW, roster)[0].tolist() == [3]

    pytestmark = pytest.mark.django_db


@pytest.mark.django_db
def test_suggestions_count_in_the_pipeline(ana: Rep, make_opportunity: Make) -> None:
    lead = make_opportunity("A")
    Opportunity.objects.filter(pk=lead.pk).update(value_base=Decimal(500))
    route(opportunity_id=lead.pk, at=NOW)
    assert Opportunity.objects.get(pk=lead.pk).routing == Opportunity.Routing.SUGGESTED
    assert read().pipeline_value.tolist() == [500.0]


@pytest.mark.django_db
def test_a_look_that_lags_behind_costs_rounds_and_neither_a_limit_nor_an_error(
    ana: Rep, omar: User, make_opportunity: Make
) -> None:
    Rep.objects.filter(pk=ana.pk).update(own_max_new_per_week=1)
    read()
    assigned(make_opportunity("Before"), ana, omar, NOW - HOUR)
    state._kept._recent.low = 2**40  # as if nothing had come since
    assert read().week.tolist() == [0]
    decision = route(opportunity_id=make_opportunity("New").pk, at=NOW)
    assert decision is not None
    assert (decision.outcome, decision.rep_id) == ("hold", None)
