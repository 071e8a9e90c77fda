"""Repeats in a browser: what is said of them is readable and reachable, wide and on a phone."""

import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import DuplicateLink, Opportunity
from reps.models import Rep, User
from routing.models import QueueItem
from routing.services import overrides
from routing.services.intake import take_in
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
JO = {"name": "Jo Doe", "email": "jo@acme.example"}


@pytest.fixture
def asked(
    transactional_db: None, ana: Rep, bo: Rep, omar: User, publish: Callable[[], int]
) -> dict[str, Opportunity]:
    """What Bo works on, a sure repeat of it and a doubtful one."""
    publish()
    found = {}
    for name, product in (("Acme, analytics", "Analytics"), ("Again", "Analytics"), ("Support", "Support")):
        values = {"name": name, "product": product, "person": JO, "company": {"name": "Acme"}}
        found[name] = take_in(values=values, body=values, by=omar, at=timezone.now()).opportunity
        if product == "Analytics" and len(found) == 1:
            overrides.reassign(opportunity_ids=[found[name].pk], rep_id=bo.pk, by=omar, at=timezone.now())
    return found


def look(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("width", "dark"), [pytest.param(WIDE, False, marks=pytest.mark.slow), (PHONE, True)]
)
def test_pages_are_readable_in_both_themes(
    open_page: OpenPage, omar: User, asked: dict[str, Opportunity], width: int, dark: bool
) -> None:
    page = open_page(omar, width=width, dark=dark)
    page.set_default_timeout(20_000)  # five whole pages, the first of them with cold caches
    item = QueueItem.objects.get(opportunity=asked["Again"], state="pending")
    addresses = {name: f"/opportunities/{one.pk}/" for name, one in asked.items()}
    addresses |= {"queue": f"/queue/{item.pk}/", "list": "/opportunities/?repeats=yes"}
    for name, address in addresses.items():
        page.goto(address)
        look(page, f"{name.split(',')[0].lower()}-{width}")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert found.response["violations"] == [], (address, found.generate_report())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


@pytest.mark.parametrize("script", [True, False])
def test_a_doubtful_one_is_confirmed_with_and_without_scripts(
    open_page: OpenPage, omar: User, asked: dict[str, Opportunity], script: bool
) -> None:
    page = open_page(omar, script=script)
    page.goto(f"/opportunities/{asked['Support'].pk}/")
    expect(page.get_by_text("This may repeat")).to_be_visible()
    page.get_by_role("button", name="It repeats it").click()
    expect(page.get_by_text("Support repeats Acme, analytics. Bo is suggested.")).to_be_visible()
    page.get_by_role("button", name="Not a duplicate").click()
    expect(page.get_by_text("Support does not repeat Acme, analytics.")).to_be_visible()
    page.get_by_text("Mark as duplicate of…").click()
    page.get_by_label("Of the same account or contact").select_option(label="Acme, analytics (Bo)")
    page.get_by_role("button", name="Mark as duplicate").click()
    expect(page.get_by_role("button", name="Not a duplicate")).to_be_visible()
    states = DuplicateLink.objects.filter(opportunity=asked["Support"]).order_by("pk")
    assert [link.state for link in states] == ["declined", "confirmed"]
