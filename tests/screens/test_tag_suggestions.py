"""Suggested tags in a browser: accessible on every width, decided by mouse and by keys, undone, and without script."""

import os
from collections.abc import Callable
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from reps.models import Rep, TagReview, TagSuggestion, User
from tests.conftest import NOW
from tests.routing.test_tag_reviews import suggestion_of
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
LIST = "/reps/suggested-tags/"
MakeRep = Callable[..., Rep]
TOO_WIDE = """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def suggestions(transactional_db: None, make_rep: MakeRep, ana: Rep, bo: Rep) -> list[TagSuggestion]:
    """Two for Bo, and one each for Ana (to remove) and for a rep with a long name."""
    reverse("rules")  # loads every page, which would take its time within the first one
    found = TagReview.objects.create(
        trigger="schedule", at=NOW, window_start=NOW, deals=1204, reps=31, pairs=812
    )
    long = make_rep("Maximiliana Hohenlohe-Bartenstein von Thurn")
    size = {"kind": "deal_size", "name": "10,000 to 50,000", "low": 10_000, "high": 50_000}
    return [
        suggestion_of(bo, review=found),
        suggestion_of(
            bo, review=found, sentence="won 12 of 20 deals of 10,000 to 50,000 in 12 months", **size
        ),
        suggestion_of(ana, review=found, action="remove", wins=0, p_value=None),
        suggestion_of(long, review=found, name="Pharmaceutical manufacturing", p_value=0.004, proficiency=2),
    ]


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    width: int, dark: bool, suggestions: list[TagSuggestion], bo: Rep, omar: User, open_page: OpenPage
) -> None:
    page = open_page(omar, width=width, dark=dark)
    for address in (LIST, f"{LIST}?state=dismissed", f"{LIST}settings/", f"/reps/{bo.pk}/"):
        page.goto(address)
        for summary in page.locator("details.what summary").all():
            summary.click()
        found = Axe().run(page).response["violations"]
        assert [f"{one['id']} {one['nodes'][0]['target']}" for one in found] == [], address
        assert page.evaluate(TOO_WIDE) == [], address
        if folder := os.environ.get("SHOTS"):
            name = address.strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=f"{folder}/{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)


def test_one_is_dismissed_and_comes_back_by_undo(
    suggestions: list[TagSuggestion], ben: User, open_page: OpenPage
) -> None:
    page = open_page(ben)
    page.goto(LIST)
    row = page.locator("tr", has_text="deals of 10,000 to 50,000")
    row.get_by_role("button", name="Dismiss").click()
    expect(row).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("It comes back only with clearly more evidence.")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_contain_text("waits for a decision again")
    expect(row).to_be_visible()


def test_several_are_approved_by_keys(
    suggestions: list[TagSuggestion], ben: User, bo: Rep, open_page: OpenPage
) -> None:
    page = open_page(ben)
    page.goto(LIST)
    for key in ("j", "j", "x", "j", "x"):  # the first is Ana's
        page.keyboard.press(key)
    expect(page.locator("[data-count]")).to_have_text("2")
    page.keyboard.press("a")
    expect(page.locator(".toast")).to_contain_text("2 suggestions are approved.")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("#count-reps")).to_have_text("2")
    bo.refresh_from_db()
    assert bo.deal_size_min == Decimal(10_000)
    assert [skill.name for skill in bo.skills.all()] == ["Healthcare"]


def test_enter_in_the_reason_decides_nothing(
    suggestions: list[TagSuggestion], ben: User, open_page: OpenPage
) -> None:
    page = open_page(ben)
    page.goto(LIST)
    page.get_by_label("Reason for dismissing").fill("Not now")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Select at least one suggestion first.")
    assert TagSuggestion.objects.filter(state="open").count() == 4


def test_without_script(suggestions: list[TagSuggestion], ben: User, bo: Rep, open_page: OpenPage) -> None:
    page = open_page(ben, script=False)
    page.goto(LIST)
    page.get_by_label("Select add Healthcare for Bo").check()
    page.get_by_role("button", name="Approve selected").click()
    expect(page.get_by_text("Healthcare is in the profile of Bo now.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("waits for a decision again")).to_be_visible()
    assert not bo.skills.exists()
