"""Privacy in a browser: found, looked at, erased with what was typed, without scripts as well; accessible."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm.models import Account, Contact
from privacy.models import Erasure
from reps.models import Rep, User
from tests.screens.conftest import PHONE, WIDE
from tests.screens.test_messages import TOO_WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def jo(transactional_db: None) -> Contact:
    reverse("rules")  # loads every page, which would take its time within the first one
    account = Account.objects.create(name="Jo Doe, consulting_without_a_break_" * 3)
    return Contact.objects.create(
        name="Jo Doe", email=f"{'long' * 15}@doe.example", phone="+49 30 123", account=account
    )


def fits_and_is_accessible(page: Page) -> None:
    assert page.evaluate(TOO_WIDE) == []
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_erase(
    width: int, dark: bool, jo: Contact, ada: User, open_page: OpenPage
) -> None:
    page = open_page(ada, width=width, dark=dark)
    Erasure.objects.create(kind="contact", person_id=99, made_by=ada, reason="x" * 200)
    page.goto("/privacy/")
    page.get_by_placeholder("Name, e-mail or phone").fill("jo d")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    fits_and_is_accessible(page)
    page.get_by_role("link", name="Jo Doe").click()
    expect(page.locator("#held tbody tr")).not_to_have_count(0)
    fits_and_is_accessible(page)
    page.get_by_label("Why").fill("letter of 3 March")
    page.get_by_label("Confirm").fill(f"contact {jo.pk}")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Erased contact {jo.pk}")
    page.goto("/privacy/retention/?contacts_months=12&count=1")
    fits_and_is_accessible(page)


def test_works_without_scripts(jo: Contact, ada: User, open_page: OpenPage) -> None:
    page = open_page(ada, script=False)
    page.goto(f"/privacy/contact/{jo.pk}/")
    page.get_by_role("link", name="Show it").click()
    expect(page.locator("#held tbody tr")).not_to_have_count(0)
    page.get_by_label("Confirm").fill("contact 0")
    page.get_by_label("Why").fill("asked")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("alert")).to_contain_text("This is not")
    expect(page.get_by_label("Why")).to_have_value("asked")
    page.complaints.clear()  # type: ignore[attr-defined]  # of the status 422


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True)])
def test_own_data_are_accessible(
    width: int, dark: bool, transactional_db: None, ana: Rep, open_page: OpenPage
) -> None:
    page = open_page(ana.user, width=width, dark=dark)
    page.goto("/my/data/")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    fits_and_is_accessible(page)
