"""Analytics › Routing in a browser: charts under the strict policy, a phone, filters in the address, what is behind."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from reps.models import Rep, User
from tests.analytics.facts import make_fact
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def history(transactional_db: None, omar: User, ana: Rep, bo: Rep) -> None:
    for n in range(6):
        rep, score = (ana, bo)[n % 2], (85, 30)[n % 2]
        make_fact(
            "assigned",
            rep=rep,
            days_ago=3 + 7 * (n // 3),
            score=score,
            hit=True,
            seconds=100 + 90 * n,
            source="Web",
        )
        make_fact("closed", rep=rep, days_ago=3 + 7 * (n // 3), score=score, hit=n % 3 == 0, source="Web")
        make_fact("judged", rep=rep, days_ago=3 + 7 * (n // 3), score=score, hit=n == 0)
        make_fact("routed", rep=rep, days_ago=3 + 7 * (n // 3), score=score, hit=n % 4 > 0)


def drawn(page: Page, key: str = "scores") -> None:
    page.locator(f"#{key}").evaluate("one => one.scrollIntoView()")
    expect(page.locator(f"#{key} .main-svg").first).to_be_visible(timeout=20_000)


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_is_accessible_and_fits(
    open_page: OpenPage, omar: User, history: None, width: int, dark: bool
) -> None:
    page = open_page(omar, width=width, dark=dark)
    wrong = {}
    for address in ("", "opportunities/?event=closed"):
        page.goto(f"/analytics/routing/{address}")
        if not address:
            drawn(page)
        for details in page.locator("details:not(.menu)").all():
            details.evaluate("one => one.open = true")
        found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[address] = (found, too_wide)
    assert wrong == {}


def test_a_bar_opens_the_opportunities_behind_it(open_page: OpenPage, omar: User, history: None) -> None:
    page = open_page(omar)
    page.goto("/analytics/routing/")
    drawn(page)
    box = page.locator("#scores .point path").nth(8).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 - 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#scores .hovertext")).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"/analytics/routing/opportunities/\?event=assigned&bins=8"))
    expect(page.locator("table tbody tr")).to_have_count(3)
    page.go_back()
    expect(page.locator("h1")).to_have_text("Analytics · Routing")


def test_a_filter_goes_into_the_address(open_page: OpenPage, omar: User, ana: Rep, history: None) -> None:
    page = open_page(omar)
    page.goto("/analytics/routing/")
    page.locator("select[name=rep]").select_option(label="Ana")
    expect(page).to_have_url(re.compile(rf"rep={ana.pk}"))
    expect(page.locator(".metric .big").first).to_have_text("85")


def test_tells_everything_without_scripts(open_page: OpenPage, omar: User, history: None) -> None:
    page = open_page(omar, script=False)
    page.goto("/analytics/routing/?source=Web")
    expect(page.locator(".metric .big").first).to_have_text("58")
    expect(page.get_by_role("table").first).to_be_visible()
