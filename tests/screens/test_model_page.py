"""The model page in a browser: charts under the strict policy, both themes, a phone, the keyboard, without scripts."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from reps.models import Job, Rep, User
from routing.models import ModelVersion
from routing.services.training import open_training
from tests.routing.model_reports import learned
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def model(transactional_db: None, ana: Rep, bo: Rep) -> ModelVersion:
    return learned([ana, bo])


def drawn(page: Page) -> None:
    """Plotly is fetched when a chart comes near the window."""
    page.locator("#calibration").evaluate("one => one.scrollIntoView()")  # does not wait for a busy machine
    expect(page.locator("#calibration .main-svg").first).to_be_visible(timeout=20_000)
    expect(page.locator("#scores .main-svg").first).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_every_page_is_accessible_and_fits(
    open_page: OpenPage, omar: User, model: ModelVersion, width: int, dark: bool
) -> None:
    page = open_page(omar, width=width, dark=dark)
    addresses = [
        "", "1/", "history/", "2/segments/?category=industry", "settings/", "1/roll-back/", "checks/"
    ]  # fmt: skip
    wrong = {}
    for address in addresses:
        page.goto(f"/analytics/model/{address}")
        if not address:
            drawn(page)
        for details in page.locator("details:not(.menu)").all():
            details.evaluate("one => one.open = true")
        found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[address] = (found, too_wide)
    assert wrong == {}


def test_charts_follow_the_theme(open_page: OpenPage, nia: User, model: ModelVersion) -> None:
    page = open_page(nia)
    page.goto("/analytics/model/")
    drawn(page)
    line = page.locator("#calibration .scatterlayer .js-line").last
    light = line.evaluate("one => getComputedStyle(one).stroke")
    page.emulate_media(color_scheme="dark")
    expect(line).not_to_have_css("stroke", light)
    page.locator("[data-theme-choice]").select_option("light")
    expect(page.locator("#calibration .scatterlayer .js-line").last).to_have_css("stroke", light)


def test_a_chart_that_cannot_be_drawn_is_its_table(
    open_page: OpenPage, nia: User, model: ModelVersion
) -> None:
    page = open_page(nia)
    page.route("**/plotly.min*.js", lambda call: call.abort())
    page.goto("/analytics/model/")
    page.keyboard.press("End")
    expect(page.get_by_role("row", name=re.compile("71 % 74 %"))).to_be_visible()
    page.complaints.clear()  # type: ignore[attr-defined]  # the refused file was meant


def test_the_numbers_of_a_chart_are_a_click_away(open_page: OpenPage, nia: User, model: ModelVersion) -> None:
    page = open_page(nia)
    page.goto("/analytics/model/")
    expect(page.get_by_role("row", name=re.compile("71 % 74 %"))).to_be_hidden()
    page.locator("section", has=page.locator("#calibration")).get_by_text("Show as a table").click()
    expect(page.get_by_role("row", name=re.compile("71 % 74 %"))).to_be_visible()


def test_without_scripts_the_tables_are_there(open_page: OpenPage, omar: User, model: ModelVersion) -> None:
    page = open_page(omar, script=False)
    page.goto("/analytics/model/")
    expect(page.get_by_role("row", name=re.compile("71 % 74 %"))).to_be_visible()
    expect(page.locator("#calibration")).to_be_hidden()
    page.goto("/analytics/model/1/")
    page.get_by_role("link", name="Roll back to rules").click()
    page.get_by_label("Why").fill("Odd choices")
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("Rules decide")).to_be_visible()


def test_roll_back_by_keyboard(open_page: OpenPage, omar: User, model: ModelVersion) -> None:
    page = open_page(omar)
    page.goto("/analytics/model/1/")
    page.get_by_role("link", name="Roll back to rules").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("It takes effect with the next decision.")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.type("Odd choices")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Model 1 decides from now on.")).to_be_visible()


def test_training_tells_its_end_without_moving_the_page(
    open_page: OpenPage, omar: User, model: ModelVersion
) -> None:
    job = open_training(by=None)
    now = timezone.now()
    running = Job.objects.filter(pk=job.pk)
    running.update(state="running", stage="Fitting", done=2, total=7, started_at=now, heartbeat_at=now)
    page = open_page(omar)
    page.goto("/analytics/model/")
    expect(page.get_by_text("Fitting: 2 of 7")).to_be_visible()
    result = {"model": model.number, "state": "champion", "why": "It does as well."}
    running.update(state="done", result=result, finished_at=timezone.now())
    expect(page.get_by_text("The training is done.")).to_be_visible()
    expect(page.get_by_role("link", name="Show who decides")).to_be_visible()


def test_segments_narrow_while_typing(open_page: OpenPage, nia: User, model: ModelVersion) -> None:
    page = open_page(nia)
    page.goto("/analytics/model/2/segments/")
    rows = page.locator("#segments tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_role("searchbox").fill("ana")
    expect(rows).to_have_count(1)
    page.get_by_label("Kind of segment").select_option("industry")
    expect(rows).to_contain_text("Healthcare")
    expect(page).to_have_url(re.compile("q=ana&category=industry"))
    page.get_by_role("link", name="Win rate", exact=True).click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text(re.compile("Win rate"))
