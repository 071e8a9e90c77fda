"""Policies and override reasons in a browser: presets, order, the fields of batches, accessibility."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from reps.models import Rep, User
from routing.models import Policy
from tests.screens.conftest import PHONE, WIDE, wait_until
from tests.screens.test_rules import problems

pytestmark = pytest.mark.usefixtures("loaded")
OpenPage = Callable[..., Page]


@pytest.fixture
def loaded(transactional_db: None) -> None:
    reverse("policies")  # loads every page, which would take its time within the first one


def names() -> list[str]:
    return list(Policy.objects.order_by("position").values_list("name", flat=True))


def test_a_preset_moved_deleted_and_brought_back(open_page: OpenPage, omar: User) -> None:
    page = open_page(omar)
    page.goto("/policies/")
    expect(page.get_by_text("Not yet, because").first).to_be_visible()
    page.locator("summary", has_text="Start from").click()
    page.get_by_role("button", name="Auto-assign inbound SMB").click()
    expect(page.get_by_text("“Auto-assign inbound SMB” is number 1 now.")).to_be_visible()
    page.get_by_role("button", name="Move Auto-assign inbound SMB down").click()
    expect(page.get_by_text("Auto-assign inbound SMB is number 2 now.")).to_be_visible()
    assert names()[:2] == ["Near-term urgency", "Auto-assign inbound SMB"]
    page.locator("summary[aria-label='More for Near-term urgency']").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Near-term urgency is deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").last.click()
    expect(page.get_by_text("Near-term urgency is back.")).to_be_visible()
    assert names()[:2] == ["Near-term urgency", "Auto-assign inbound SMB"]


def test_counts_that_come_late_are_dropped(open_page: OpenPage, omar: User) -> None:
    """Those of a list that was replaced meanwhile, and those of a policy that is not on the page; the console, whose
    complaints fail the test, says nothing."""
    page, held = open_page(omar), []
    counts = "**/policies/readiness/"
    page.route(counts, lambda call: held.append((call, call.fetch())), times=1)
    page.goto("/policies/")
    page.locator("summary[aria-label='More for Near-term urgency']").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Near-term urgency is deleted.")).to_be_visible()
    expect(page.get_by_text("in 90 days").first).to_be_visible()
    wait_until(page, lambda: held)
    ((call, answer),) = held
    call.fulfill(response=answer)
    page.wait_for_timeout(300)  # what is dropped leaves nothing to wait for
    stranger = '<span id="matched-policy-0" hx-swap-oob="true">9 in 90 days</span>'
    page.route(
        counts, lambda late: late.fulfill(body=late.fetch().text() + stranger, content_type="text/html")
    )
    page.reload()
    expect(page.get_by_text("Not yet, because").first).to_be_visible()
    expect(page.get_by_text("in 90 days").first).to_be_visible()
    expect(page.get_by_text("9 in 90 days")).to_have_count(0)


def test_batches_are_asked_for_where_there_are_some(open_page: OpenPage, omar: User) -> None:
    page = open_page(omar)
    page.goto("/policies/new/")
    times = page.get_by_label("Times of day")
    expect(times).to_be_hidden()
    page.get_by_label("When it is decided").select_option("batch")
    expect(times).to_be_visible()
    page.get_by_label("How often").select_option("hourly")
    expect(times).to_be_hidden()
    expect(page.get_by_label("From Monday to Friday only")).to_be_visible()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    width: int, dark: bool, open_page: OpenPage, ana: Rep, omar: User, nia: User
) -> None:
    page = open_page(omar, width=width, dark=dark)
    first = Policy.objects.order_by("position")[0]
    for address in ("/policies/", f"/policies/{first.pk}/", "/policies/new/", "/override-reasons/"):
        page.goto(address)
        if address == "/policies/":
            expect(page.get_by_text("All that suggest, together")).to_be_visible()
        assert (address, problems(page)) == (address, [])
    expect(page.get_by_text("Wrong expertise")).to_be_visible()
    page = open_page(nia, width=width, dark=dark)
    page.goto("/policies/readiness/")
    assert problems(page) == []
    expect(page.get_by_role("button", name="Assign by itself")).to_have_count(0)
