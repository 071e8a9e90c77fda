"""A rep's day on a phone, and a lead added by hand, in a browser."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Opportunity
from reps.models import Absence, Rep, User
from routing.models import Policy, QueueItem
from routing.services import outbox
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def assigned(
    transactional_db: None, ana: Rep, bo: Rep, make_opportunity: Callable[..., Opportunity]
) -> Opportunity:
    """A lead that was given to Ana a moment ago, with its notification."""
    Policy.objects.update(application="assign", first_touch_target_minutes=5)
    publish_configuration(by=None, at=timezone.now())
    opportunity = make_opportunity("Northwind Health", industry="Healthcare", value=180_000, urgency="now")
    route(opportunity_id=opportunity.pk)
    outbox.deliver_due(at=timezone.now())
    return opportunity


def problems(page: Page) -> list[str]:
    found = [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in Axe().run(page).response["violations"]
    ]
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found + ([f"{overflow} px too wide"] if overflow > 0 else [])


def test_rep_sees_why_and_logs_a_call_by_phone(open_page: OpenPage, ana: Rep, assigned: Opportunity) -> None:
    page = open_page(ana.user, width=PHONE)
    page.goto("/")
    expect(page.get_by_text("Northwind Health is yours: knows Healthcare.")).to_be_visible()
    expect(page.get_by_text("Why you: knows Healthcare.")).to_be_visible()
    page.get_by_role("button", name="Log a call").click()
    expect(page.get_by_text("Call logged for Northwind Health.")).to_be_visible()
    assigned.refresh_from_db()
    assert assigned.first_touch_at is not None


def test_away_in_two_clicks_and_back(open_page: OpenPage, ana: Rep, assigned: Opportunity) -> None:
    page = open_page(ana.user, width=PHONE)
    page.goto("/my-work/")
    page.get_by_text("I’m away…").click()
    page.get_by_role("button", name="Open-ended").click()
    expect(page.get_by_text("nothing new is assigned")).to_be_visible()
    assert Absence.objects.filter(rep=ana, ends_at__isnull=True).exists()
    page.get_by_role("button", name="I’m back").click()
    expect(page.get_by_text("You are back in the routing pool.")).to_be_visible()


def test_rep_asks_why_not_somebody_else(
    open_page: OpenPage, bo: Rep, omar: User, assigned: Opportunity
) -> None:
    page = open_page(omar)
    page.goto(f"/opportunities/{assigned.pk}/")
    page.get_by_label("Ask about a rep").select_option(label="Bo")
    row = page.locator("#why-not tr.here")
    expect(row).to_contain_text("Ana is ahead")
    expect(row).to_contain_text("has no Healthcare tag")


def test_new_lead_by_hand_is_routed(open_page: OpenPage, ana: Rep, omar: User, assigned: Opportunity) -> None:
    page = open_page(omar)
    page.goto("/opportunities/new/")
    page.get_by_role("button", name="Add and route").click()
    assert page.evaluate("document.activeElement.name") == "company"  # the browser asks for what is missing
    page.get_by_label("Company", exact=True).fill("Kestrel Clinics")
    page.get_by_label("Industry").fill("Healthcare")
    page.get_by_role("button", name="Add and route").click()
    expect(page.get_by_text("Kestrel Clinics is in. It went to Ana")).to_be_visible()
    expect(page.get_by_role("heading", name="Why Ana")).to_be_visible()


def test_works_without_script(open_page: OpenPage, ana: Rep, ben: User, assigned: Opportunity) -> None:
    Policy.objects.update(application="suggest")
    publish_configuration(by=None, at=timezone.now())
    page = open_page(ben, script=False)
    page.goto("/opportunities/new/")
    page.get_by_label("Company", exact=True).fill("Plain Hospital")
    page.get_by_role("button", name="Add and route").click()
    page.goto("/queue/")
    page.get_by_role("button", name="Approve", exact=False).last.click()
    expect(page.get_by_text("Plain Hospital went to")).to_be_visible()
    assert not QueueItem.objects.filter(state="pending").exists()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    width: int, dark: bool, open_page: OpenPage, ana: Rep, omar: User, assigned: Opportunity
) -> None:
    page = open_page(ana.user, width=width, dark=dark)
    for address in ("/my-work/", "/my-work/away/", f"/opportunities/{assigned.pk}/"):
        page.goto(address)
        assert (address, problems(page)) == (address, [])
    page = open_page(omar, width=width, dark=dark)
    for address in (
        "/opportunities/new/",
        "/rules/",
        "/tokens/",
        f"/opportunities/reassign/?opportunity={assigned.pk}",
        "/queue/",
    ):
        page.goto(address)
        assert (address, problems(page)) == (address, [])
