"""The team's board: what it says of each rep, filters and order, and the same few queries for 5 reps and for 500."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.models import Opportunity
from reps.models import Absence, OverCapacity, Rep, Team, User
from reps.queries import reps_visible_to
from routing.queries.board import load_board
from routing.services import overrides
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
SignIn = Callable[[User], Client]
QUERIES = 7  # reps, organisation, assignments of the week, absences, episodes, closing days


def names(omar: User, **asked: Any) -> list[str]:
    return [row.rep.name for row in load_board(reps_visible_to(omar), now=NOW, **asked).rows]


def test_says_of_each_rep_what_there_is(
    ana: Rep, bo: Rep, omar: User, make_opportunity: Callable[..., Opportunity]
) -> None:
    leads = [make_opportunity(f"Lead {n}").pk for n in range(3)]
    overrides.reassign(opportunity_ids=leads, rep_id=ana.pk, by=omar, at=NOW - DAY)
    Rep.objects.filter(pk=ana.pk).update(own_max_open=2, own_max_new_per_week=5)
    OverCapacity.objects.create(rep=ana, began_at=NOW - HOUR, load=3, max_open=2)
    Absence.objects.create(rep=bo, starts_at=NOW - DAY, ends_at=NOW + DAY, covering=ana)
    Absence.objects.create(rep=bo, starts_at=NOW - DAY, ends_at=NOW + 3 * DAY)
    Absence.objects.create(rep=ana, starts_at=NOW + DAY, ends_at=NOW + 2 * DAY)
    shown = load_board(reps_visible_to(omar), now=NOW)
    first, second = shown.rows
    assert (first.rep, first.band.label, first.week, first.week_left) == (ana, "over capacity", 3, 2)
    assert (first.room, first.over_since) == (0, NOW - HOUR)
    assert first.next_away is not None
    assert first.away is None
    assert second.away is not None
    assert second.away.ends_at == NOW + 3 * DAY  # the longer of two that overlap
    assert (second.room, second.room_now) == (10, 0)
    assert (shown.away, shown.away_soon, shown.load, shown.room) == (1, 1, 3, 0)
    assert shown.counts == {"over capacity": 1, "available": 1}


def test_working_now_is_by_the_reps_own_clock(make_rep: Callable[..., Rep], omar: User) -> None:
    make_rep("Oslo", time_zone="Europe/Oslo")  # Monday, 13:00
    make_rep("Tokyo", time_zone="Asia/Tokyo")  # Monday, 21:00
    make_rep("Off", time_zone="Europe/Oslo", working_hours={"mon": []})
    assert names(omar, state="working") == ["Oslo"]
    rows = load_board(reps_visible_to(omar), now=NOW, sort="name").rows
    assert [f"{row.local:%H:%M}" for row in rows] == ["13:00", "13:00", "21:00"]


def test_filters_and_orders(make_rep: Callable[..., Rep], west: Team, omar: User) -> None:
    make_rep("A", load=9)
    make_rep("B", load=2, team=west)
    make_rep("C", load=5)
    make_rep("Gone", left_at=NOW)
    Absence.objects.create(rep=Rep.objects.get(name="C"), starts_at=NOW - DAY)
    assert names(omar) == ["A", "C", "B"]
    assert names(omar, sort="name") == ["A", "B", "C"]
    assert names(omar, sort="room") == ["B", "A", "C"]
    assert names(omar, sort="back") == ["C", "A", "B"]
    assert names(omar, team=west) == ["B"]
    assert names(omar, state="near") == ["A"]
    assert names(omar, state="away") == ["C"]
    assert names(omar, state="room") == ["A", "B"]


def test_pages_of_roles(ana: Rep, cara: Rep, ben: User, omar: User, west: Team, as_user: SignIn) -> None:
    page = as_user(ben).get(reverse("board")).content.decode()
    assert "Ana" in page
    assert "Cara" not in page
    assert as_user(ben).get(reverse("team", args=[west.pk])).status_code == 404
    assert "Cara" in as_user(omar).get(reverse("team", args=[west.pk])).content.decode()
    assert ana.user is not None
    assert "Cara" not in as_user(ana.user).get(reverse("board")).content.decode()
    odd = as_user(omar).get(reverse("board"), {"team": "x", "state": "x", "sort": "x"})
    assert "Ana" in odd.content.decode()


@pytest.mark.parametrize("count", [5, 500])
def test_few_queries_whatever_the_number_of_reps(
    count: int, make_rep: Callable[..., Rep], omar: User, east: Team, ana: Rep
) -> None:
    Rep.objects.bulk_create(
        Rep(name=f"Rep {n:03}", team=east, role_template=ana.role_template, load=n % 12)
        for n in range(count - 1)
    )
    reps = list(Rep.objects.all())
    Absence.objects.bulk_create(
        Absence(rep=rep, starts_at=NOW - DAY, ends_at=NOW + DAY, covering=ana) for rep in reps if rep != ana
    )
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shown = load_board(reps_visible_to(omar), now=NOW)
        assert len(shown.rows) == count
        assert (
            sum(row.away is not None and str(row.away.covering) == "Ana" for row in shown.rows) == count - 1
        )
    assert len(queries) == QUERIES
