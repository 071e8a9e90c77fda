"""The queue's orders: each from its index, and following its leads."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Opportunity
from reps.models import Rep, User
from reps.queries.pages import page_of
from routing.engine.order import points
from routing.models import QueueItem
from routing.queries.queue import ORDERS, queue_counts, queue_visible_to
from routing.services.decisions import route

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
INDEXES = {
    "": "queue_item_waiting",
    "points": "queue_item_by_points",
    "due": "queue_item_by_due",
    "newest": "queue_item_waiting",
    "value": "queue_item_by_value",
    "score": "queue_item_by_score",
    "lead_score": "queue_item_by_lead_score",
}


@pytest.fixture
def three(ana: Rep, bo: Rep, make_opportunity: Make) -> list[QueueItem]:
    leads = [make_opportunity(f"Lead {n}", industry="Healthcare", value=n * 1000) for n in (2, 3, 1)]
    for lead in leads:
        route(opportunity_id=lead.pk)
    return [QueueItem.objects.get(opportunity=lead) for lead in leads]


@pytest.mark.parametrize("order", ORDERS)
def test_every_page_comes_from_the_orders_index(order: str, three: list[QueueItem], omar: User) -> None:
    """First page, the next and the one before; the planner may neither sort nor read the whole table."""
    _, key, descending = ORDERS[order]
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "incremental_sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    rows = queue_visible_to(omar)
    with CaptureQueriesContext(connection) as asked:
        first = page_of(rows, key=key, descending=descending, size=1)
        second = page_of(rows, key=key, descending=descending, size=1, cursor=first.after)
        page_of(rows, key=key, descending=descending, size=1, cursor=second.before)
    pages = [query["sql"] for query in asked.captured_queries if "ORDER BY" in query["sql"]]
    assert len(pages) == 3
    for page in pages:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {page}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert f"using {INDEXES[order]} on" in plan
        assert "Sort" not in plan


def test_a_lead_that_changes_moves(three: list[QueueItem], omar: User) -> None:
    _, key, descending = ORDERS["value"]
    assert [item.value for item in page_of(queue_visible_to(omar), key=key, descending=descending).rows] == [
        Decimal(3000), Decimal(2000), Decimal(1000),
    ]  # fmt: skip
    Opportunity.objects.filter(pk=three[2].opportunity_id).update(
        value_base=9000, lead_score=80, urgency="now"
    )
    first = page_of(queue_visible_to(omar), key=key, descending=descending).rows[0]
    assert (first.pk, first.lead_score, first.order_points) == (three[2].pk, 80, points(80, "now", 9000.0))


@pytest.mark.parametrize("lead_score", [None, 0, 63])
@pytest.mark.parametrize("urgency", ["", "now", "quarter", "later"])
@pytest.mark.parametrize("value", [None, 0, 1000, 1234.56, 99_999, 50_000_000])
def test_the_database_counts_points_as_the_engine_does(
    lead_score: int | None, urgency: str, value: float | None
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT routing_order_points(%s::int, %s, %s::numeric)", [lead_score, urgency, value])
        assert cursor.fetchone()[0] == pytest.approx(points(lead_score, urgency, value), abs=1e-9)


def test_a_new_item_has_what_it_is_ordered_by(three: list[QueueItem]) -> None:
    item = three[0]
    assert (item.score, item.value) == (item.decision.score, Decimal(2000))
    assert item.score > 50


def test_kinds_are_counted(three: list[QueueItem], omar: User, ben: User, nia: User) -> None:
    counted = {"suggestion": "3", "held": "0", "manager": "0"}
    assert queue_counts(omar) == counted
    assert queue_counts(ben) == counted
