"""Real connections side by side: hundreds of opportunities at a handful of reps with little room left."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from crm.models import Account, Assignment, DuplicateLink, Opportunity, Product
from crm.services.opportunities import create_opportunity, update_opportunity
from crm.services.ownership import many_at_once, recount_loads
from reps.models import Rep, Team
from routing.models import Decision, Policy, QueueItem
from routing.queries.invariants import check_invariants
from routing.services import duplicates, overrides
from routing.services.decisions import route
from routing.services.intake import take_in
from routing.services.queue import AlreadyDecided, approve, reject
from routing.services.renewal import Renewed, renew_suggestions
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


SAME_PERSON: list[dict[str, object]] = [
    {"person": {"name": "Jo", "email": "jo@acme.example"}},
    {"person": {"name": "Jo", "phone": "+1 404 715 2600"}},
]


@pytest.mark.parametrize("who", SAME_PERSON, ids=["email", "phone"])
@pytest.mark.usefixtures("crowd")
def test_of_one_person_asking_side_by_side_one_is_the_original(
    who: dict[str, object], publish: Callable[[], int]
) -> None:
    Policy.objects.update(application="assign")
    publish()
    boss = user_of("Boss", "ops")

    def ask(n: int) -> int:
        values = {"name": f"Ask {n}"} | who
        return take_in(values=values, body=values, by=boss, at=NOW).opportunity.pk

    ids = side_by_side(ask, list(range(4 * THREADS)))
    for pk in Opportunity.objects.filter(routing="held").values_list("pk", flat=True):
        route(opportunity_id=pk)
    originals = set(ids) - set(DuplicateLink.objects.values_list("opportunity", flat=True))
    assert len(originals) == 1
    assert set(DuplicateLink.objects.values_list("original", "state")) == {(*originals, "linked")}
    assert Opportunity.objects.values("owner").distinct().count() == 1
    assert Opportunity.objects.filter(owner__isnull=True).count() == 0
    assert check_invariants().violations == []


@pytest.mark.usefixtures("crowd")
def test_of_one_account_and_product_side_by_side_each_but_one_is_offered(publish: Callable[[], int]) -> None:
    publish()
    boss = user_of("Boss", "ops")
    acme = Account.objects.create(name="Acme")
    Product.objects.create(name="Analytics")

    def ask(n: int) -> int:
        values = {"name": f"Ask {n}", "account": acme, "product": "Analytics"}
        return take_in(values=values, body=f"{n}", by=boss, at=NOW).opportunity.pk

    ids = side_by_side(ask, list(range(THREADS)))
    offered = set(DuplicateLink.objects.filter(state="offered").values_list("opportunity", flat=True))
    assert len(set(ids) - offered) == 1


@pytest.mark.usefixtures("crowd")
def test_two_people_on_one_offer_the_second_is_told() -> None:
    one, other = leads(2)
    link = DuplicateLink.objects.create(
        opportunity_id=other, original_id=one, state="offered", confidence=0.85, why="."
    )
    people = [user_of(f"Person{n}", "ops") for n in range(THREADS)]

    def press(n: int) -> str:
        act = (duplicates.confirm, duplicates.decline)[n % 2]
        try:
            act(link_id=link.pk, by=people[n], at=NOW)
        except duplicates.AlreadySaid as told:
            return str(told)
        return act.__name__

    said = side_by_side(press, list(range(THREADS)))
    # A decline may come after a confirmation, which it takes back; after a decline nothing more is taken.
    assert said.count("decline") == 1
    assert said.count("confirm") <= 1
    link.refresh_from_db()
    assert (link.state, link.declined_by is None) == ("declined", False)


@pytest.mark.usefixtures("crowd")
def test_people_marking_each_as_the_others_repeat_close_no_circle() -> None:
    ids = leads(12 * THREADS)
    boss = user_of("Boss", "ops")

    def mark(pk: int) -> str:
        other = ids[ids.index(pk) ^ 1]  # its neighbour, which another thread marks at the same time
        try:
            duplicates.mark(opportunity_id=pk, original_id=other, by=boss, at=NOW)
        except duplicates.NoRepeat as refusal:
            return str(refusal)
        return "marked"

    assert side_by_side(mark, ids).count("marked") == len(ids) / 2
    assert [one for one in check_invariants().violations if one.guarantee == "nothing_repeats_itself"] == []


def test_suggestions_are_renewed_while_people_decide_edit_and_reprice(
    crowd: list[Rep], publish: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    """The sweep on two threads, people on the others: nobody waits in a circle, all numbers are right in the end."""
    Policy.objects.update(application="suggest")
    publish()
    ids = leads(60)
    for pk in ids:
        route(opportunity_id=pk)
    Rep.objects.filter(pk=crowd[0].pk).update(own_max_open=2)
    publish()
    account = Account.objects.create(name="Acme")
    Opportunity.objects.filter(pk__in=ids[::4]).update(account=account)
    omar = user_of("Omar", "ops")

    def act(n: int) -> None:
        kind, pk = n % THREADS, ids[n % len(ids)]
        item = QueueItem.objects.filter(opportunity=pk, state="pending").first()
        if kind < 2:
            renew_suggestions(at=NOW)
        elif kind == 2 and item is not None and item.rep_id is not None:
            with contextlib.suppress(AlreadyDecided):
                approve(item_id=item.pk, by=omar, at=NOW)
        elif kind == 3 and item is not None and item.rep_id is not None:
            with contextlib.suppress(AlreadyDecided):
                reject(item_id=item.pk, by=omar, at=NOW)
        elif kind == 4:
            with transaction.atomic(), many_at_once():
                Opportunity.objects.filter(pk__in=ids[:20]).order_by("pk").update(value_base=1000 + n)
                recount_loads()
        elif kind == 5:
            Account.objects.filter(pk=account.pk).update(owner=crowd[n % 5])
        else:
            update_opportunity(opportunity_id=pk, values={"value": 5000 + n})

    side_by_side(act, list(range(6 * THREADS)))
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert check_invariants().violations == []
    for _ in range(3):
        renew_suggestions(at=NOW)
    assert renew_suggestions(at=NOW) == Renewed(0, 0)
    assert check_invariants().violations == []
    suggested = QueueItem.objects.filter(kind="suggestion", state="pending")
    for rep in Rep.objects.all():
        worth = suggested.filter(rep=rep).aggregate(worth=Sum("opportunity__value_base"))["worth"]
        assert rep.pending_value == (worth or 0)
