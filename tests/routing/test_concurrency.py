"""Real connections side by side: hundreds of opportunities at a handful of reps with little room left."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from crm.models import Assignment, Opportunity
from crm.services.opportunities import create_opportunity
from reps.models import Rep, Team
from routing.models import Decision, Policy, QueueItem
from routing.queries.invariants import check_invariants
from routing.services import overrides
from routing.services.decisions import route
from routing.services.queue import AlreadyDecided, approve
from tests.conftest import NOW, user_of

THREADS = 8


@pytest.fixture
def crowd(transactional_db: None, make_rep: Callable[..., Rep], east: Team) -> list[Rep]:
    Team.objects.update(is_default=False)
    Team.objects.filter(pk=east.pk).update(is_default=True)
    return [make_rep(f"Rep {n}", max_open=20, own_max_new_per_week=12 + n) for n in range(5)]


def leads(count: int) -> list[int]:
    return [create_opportunity(values={"name": f"Lead {n}"}, at=NOW, by=None).pk for n in range(count)]


def side_by_side(work: Callable[[int], object], ids: list[int]) -> list[object]:
    """Runs the work for every id on threads with connections of their own, all let go at once."""
    gate = threading.Barrier(THREADS)

    def one(share: list[int]) -> list[object]:
        try:
            gate.wait()
            return [work(pk) for pk in share]
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        shares = [ids[n::THREADS] for n in range(THREADS)]
        return [result for results in threads.map(one, shares) for result in results]


def prove_limits(crowd: list[Rep]) -> None:
    assert check_invariants().violations == []
    for rep in Rep.objects.filter(pk__in=[rep.pk for rep in crowd]):
        # At most 90 % of the maximum before an assignment: 18 of 20 and one more.
        assert rep.committed <= 19
        assert rep.load + rep.pending <= rep.max_new_per_week


@pytest.mark.parametrize("application", ["assign", "suggest"])
@pytest.mark.parametrize("threshold", [50, 100])  # by prediction, and by round-robin
def test_hundreds_at_once_break_no_limit(
    crowd: list[Rep], publish: Callable[[], int], application: str, threshold: float
) -> None:
    Policy.objects.update(application=application, threshold=threshold)
    publish()
    ids = leads(200)
    side_by_side(lambda pk: route(opportunity_id=pk), ids)
    prove_limits(crowd)
    assert Decision.objects.count() == 200
    placed = Assignment.objects.count() + QueueItem.objects.filter(kind="suggestion").count()
    assert placed == sum(rep.max_new_per_week for rep in crowd)
    assert Opportunity.objects.filter(routing="held").count() == 200 - placed


def test_the_same_lead_by_all_threads_has_one_owner(crowd: list[Rep], publish: Callable[[], int]) -> None:
    Policy.objects.update(application="assign")
    publish()
    ids = leads(12)
    results = side_by_side(lambda pk: route(opportunity_id=pk), [pk for pk in ids for _ in range(THREADS)])
    assert sum(result is not None for result in results) == 12
    assert Assignment.objects.count() == 12
    prove_limits(crowd)


def test_round_robin_shares_turns_exactly_under_load(crowd: list[Rep], publish: Callable[[], int]) -> None:
    Policy.objects.update(application="assign", threshold=100)
    Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
    publish()
    side_by_side(lambda pk: route(opportunity_id=pk), leads(100))
    assert list(Rep.objects.order_by("pk").values_list("load", flat=True)) == [20] * 5


def test_two_people_on_one_item_second_is_told(crowd: list[Rep]) -> None:
    (pk,) = leads(1)
    route(opportunity_id=pk)
    item = QueueItem.objects.get(state="pending")
    people = [user_of(f"Person{n}", "ops") for n in range(THREADS)]

    def press(n: int) -> str:
        try:
            approve(item_id=item.pk, by=people[n], at=NOW)
        except AlreadyDecided as told:
            return str(told)
        return "approved"

    said = side_by_side(press, list(range(THREADS)))
    assert said.count("approved") == 1
    winner = Assignment.objects.get().assigned_by
    assert winner is not None
    assert all(winner.name in str(text) for text in said if text != "approved")


def test_people_and_automation_do_not_deadlock(crowd: list[Rep], publish: Callable[[], int]) -> None:
    Policy.objects.update(application="assign")
    publish()
    ids = leads(60)
    boss = user_of("Boss", "ops")

    def move(pk: int) -> object:
        if pk % 3:
            return route(opportunity_id=pk)
        target = crowd[pk % len(crowd)].pk
        return overrides.reassign(opportunity_ids=[pk, pk - 1], rep_id=target, by=boss, at=NOW)

    route(opportunity_id=ids[0])
    side_by_side(move, ids[1:])
    assert check_invariants().violations == []
