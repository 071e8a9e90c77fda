"""The pages of people and records in a browser: accessible, on every width, by keyboard, with and without script."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Account, Activity, Alias, Contact, ExchangeRate, Opportunity, Product, Term
from reps.models import Absence, CertificationDepth, Rep, Skill, User
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]

ADDRESSES = [
    "/login/",
    "/login/forgotten/",
    "/password/",
    "/my/security/",
    "/my/security/again/",
    "/settings/sign-in/",
    "/tokens/",
    "/users/",
    "/users/new/",
    "/teams/",
    "/reps/",
    "/reps/{rep}/",
    "/reps/{rep}/edit/",
    "/reps/{rep}/expertise/",
    "/reps/role-templates/",
    "/reps/certifications/",
    "/opportunities/",
    "/opportunities/?q=nothing-like-this",
    "/accounts/",
    "/accounts/{account}/",
    "/accounts/{account}/edit/",
    "/contacts/",
    "/contacts/{contact}/",
    "/products/",
    "/vocabulary/",
    "/organisation/",
    "/organisation/rates/",
    "/organisation/languages/",
    "/custom-fields/",
    "/custom-fields/new/",
    "/no-such-page/",
]


@pytest.fixture
def records(ana: Rep, bo: Rep) -> dict[str, int]:
    """A little of everything, long words among it."""
    Skill.objects.create(
        rep=ana, kind="certification", name="Solutions Engineer", evidence_won=2, evidence_closed=3
    )
    CertificationDepth.objects.create(certification="Solutions Engineer", depth=4)
    Absence.objects.create(rep=bo, starts_at=timezone.now(), covering=ana)
    account = Account.objects.create(
        name="Northwind Gesundheitsversorgungsgesellschaft",
        domain="northwind.example",
        owner=ana,
        employees=1200,
    )
    contact = Contact.objects.create(name="Kim Park", account=account, email="kim.park@northwind.example")
    Product.objects.create(name="Analytics", list_price=550)
    opportunity = Opportunity.objects.create(
        name="Northwind pilot", account=account, contact=contact, owner=ana, routing="assigned", value=180_000,
        currency="USD", flags=["industry"],
    )  # fmt: skip
    Activity.objects.create(
        opportunity=opportunity, rep=ana, kind="call", note="They want to buy within a month."
    )
    Opportunity.objects.create(name="Held", routing="held")
    Term.objects.create(kind="industry", name="Helth", is_known=False)
    Alias.objects.create(kind="product", spelling="GTXPro", term="GTX Pro")
    ExchangeRate.objects.create(currency="EUR", rate="1.1", valid_from="2026-01-01")
    return {"rep": ana.pk, "account": account.pk, "contact": contact.pk}


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    width: int, dark: bool, open_page: OpenPage, ada: User, records: dict[str, int]
) -> None:
    page = open_page(ada, width=width, dark=dark)
    wrong = {}
    for pattern in ADDRESSES:
        address = pattern.format(**records)
        page.goto(address)
        found = Axe().run(page).response["violations"]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[address] = [(one["id"], one["nodes"][0]["html"][:120]) for one in found], too_wide
    complaints: list[str] = page.complaints  # type: ignore[attr-defined]
    complaints[:] = [line for line in complaints if "404" not in line]
    assert wrong == {}


def test_lists_by_keyboard(open_page: OpenPage, ada: User, ana: Rep, bo: Rep) -> None:
    page = open_page(ada)
    page.goto("/reps/")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Ana")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Bo")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/reps/{ana.pk}/$"))
    page.go_back()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("j?")  # typed, not obeyed
    expect(page.get_by_role("searchbox")).to_have_value("j?")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.get_by_label("Single-key shortcuts are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).not_to_be_visible()


def test_a_filter_keeps_the_focus_names_itself_in_the_address_and_back_works(
    open_page: OpenPage, ada: User, ana: Rep, bo: Rep
) -> None:
    page = open_page(ada)
    page.goto("/reps/")
    page.get_by_role("searchbox").press_sequentially("health", delay=20)
    expect(page.get_by_role("link", name="Bo")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/reps/\?q=health$"))
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("link", name="Ana").click()
    page.go_back()
    expect(page.get_by_role("heading", name="Rep Profiles")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("health")
    expect(page.get_by_role("link", name="Bo")).to_have_count(0)


def test_a_row_opens_where_it_is_clicked(open_page: OpenPage, ada: User, ana: Rep) -> None:
    page = open_page(ada)
    page.goto("/reps/")
    page.get_by_role("cell", name="East").click()
    expect(page).to_have_url(re.compile(rf"/reps/{ana.pk}/$"))


def test_undo_from_the_toast(open_page: OpenPage, ada: User, nia: User) -> None:
    page = open_page(ada)
    page.goto(f"/users/{nia.pk}/")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("Nia can no longer sign in.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Nia can sign in again.")).to_be_visible()
    nia.refresh_from_db()
    assert nia.is_active


def test_a_dangerous_button_asks_first(open_page: OpenPage, ada: User, records: dict[str, int]) -> None:
    page = open_page(ada)
    page.goto("/vocabulary/")
    page.get_by_role("button", name="Delete GTXPro").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete the spelling GTXPro?")
    dialog.get_by_role("button", name="Cancel").click()
    assert Alias.objects.count() == 1
    page.get_by_role("button", name="Delete GTXPro").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("is an ordinary word again")).to_be_visible()
    assert Alias.objects.count() == 0


def test_a_failing_filter_says_so_and_leaves_the_list(open_page: OpenPage, ada: User, ana: Rep) -> None:
    page = open_page(ada)
    page.goto("/reps/")
    page.route("**/reps/?q=*", lambda route: route.fulfill(status=500, body="<h1>broken</h1>"))
    page.get_by_role("searchbox").press_sequentially("ana", delay=20)
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong on our side")
    expect(page.get_by_role("link", name="Ana")).to_be_visible()
    page.complaints.clear()  # type: ignore[attr-defined]  # the 500 was meant


def test_a_form_is_sent_once_and_errors_lead_to_their_fields(open_page: OpenPage, ada: User) -> None:
    page = open_page(ada)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto("/organisation/rates/new/")
    page.get_by_label("Currency").fill("XQX")
    page.get_by_label("Worth").fill("1")
    page.get_by_role("button", name="Save").dblclick()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Currency").click()
    expect(page.get_by_label("Currency")).to_be_focused()
    expect(page.get_by_label("Currency")).to_have_value("XQX")
    assert len(sent) == 1
    page.get_by_label("Currency").fill("EUR")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.get_by_text("1 EUR is 1")).to_be_visible()
    assert len(sent) == 2
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser notes the 422


def test_the_chosen_theme_holds_before_the_first_paint(open_page: OpenPage, ada: User) -> None:
    page = open_page(ada)
    page.goto("/reps/")
    page.get_by_label("Appearance").select_option("dark")
    page.goto("/teams/")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 21, 23)"


def test_the_menu_of_a_phone(open_page: OpenPage, ada: User, ana: Rep) -> None:
    page = open_page(ada, width=PHONE)
    page.goto("/reps/")
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).not_to_be_visible()
    page.get_by_role("button", name="More").click()
    menu.get_by_role("link", name="Teams").click()
    expect(page.get_by_role("heading", name="Teams")).to_be_visible()
    expect(menu).not_to_be_visible()


def test_another_row_of_expertise(open_page: OpenPage, ada: User, ana: Rep) -> None:
    page = open_page(ada)
    page.goto(f"/reps/{ana.pk}/expertise/")
    language = page.get_by_role("group", name="Language")
    language.get_by_role("button", name="Another row").click()
    language.get_by_label("Name").last.fill("Spanish")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The expertise of Ana is saved.")).to_be_visible()
    assert ana.skills.filter(kind="language", name="Spanish").exists()


def test_everything_without_script(
    open_page: OpenPage, ada: User, records: dict[str, int], nia: User
) -> None:
    page = open_page(ada, script=False)
    page.goto("/reps/")
    page.get_by_role("searchbox").fill("healthcare")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="Ana")).to_be_visible()
    expect(page.get_by_role("link", name="Bo")).to_have_count(0)
    page.goto(f"/accounts/{records['account']}/edit/")
    page.get_by_label("City").fill("Boston")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is saved.")).to_be_visible()
    page.goto(f"/users/{nia.pk}/")
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Nia can sign in again.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_account_names_are_offered_while_typing(
    open_page: OpenPage, ada: User, records: dict[str, int]
) -> None:
    page = open_page(ada)
    page.goto("/contacts/new/")
    page.get_by_label("Account").press_sequentially("north", delay=20)
    option: Any = page.locator("#account-names option")
    expect(option).to_have_attribute("value", re.compile(rf"^Northwind .* #{records['account']}$"))
