"""Loads at the end of each day: counted back at first, then day by day, as the assignments say."""

import datetime
from collections.abc import Callable

import pytest

from analytics.models import RepDay
from analytics.services.loads import keep_loads
from crm.models import Assignment, Opportunity
from reps.models import Organisation, Rep, User
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
TODAY = NOW.date()


@pytest.fixture
def owned(omar: User) -> Callable[..., Assignment]:
    """An assignment from so many days ago until so many days ago, ended or closed."""

    def make(rep: Rep, start: float, end: float | None = None, *, closes: bool = False) -> Assignment:
        begun = NOW - start * DAY
        over = None if end is None else NOW - end * DAY
        stage = "won" if closes else "open"
        opportunity = Opportunity.objects.create(
            name="Lead", owner=rep, assigned_at=begun, stage=stage, closed_at=over if closes else None
        )
        return Assignment.objects.create(
            opportunity=opportunity, rep=rep, source="person", assigned_by=omar, assigned_at=begun,
            ended_at=None if closes else over,
        )  # fmt: skip

    return make


def loads(rep: Rep) -> dict[int, int]:
    """Days ago → load."""
    rows = RepDay.objects.filter(rep=rep).values_list("day", "load")
    return {(TODAY - day).days: load for day, load in rows}


def test_counts_back_to_the_first_assignment(ana: Rep, bo: Rep, owned: Callable[..., Assignment]) -> None:
    owned(ana, 6)
    owned(ana, 5, 3)
    owned(ana, 4, 2, closes=True)
    owned(ana, 3, 3 - 1 / 24)  # gone within the day
    keep_loads(today=TODAY)
    assert loads(ana) == {6: 1, 5: 2, 4: 3, 3: 2, 2: 1, 1: 1}
    assert loads(bo) == dict.fromkeys(range(1, 7), 0)
    assert set(RepDay.objects.values_list("is_counted_back", "max_open")) == {(True, 10)}


def test_adds_the_days_that_are_over(ana: Rep, owned: Callable[..., Assignment]) -> None:
    owned(ana, 3)
    keep_loads(today=TODAY - DAY)
    owned(ana, 1)
    assert keep_loads(today=TODAY) == 1
    assert keep_loads(today=TODAY) == 0
    assert loads(ana) == {3: 1, 2: 1, 1: 2}
    assert not RepDay.objects.get(rep=ana, day=TODAY - DAY).is_counted_back


def test_a_day_ends_where_the_organisation_is(ana: Rep, owned: Callable[..., Assignment]) -> None:
    Organisation.objects.update(time_zone="Pacific/Auckland")  # 13 hours ahead: noon is the next day already
    owned(ana, 2)
    keep_loads(today=TODAY)
    assert loads(ana) == {1: 1}


def test_who_has_left_is_not_counted_after(ana: Rep, owned: Callable[..., Assignment]) -> None:
    owned(ana, 5, 2)
    Rep.objects.filter(pk=ana.pk).update(left_at=NOW - 2 * DAY)
    keep_loads(today=TODAY)
    assert set(loads(ana)) == {5, 4, 3}


def test_nothing_happened_nothing_is_written(ana: Rep) -> None:
    assert keep_loads(today=TODAY) == 0
