"""A rep answers and sees what is due; a manager decides many at once: wide and on a phone."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import FirstTouchClock, Policy, QueueItem
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from tests.screens.conftest import PHONE, WIDE
from tests.screens.test_work import problems

OpenPage = Callable[..., Page]


@pytest.fixture
def asked(
    transactional_db: None, ana: Rep, bo: Rep, make_opportunity: Callable[..., Opportunity]
) -> Opportunity:
    """A lead that Ana is to accept."""
    Policy.objects.update(application="assign", first_touch_target_minutes=30, accept_within_minutes=10)
    publish_configuration(by=None, at=timezone.now())
    opportunity = make_opportunity("Northwind Health", industry="Healthcare", value=180_000)
    route(opportunity_id=opportunity.pk)
    return opportunity


@pytest.mark.parametrize(
    ("width", "dark", "script"), [(WIDE, False, True), (PHONE, True, True), (PHONE, True, False)]
)
def test_accepts_then_sees_when_to_call(
    width: int, dark: bool, script: bool, open_page: OpenPage, ana: Rep, asked: Opportunity
) -> None:
    page = open_page(ana.user, width=width, dark=dark, script=script)
    page.goto("/my-work/")
    expect(page.get_by_text("Accept by")).to_be_visible()
    if script:
        assert problems(page) == []
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("Northwind Health is accepted.")).to_be_visible()
    expect(page.get_by_text("Call by")).to_be_visible()
    assert FirstTouchClock.objects.get().accepted_at is not None


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_declines_with_a_reason_and_it_goes_to_somebody_else(
    width: int, dark: bool, open_page: OpenPage, ana: Rep, bo: Rep, asked: Opportunity
) -> None:
    page = open_page(ana.user, width=width, dark=dark)
    page.goto(f"/opportunities/{asked.pk}/")
    assert problems(page) == []
    page.get_by_role("link", name="Decline…").click()
    assert problems(page) == []
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Say why you decline it").first).to_be_visible()
    page.complaints.clear()  # type: ignore[attr-defined]  # of the 422
    page.get_by_label("In your words").fill("Not my industry")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("You declined Northwind Health; it goes to somebody else.")).to_be_visible()
    asked.refresh_from_db()
    assert asked.owner == bo


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_many_are_rejected_after_looking_at_the_loads_and_undone(
    width: int,
    dark: bool,
    open_page: OpenPage,
    transactional_db: None,
    ana: Rep,
    bo: Rep,
    omar: User,
    make_opportunity: Callable[..., Opportunity],
) -> None:
    Policy.objects.update(first_touch_target_minutes=30)
    publish_configuration(by=None, at=timezone.now())
    for number in range(3):
        route(opportunity_id=make_opportunity(f"Lead {number}", industry="Healthcare", at=timezone.now()).pk)
    page = open_page(omar, width=width, dark=dark)
    page.goto("/queue/")
    for number in range(3):
        page.get_by_label(f"Select Lead {number}").check()
    page.get_by_role("button", name="Decide selected…").click()
    expect(page.get_by_role("heading", name="Decide 3 at once")).to_be_visible()
    expect(page.get_by_text("3 → 0 suggested")).to_be_visible()
    assert problems(page) == []
    page.get_by_label("Give them all to one rep").check()
    page.get_by_label("Give to").select_option(label=f"Bo · East · 0 of {bo.max_open} open")
    expect(page.locator("#loads-after").get_by_role("rowheader", name="Bo")).to_be_visible()
    page.get_by_label("Reject the suggestions").check()
    page.get_by_role("button", name="Decide all").click()
    expect(page.get_by_text("3 rejected: they wait for a person.")).to_be_visible()
    assert QueueItem.objects.filter(state="pending", kind="manager").count() == 3
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 wait again.")).to_be_visible()
    assert QueueItem.objects.filter(state="pending", kind="suggestion", rep=ana).count() == 3
