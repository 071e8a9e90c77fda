"""Which account a lead belongs to, in a browser: accessible, on every width, with and without script."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Account, AccountMatch
from reps.models import Rep, User
from routing.services.intake import take_in
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def leads(transactional_db: None, ana: Rep, bo: Rep, omar: User) -> list[int]:
    """One that is surely ours, two of one company that could be, and one with two candidates."""
    Account.objects.create(
        name="Kranichfeld Elektronik GmbH", domain="kranichfeld.de", country="DE", city="Jena", owner=bo
    )
    Account.objects.create(name="Bellerive Gesundheitsversorgungsgesellschaft SA", country="FR", city="Lyon")
    Account.objects.create(name="Bellerive Gesundheitsversorgungsgesellschaft AG", country="FR")

    def take(company: dict[str, Any], **values: Any) -> int:
        whole = {"name": company["name"], "company": company, **values}
        return take_in(values=whole, body=whole, by=omar, at=timezone.now()).opportunity.pk

    person = {"name": "João Prado", "email": "joao@kranichfeld.com.br"}
    return [
        take({"name": "Kranichfeld Elektronik", "country": "DE"}),
        take({"name": "Kranichfeld Elektronik", "country": "BR"}, person=person, value=80_000, currency="USD"),
        take({"name": "KRANICHFELD Elektronik", "country": "BR"}),
        take({"name": "Bellerive Gesundheitsversorgungsgesellschaft", "country": "FR"}),
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    width: int, dark: bool, leads: list[int], omar: User, open_page: OpenPage
) -> None:
    page = open_page(omar, width=width, dark=dark)
    for address in ("/accounts/matches/", "/accounts/", *(f"/opportunities/{pk}/" for pk in leads[:2])):
        page.goto(address)
        if page.locator("details.what summary", has_text="Not this account?").count():
            page.locator("details.what summary", has_text="Not this account?").click()
        found = Axe().run(page).response["violations"]
        assert [f"{one['id']} {one['nodes'][0]['target']}" for one in found] == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        if folder := os.environ.get("SHOTS"):
            name = address.strip("/").replace("/", "-")
            page.screenshot(path=f"{folder}/{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)


def test_a_choice_leaves_at_once_and_can_be_undone(leads: list[int], omar: User, open_page: OpenPage) -> None:
    page = open_page(omar)
    page.goto("/accounts/matches/")
    expect(page.get_by_text("3 leads wait")).to_be_visible()
    row = page.locator(".item", has_text="Bellerive")
    row.get_by_role("button", name="A new company").click()
    expect(row).to_be_hidden()
    expect(page.locator(".toast")).to_contain_text("is added as a new account")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_contain_text("waits for its account again")
    expect(page.locator(".item", has_text="Bellerive")).to_be_visible()


def test_one_answer_for_the_leads_of_a_company(leads: list[int], omar: User, open_page: OpenPage) -> None:
    page = open_page(omar)
    page.goto("/accounts/matches/")
    row = page.locator(".item", has_text="joao@kranichfeld.com.br")
    expect(row).to_contain_text("1 more lead of this company waits")
    row.get_by_role("button", name="This one").click()
    expect(page.locator(".toast")).to_contain_text("So does 1 other lead of the company.")
    expect(page.locator(".item")).to_have_count(1)


def test_another_account_is_found_while_typing(leads: list[int], omar: User, open_page: OpenPage) -> None:
    page = open_page(omar)
    page.goto("/accounts/matches/")
    row = page.locator(".item", has_text="Bellerive")
    row.get_by_text("Another account…").click()
    row.get_by_label("Account").fill("Kranich")
    expect(page.locator("#account-names option")).to_have_count(1)
    value = page.locator("#account-names option").get_attribute("value")
    row.get_by_label("Account").fill(str(value))
    row.get_by_role("button", name="Choose").click()
    expect(page.locator(".toast")).to_contain_text("belongs to Kranichfeld Elektronik GmbH")


def test_without_script_a_wrong_match_is_corrected(leads: list[int], omar: User, open_page: OpenPage) -> None:
    page = open_page(omar, script=False)
    page.goto(f"/opportunities/{leads[0]}/")
    page.get_by_text("Not this account?").click()
    page.get_by_role("button", name="No account").click()
    expect(page.get_by_text("Omar said that it is none of the accounts here.")).to_be_visible()
    assert AccountMatch.objects.get(opportunity=leads[0]).state == "declined"
