"""Territories, their import and what falls in none, in a browser: accessible, within the window, without scripts."""

import datetime
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from crm.models import Opportunity
from reps.models import Rep, Team, User
from territories.models import Coverage, Territory
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
FILE = FilePayload(
    name="territories.csv",
    mimeType="text/csv",
    buffer=b"name,parent,postal,coverage\nNorth,America,10000-19999; 2*,team:East\n",
)


@pytest.fixture
def market(
    transactional_db: None, ana: Rep, east: Team, make_opportunity: Callable[..., Opportunity]
) -> None:
    us = Territory.objects.create(
        name="America", condition={"field": "country", "op": "is", "value": "US"}, note="Sales on the ground"
    )
    texas = {"field": "region", "op": "in", "value": ["Texas", "Oklahoma"]}
    Territory.objects.create(name="Texas", parent=us, condition=texas)
    health = {"field": "industry", "op": "is", "value": "Healthcare"}
    Territory.objects.create(name="Health", condition=health)
    Territory.objects.create(name="Paused", is_active=False, condition=health)
    Coverage.objects.create(territory=us, team=east)
    Coverage.objects.create(territory=us, rep=ana, ends_on=datetime.date(2026, 1, 31))
    at = timezone.now() - datetime.timedelta(days=20)
    for country, industry in (("US", "Healthcare"), ("France", "Energy"), ("US", "Energy")):
        make_opportunity(f"{industry} in {country}", country=country, industry=industry, source="Web", at=at)


def preview(page: Page) -> None:
    page.goto("/territories/import/")
    page.locator('input[type="file"]').set_input_files([FILE])
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_text("would be added")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_every_page_is_accessible_and_fits(
    open_page: OpenPage, omar: User, market: None, width: int, dark: bool
) -> None:
    page = open_page(omar, width=width, dark=dark)
    wrong = {}
    for address in ("/territories/", "/analytics/coverage/", "/territories/import/", "preview"):
        if address == "preview":
            preview(page)
        else:
            page.goto(address)
        for details in page.locator("details:not(.menu)").all():
            details.evaluate("one => one.open = true")
        found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[address] = (found, too_wide)
    assert wrong == {}


def test_a_file_is_imported_without_scripts(open_page: OpenPage, omar: User, market: None) -> None:
    page = open_page(omar, script=False)
    preview(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("1 added, 0 changed")).to_be_visible()
    expect(page.get_by_text("postal code is from 10000 to 19999")).to_be_visible()
