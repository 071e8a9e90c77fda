"""The Routing Queue in a browser: acting is instant, refusals bring the row back, the keyboard is enough."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import QueueItem
from routing.services.decisions import route
from tests.screens.conftest import PHONE, WIDE, wait_until

OpenPage = Callable[..., Page]


@pytest.fixture
def suggestions(
    transactional_db: None,
    ana: Rep,
    bo: Rep,
    publish: Callable[[], int],
    make_opportunity: Callable[..., Opportunity],
) -> list[QueueItem]:
    """Three suggestions, the longest waiting first."""
    publish()
    names = ["Northwind Health", "Kestrel Logistics", "Fabrikam Energy"]
    leads = [make_opportunity(name, industry="Healthcare", value=180_000, currency="USD") for name in names]
    for lead in leads:
        route(opportunity_id=lead.pk, at=timezone.now())
    return [QueueItem.objects.get(opportunity=lead) for lead in leads]


def row(page: Page, name: str) -> Locator:
    return page.locator("#queue-list [data-row]").filter(has_text=name)


def test_approve_by_key_takes_the_row_at_once_and_z_brings_it_back(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben)
    page.goto("/queue/")
    page.keyboard.press("j")
    expect(page.locator("#queue-detail")).to_contain_text("Northwind Health")
    page.keyboard.press("a")
    expect(row(page, "Northwind Health")).to_be_hidden()
    expect(page.get_by_text("Northwind Health went to Ana.")).to_be_visible()
    expect(page.locator("#queue-detail h1")).to_contain_text("Kestrel Logistics")
    expect(page).to_have_url(re.compile(rf"/queue/{suggestions[1].pk}/$"))
    page.keyboard.press("z")
    expect(row(page, "Northwind Health")).to_be_visible()
    waiting = QueueItem.objects.filter(state="pending", opportunity=suggestions[0].opportunity)
    assert waiting.count() == 1


@pytest.mark.parametrize("refused", [False, True], ids=["done", "refused"])
def test_an_answer_slower_than_the_next_detail_is_still_heard(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem], refused: bool
) -> None:
    page = open_page(ben)
    page.goto("/queue/")
    held: list[Route] = []
    page.route("**/approve/", lambda call: held.append(call))
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("#queue-detail h1")).to_contain_text("Kestrel Logistics")
    wait_until(page, lambda: held)
    if refused:
        held[0].fulfill(status=409, content_type="text/plain", body="Ana is full.")
        expect(page.get_by_role("alert")).to_contain_text("Ana is full.")
        expect(row(page, "Northwind Health")).to_be_visible()
        page.complaints.clear()  # type: ignore[attr-defined]  # the 409 was meant
    else:
        held[0].continue_()
        expect(page.get_by_text("Northwind Health went to Ana.")).to_be_visible()
        expect(page.get_by_text("2 waiting")).to_be_visible()
    expect(page.locator(".busy.on")).to_have_count(0)


def test_a_refusal_brings_the_row_back_with_the_reason(
    open_page: OpenPage, ben: User, omar: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben)
    page.goto(f"/queue/{suggestions[0].pk}/")
    reason = "Ana is at capacity now: 10 of 10."
    page.route("**/approve/", lambda call: call.fulfill(status=409, content_type="text/plain", body=reason))
    page.get_by_role("button", name="Approve", exact=False).filter(has_text="a").last.click()
    expect(page.get_by_role("alert")).to_contain_text(reason)
    expect(row(page, "Northwind Health")).to_be_visible()
    page.complaints.clear()  # type: ignore[attr-defined]  # the 409 was meant


def test_without_connection_nothing_is_lost(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben)
    page.goto(f"/queue/{suggestions[0].pk}/")
    page.context.set_offline(True)
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text("No connection. Nothing was changed")
    expect(row(page, "Northwind Health")).to_be_visible()
    page.wait_for_timeout(500)  # the next lead's detail was asked for as well
    page.complaints.clear()  # type: ignore[attr-defined]


def test_the_whole_queue_by_keyboard(open_page: OpenPage, ben: User, suggestions: list[QueueItem]) -> None:
    page = open_page(ben)
    page.goto("/queue/")
    for _ in suggestions:
        page.keyboard.press("j")
        page.wait_for_timeout(200)
    expect(page.locator("#queue-detail h1")).to_contain_text("Fabrikam Energy")
    for left, name in ((2, "Kestrel Logistics"), (1, "Northwind Health"), (0, "")):
        page.keyboard.press("a")
        page.keyboard.press("a")  # at once: the detail is still the one that left, so this must do nothing
        expect(page.locator("#queue-list [data-row]:visible")).to_have_count(left)
        if name:
            expect(page.locator("#queue-detail h1")).to_contain_text(name)
    expect(page.get_by_text("Northwind Health went to Ana.")).to_be_visible()
    assert list(QueueItem.objects.filter(state="pending")) == []
    assert Opportunity.objects.filter(routing="assigned").count() == 3


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_queue_and_opportunity_are_accessible_and_fit(
    width: int, dark: bool, open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben, width=width, dark=dark)
    item = suggestions[0]
    for address in ("/queue/", f"/queue/{item.pk}/", f"/opportunities/{item.opportunity_id}/"):
        page.goto(address)
        found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
        assert (address, found, page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0) == (
            address, [], True,
        )  # fmt: skip


def test_numbers_fall_with_what_is_decided_and_the_last_one_leaves_an_empty_state(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben)
    page.goto("/queue/")
    expect(page.locator("#count-queue")).to_have_text("3")
    for left, name in ((2, "Northwind Health"), (1, "Kestrel Logistics")):
        expect(page.locator("#queue-detail h1")).to_contain_text(name)
        page.keyboard.press("a")
        expect(page.locator("#count-queue")).to_have_text(str(left))
        expect(page.locator("#queue-words")).to_have_text(f"{left} waiting")
    expect(page.locator("#queue-detail h1")).to_contain_text("Fabrikam Energy")
    page.keyboard.press("a")
    expect(page.locator("#queue-detail")).to_contain_text("Nothing selected")
    expect(page.locator("#queue-list")).to_contain_text("No leads waiting")
    expect(page.locator("#count-queue")).to_have_text("0")
    expect(page).to_have_url(re.compile(r"/queue/$"))
    expect(page.get_by_text("Fabrikam Energy went to")).to_be_visible()


def test_a_dialog_opens_on_its_first_field(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben)
    page.goto("/queue/")
    page.keyboard.press("m")
    expect(page.get_by_label("Give to", exact=True)).to_be_focused()


def test_after_a_dialog_the_keys_go_on_from_the_next_lead(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben)
    page.goto("/queue/?order=newest")
    expect(page.locator("#queue-detail h1")).to_contain_text("Fabrikam Energy")
    page.keyboard.press("r")
    page.get_by_label("In your words").filter(visible=True).fill("Wrong time")
    page.keyboard.press("Enter")
    expect(row(page, "Kestrel Logistics").get_by_role("link")).to_be_focused()
    page.keyboard.press("z")  # Undo shows the lead in the list as it was ordered
    expect(page).to_have_url(re.compile(r"/queue/\d+/\?order=newest$"))
    expect(page.locator("#queue-detail h1")).to_contain_text("Fabrikam Energy")


def test_on_a_phone_the_list_and_a_lead_are_not_shown_together(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben, width=PHONE)
    page.goto("/queue/?order=newest")
    expect(page.locator("#queue-detail")).to_be_hidden()
    decide = page.get_by_role("button", name="Decide selected…")
    expect(decide).to_be_hidden()
    row(page, "Kestrel Logistics").get_by_role("checkbox").check()
    expect(decide).to_be_in_viewport()
    row(page, "Kestrel Logistics").get_by_role("link").click()
    expect(page.locator("#queue-detail")).to_be_in_viewport()
    expect(page.locator(".filters")).to_be_hidden()
    page.get_by_text("← All that wait").click()
    expect(page).to_have_url(re.compile(r"/queue/\?order=newest$"))


def test_on_a_phone_a_lead_is_a_page_of_its_own_and_deciding_shows_the_next(
    open_page: OpenPage, ben: User, suggestions: list[QueueItem]
) -> None:
    page = open_page(ben, width=PHONE)
    page.goto("/queue/")
    row(page, "Northwind Health").get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"/queue/{suggestions[0].pk}/$"))
    expect(page.locator("#queue-list")).to_be_hidden()
    page.get_by_role("button", name="Approve", exact=False).filter(has_text="Approve").last.click()
    expect(page.get_by_text("Northwind Health went to Ana.")).to_be_visible()
    expect(page.locator("#queue-detail h1")).to_contain_text("Kestrel Logistics")
    page.get_by_role("link", name="All that wait").click()
    expect(row(page, "Kestrel Logistics")).to_be_visible()
    page.go_back()
    expect(row(page, "Kestrel Logistics")).to_be_visible()
