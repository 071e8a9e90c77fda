"""Reports and alarms in a browser: accessible, within a phone, and a way from a line to where one acts."""

import datetime
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from analytics.models import Alarm, Report
from analytics.services.reports import make_report
from reps.models import OverCapacity, Rep, User
from routing.engine.notices import Slot
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(ana: Rep, ben: User, omar: User) -> None:
    """A daily report with something to do, a weekly one, and an alarm."""
    now = timezone.now()
    Rep.objects.filter(pk=ana.pk).update(load=12)
    OverCapacity.objects.create(rep=ana, began_at=now - datetime.timedelta(days=2), load=12, max_open=10)
    people = [{"rep": ana.pk, "text": "−20 points"}]
    candidate = {
        "title": "Profiles out of date", "text": "1 of 1.", "speaks": True, "url": "/reps/", "action": "Open",
        "people": people,
    }  # fmt: skip
    evidence = {"said": "It fell.", "candidates": [candidate]}
    Alarm.objects.create(kind="lift_turned", began_at=now, evidence=evidence)
    for user, kind in ((ben, Report.Kind.DAILY), (omar, Report.Kind.WEEKLY)):
        make_report(user=user, kind=kind, slot=Slot(now, now.date()), at=now)


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_are_accessible_and_fit(
    open_page: OpenPage, ben: User, omar: User, told: None, width: int, dark: bool
) -> None:
    wrong = {}
    for user in (ben, omar):
        page = open_page(user, width=width, dark=dark)
        report = Report.objects.get(user=user)
        for address in ("reports/", f"reports/{report.pk}/", "alarms/"):
            page.goto(f"/analytics/{address}")
            found = [
                (one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]
            ]
            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if found or too_wide > 0:
                wrong[user.name, address] = (found, too_wide)
    assert wrong == {}


def test_a_line_leads_to_where_one_acts(open_page: OpenPage, ben: User, told: None) -> None:
    page = open_page(ben)
    page.goto("/analytics/reports/")
    page.locator("ul.lines a.name").click()
    expect(page.get_by_role("heading", name="1 rep over capacity")).to_be_visible()
    page.get_by_role("link", name="Ana: 12 of 10 open").click()
    expect(page.locator("h1")).to_contain_text("Ana")


def test_an_alarm_is_seen_without_scripts(open_page: OpenPage, omar: User, told: None) -> None:
    page = open_page(omar, script=False)
    page.goto("/analytics/alarms/")
    page.get_by_role("button", name="I have seen it").click()
    expect(page.get_by_text("seen by Omar")).to_be_visible()
