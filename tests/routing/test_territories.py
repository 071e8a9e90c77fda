"""Territories: their page, what falls in none or in several, and the table of them."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.engine.spoken import joined
from crm.models import Opportunity
from reps.models import Rep, Team, User
from routing.queries.coverage import coverage_page
from routing.queries.territories import TerritoryLine, territory_lines
from territories.models import Coverage, Territory
from tests.conftest import user_of

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Make = Callable[..., Opportunity]
URL, COVERAGE = "/territories/", "/analytics/coverage/"


def is_(field: str, value: object) -> dict[str, Any]:
    return {"field": field, "op": "is", "value": value}


@pytest.fixture
def now() -> datetime.datetime:
    return timezone.now()


@pytest.fixture
def make(make_opportunity: Make, now: datetime.datetime) -> Make:
    def made(name: str, **values: Any) -> Opportunity:
        return make_opportunity(name, at=now - datetime.timedelta(days=30), **values)

    return made


@pytest.fixture
def us(east: Team, ana: Rep) -> Territory:
    us = Territory.objects.create(name="America", condition=is_("country", "US"))
    Coverage.objects.create(territory=us, team=east)
    return us


@pytest.fixture
def texas(us: Territory) -> Territory:
    return Territory.objects.create(name="Texas", parent=us, condition=is_("region", "Texas"))


def lines_of(omar: User, now: datetime.datetime) -> dict[str, TerritoryLine]:
    return {line.territory.name: line for line in territory_lines(user=omar, now=now)}


def warnings_of(line: TerritoryLine) -> list[str]:
    return [warned.text for warned in line.warnings]


# --- the page -------------------------------------------------------------------------------------------------------


def test_parents_stand_before_their_children_and_the_most_specific_wins(
    omar: User, texas: Territory, make: Make, now: datetime.datetime
) -> None:
    Territory.objects.create(name="Abroad", condition={"none": [is_("country", "US")]})
    for i in range(3):
        make(f"Texan {i}", country="US", region="Texas")
    make("Ohioan", country="us", region="Ohio")
    make("Elsewhere", country="Mexico", region="Texas")
    found = territory_lines(user=omar, now=now)
    assert [(line.territory.name, line.indent, line.got) for line in found] == [
        ("Abroad", 0, 1),
        ("America", 0, 1),
        ("Texas", 1, 3),
    ]
    assert joined(found[1].sentence) == "country is US"
    assert (found[2].through, found[2].warnings) == ("America", ())
    assert warnings_of(found[0]) == ["Nobody covers it today."]


def test_who_covers_it_is_told_with_dates(
    omar: User, us: Territory, texas: Territory, bo: Rep, now: datetime.datetime
) -> None:
    today = now.date()
    Coverage.objects.create(territory=texas, rep=bo, ends_on=today - datetime.timedelta(days=1))
    line = lines_of(omar, now)["Texas"]
    assert [(cover.who, cover.is_now) for cover in line.covers] == [("Bo", False)]
    assert line.covers[0].dates.startswith("until ")
    assert line.through == "America"
    Coverage.objects.create(territory=texas, rep=bo, starts_on=today, ends_on=today)
    assert lines_of(omar, now)["Texas"].through == ""


def test_an_overlap_is_told_on_both_sides_with_an_example(
    omar: User, us: Territory, east: Team, make: Make, now: datetime.datetime
) -> None:
    health = Territory.objects.create(name="Health", condition=is_("industry", "Healthcare"))
    Coverage.objects.create(territory=health, team=east)
    both = make("Clinic", country="US", industry="Healthcare")
    make("Bank", country="US", industry="Banking")
    found = lines_of(omar, now)
    said = "1 opportunity matches both. Where both are the most specific, "
    assert warnings_of(found["America"]) == [
        f"Overlaps with Health: {said}this one wins: it is more specific."
    ]
    assert warnings_of(found["Health"]) == [
        "It got no opportunity in the past 12 months.",
        f"Overlaps with America: {said}America wins: it is more specific.",
    ]
    assert found["Health"].warnings[1].example == both.pk


def test_what_is_wrong_with_a_territory_is_told(
    omar: User, us: Territory, west: Team, bo: Rep, now: datetime.datetime
) -> None:
    off = Territory.objects.create(name="Off", is_active=False)
    Territory.objects.create(name="Within", parent=off)
    Coverage.objects.create(territory=us, team=west)
    Coverage.objects.create(territory=us, rep=bo)
    Rep.objects.filter(pk=bo.pk).update(left_at=now)
    Territory.objects.create(name="Broken", condition=is_("custom.gone", "x"))
    found = lines_of(omar, now)
    assert (found["Off"].off, found["Off"].warnings) == ("off", ())
    assert found["Within"].off == "off with Off"
    assert warnings_of(found["Within"]) == ["Off, around it, is off, so nothing falls in here."]
    assert warnings_of(found["America"]) == [
        "Bo has left.",
        "Nobody is in team West.",
        "It got no opportunity in the past 12 months.",
    ]
    assert "there is no field “custom.gone”" in warnings_of(found["Broken"])[0]


def test_a_circle_breaks_no_page(as_user: SignIn, omar: User, texas: Territory, us: Territory) -> None:
    Territory.objects.filter(pk=us.pk).update(parent=texas)
    page = as_user(omar).get(URL).content.decode()
    assert page.count("It lies inside itself; change its parent.") == 2
    assert as_user(omar).get(COVERAGE).status_code == 200


@pytest.mark.parametrize("role", ["ops", "manager", "analyst", "admin"])
def test_every_role_but_reps_reads(as_user: SignIn, role: str, texas: Territory, make: Make) -> None:
    make("Texan", country="US", region="Texas")
    client = as_user(user_of("Somebody", role))
    page = client.get(URL).content.decode()
    assert 'country is <b class="marked">US</b>' in page
    assert "covered through America" in page
    assert client.get(COVERAGE).status_code == 200


def test_reps_do_not_read(as_user: SignIn, ana: Rep) -> None:
    assert ana.user is not None
    client = as_user(ana.user)
    for url in (URL, COVERAGE, f"{URL}export.csv"):
        assert client.get(url).status_code == 403


def test_no_territories_is_said(as_user: SignIn, omar: User) -> None:
    assert "Everybody may get everything." in as_user(omar).get(URL).content.decode()


def test_the_number_of_queries_does_not_grow(
    omar: User, east: Team, ana: Rep, make: Make, now: datetime.datetime, django_assert_num_queries: Any
) -> None:
    for count in (1, 29):
        for i in range(count):
            name = f"Territory {count} {i}"
            made = Territory.objects.create(name=name, condition=is_("industry", f"Kind {i}"))
            Coverage.objects.create(territory=made, team=east)
            Coverage.objects.create(territory=made, rep=ana)
            make(f"Lead {count} {i}", industry=f"Kind {i}")
        with django_assert_num_queries(9 if count == 29 else 8):  # the names of examples
            territory_lines(user=omar, now=now)
        with django_assert_num_queries(7 if count == 29 else 6):
            coverage_page(user=omar, first=now - datetime.timedelta(days=365), last=now)


# --- coverage -------------------------------------------------------------------------------------------------------


def test_gaps_and_ties_are_counted_where_they_are(
    as_user: SignIn, omar: User, us: Territory, texas: Territory, make: Make, now: datetime.datetime
) -> None:
    Territory.objects.create(name="Health", condition=is_("industry", "Healthcare"))
    make("In one", country="US", region="Texas", source="Web")
    make("Deeper wins", country="US", region="Texas", industry="Healthcare", source="Web")
    make("Tied", country="US", region="Ohio", industry="Healthcare", source="Event")
    outside = [make(f"Outside {i}", country="France", industry="Energy", source="Web") for i in range(2)]
    page = coverage_page(user=omar, first=now - datetime.timedelta(days=365), last=now)
    assert (page.total, page.none, page.one, page.tied) == (5, 2, 2, 1)
    assert [(pair.winner, pair.other, pair.count) for pair in page.pairs] == [("America", "Health", 1)]
    lines = {
        part.label: [(one.name, one.none, one.tied, one.total) for one in part.lines] for part in page.parts
    }
    assert lines == {
        "Country and region": [("FR", 2, 0, 2), ("US, Ohio", 0, 1, 1)],
        "Source": [("Web", 2, 0, 4), ("Event", 0, 1, 1)],
        "Industry": [("Energy", 2, 0, 2), ("Healthcare", 0, 1, 2)],
    }
    assert page.parts[0].lines[0].examples == ((outside[1].pk, "Outside 1"),)
    html = as_user(omar).get(COVERAGE).content.decode()
    assert "everybody may get them" in html
    assert f"/opportunities/{outside[1].pk}/" in html


def test_the_period_is_in_the_address(as_user: SignIn, omar: User, us: Territory, make: Make) -> None:
    make("Somewhere", country="France")
    client = as_user(omar)
    empty = client.get(COVERAGE, {"first": "2001-01-01", "last": "2001-12-31"}).content.decode()
    assert "Nothing came in during these days" in empty
    assert "2001-12-31" in empty
    assert "Somewhere" in client.get(COVERAGE, {"first": "soon", "last": "0001-01-01"}).content.decode()


def test_a_manager_is_shown_no_example_of_another_team(
    as_user: SignIn, ben: User, cara: Rep, us: Territory, make: Make
) -> None:
    Opportunity.objects.filter(pk=make("Of the west", country="France").pk).update(
        owner=cara, routing="assigned"
    )
    page = as_user(ben).get(COVERAGE).content.decode()
    assert "FR" in page
    assert "Of the west" not in page
