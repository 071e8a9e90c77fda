"""Who works now: hours by the clock on the wall, nights, public holidays and closing days; and policies that ask."""

import datetime
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Opportunity
from reps.engine.holidays import countries, country_code, public_holidays, subdivisions
from reps.models import ClosingDay, Rep, User
from reps.services.profiles import save_rep
from routing.engine.roster import works_now
from routing.models import Decision, Policy
from routing.queries.explanations import explain
from routing.queries.live import load_live
from routing.queries.state import load_state
from routing.services.decisions import route

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NIGHTS = {"fri": [["22:00", "06:00"]], "mon": [["00:00", "24:00"]]}
DAYS = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "works"),
    [
        ("2026-03-06T21:59", False),  # a Friday
        ("2026-03-06T22:00", True),
        ("2026-03-07T05:59", True),
        ("2026-03-07T06:00", False),
        ("2026-03-06T03:00", False),  # of Thursday's night, which is none
        ("2026-03-09T23:59", True),
        ("2026-03-10T00:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment: str, works: bool) -> None:
    assert works_now(NIGHTS, at(moment)) is works


def test_a_day_off_takes_the_night_that_begins_on_it() -> None:
    friday = datetime.date(2026, 3, 6)
    assert not works_now(NIGHTS, at("2026-03-06T23:00"), {friday})
    assert not works_now(NIGHTS, at("2026-03-07T02:00"), {friday})
    assert works_now(NIGHTS, at("2026-03-07T02:00"), {friday + datetime.timedelta(days=1)})


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_hours_follow_the_wall_clock_on_days_of_23_and_25_hours(day: str) -> None:
    hours = {"sun": [["09:00", "17:00"]]}
    for utc_hour in range(24):
        moment = datetime.datetime.fromisoformat(f"{day}T{utc_hour:02}:30+00:00").astimezone(BERLIN)
        assert works_now(hours, moment) is (9 <= moment.hour < 17)


def test_public_holidays_differ_by_state() -> None:
    first, last = datetime.date(2026, 11, 1), datetime.date(2026, 12, 26)
    assert public_holidays("DE", "BY", first, last) == {
        datetime.date(2026, 11, 1): "All Saints' Day",
        datetime.date(2026, 12, 25): "Christmas Day",
        datetime.date(2026, 12, 26): "Second Day of Christmas",
    }
    assert list(public_holidays("DE", "BE", first, last)) == [datetime.date(2026, 12, 25), last]
    assert public_holidays("Atlantis", "", first, last) == {}
    assert subdivisions("DE")["BY"] == "Bayern"
    assert countries()["US"] == "United States"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Germany", "DE"),
        ("de", "DE"),
        ("DEU", "DE"),
        ("UK", "GB"),
        ("USA", "US"),
        ("Europe", ""),
        ("", ""),
        ("N/A", ""),
    ],
)
def test_a_country_is_told_by_its_name_where_that_is_clear(text: str, code: str) -> None:
    assert country_code(text) == code


# --- the router ------------------------------------------------------------------------------------------------------


@pytest.fixture
def wants_working_now(publish: Callable[[], int]) -> None:
    Policy.objects.update(application="assign", needs_working_now=True, fallback=["round_robin", "hold"])
    publish()


def place(rep: Rep, **fields: Any) -> Rep:
    for name, value in ({"time_zone": "Europe/Berlin", "working_hours": DAYS} | fields).items():
        setattr(rep, name, value)
    rep.save()
    return rep


def decide(opportunity: Opportunity, moment: datetime.datetime) -> Decision:
    route(opportunity_id=opportunity.pk, at=moment)
    return Decision.objects.filter(opportunity=opportunity).latest("pk")


def test_who_works_now_gets_it_and_on_a_holiday_the_other(
    ana: Rep, bo: Rep, make_opportunity: Callable[..., Opportunity], wants_working_now: None
) -> None:
    place(ana, country="DE", subdivision="BY")
    place(bo, country="DE", subdivision="BE", working_hours=DAYS | {"fri": []})
    thursday = at("2026-06-04T10:00")  # Corpus Christi, in Bavaria only
    assert decide(make_opportunity("A", industry="Healthcare"), at("2026-06-03T10:00")).rep == ana
    on_holiday = decide(make_opportunity("B", industry="Healthcare"), thursday)
    assert on_holiday.rep == bo
    assert any("1 outside working hours" in line.sentence for line in explain(on_holiday).lines)
    assert decide(make_opportunity("C"), at("2026-06-05T10:00")).rep == ana
    assert explain(on_holiday).rep_name == "Bo"  # decided again from what was stored


def test_nobody_at_work_leads_to_the_fallback_with_a_sentence(
    ana: Rep, bo: Rep, make_opportunity: Callable[..., Opportunity], wants_working_now: None
) -> None:
    place(ana)
    place(bo)
    decision = decide(make_opportunity(), at("2026-06-03T20:00"))
    assert decision.rep is None
    sentences = " ".join(line.sentence for line in explain(decision).lines)
    assert "2 outside working hours" in sentences
    assert "nobody is left" in sentences
    assert "held in the queue until somebody can take it" in sentences


def test_a_holiday_is_no_absence(
    ana: Rep, make_opportunity: Callable[..., Opportunity], assign_at_once: None
) -> None:
    place(ana, country="DE")
    assert decide(make_opportunity(), at("2026-12-25T10:00")).rep == ana


@pytest.mark.django_db
def test_closing_days_and_the_local_date_count_at_once(ana: Rep, bo: Rep, omar: User) -> None:
    """The roster is cached by the day in UTC; Auckland's is another one for half of it."""
    always = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    place(ana, time_zone="Pacific/Auckland", working_hours=always, country="NZ")
    place(bo, time_zone="America/Los_Angeles", working_hours=always, country="US")

    def working(text: str) -> list[bool]:
        moment = datetime.datetime.fromisoformat(text)
        return [bool(works) for works in load_state(load_live(moment), moment).works_now]

    assert working("2026-12-24T12:30+00:00") == [False, True]  # already the 25th there
    assert working("2026-12-26T05:00+00:00") == [False, False]  # Boxing Day; still the 25th in Los Angeles
    assert working("2026-12-29T10:00+00:00") == [True, True]
    closing = ClosingDay.objects.create(
        name="Inventory",
        first_day=datetime.date(2026, 12, 29),
        last_day=datetime.date(2026, 12, 29),
        country="US",
    )
    assert working("2026-12-29T10:00+00:00") == [True, False]
    closing.delete()
    assert working("2026-12-29T10:00+00:00") == [True, True]
    ana.subdivision = "AUK"
    save_rep(rep=ana, by=omar)
    assert working("2026-12-29T10:00+00:00") == [True, True]


def test_the_profile_offers_states_of_its_country_and_says_what_is_none(
    ana: Rep, ben: User, as_user: Callable[[User], Client]
) -> None:
    from tests.reps.test_views import rep_form

    ana.country = "Westeros"
    ana.save()
    browser = as_user(ben)
    assert (
        "Westeros (not a country that we know)"
        in browser.get(reverse("rep_edit", args=[ana.pk])).content.decode()
    )
    assert "not a country that we know" in browser.get(reverse("rep", args=[ana.pk])).content.decode()
    form = rep_form(ana) | {"country": "DE", "subdivision": "BY", "hours_fri": "22:00-6:00"}
    assert browser.post(reverse("rep_edit", args=[ana.pk]), form).status_code == 302
    ana.refresh_from_db()
    assert (ana.country, ana.subdivision, ana.working_hours["fri"]) == ("DE", "BY", [["22:00", "06:00"]])
    assert "Germany, Bayern" in browser.get(reverse("rep", args=[ana.pk])).content.decode()
    browser.post(reverse("rep_edit", args=[ana.pk]), rep_form(ana) | {"country": "FR", "subdivision": "BY"})
    ana.refresh_from_db()
    assert (ana.country, ana.subdivision) == ("FR", "")


def test_policies_offer_it(omar: User, as_user: Callable[[User], Client]) -> None:
    page = as_user(omar).get(reverse("policy", args=[Policy.objects.first().pk])).content.decode()
    assert "Only reps within their working hours" in page
