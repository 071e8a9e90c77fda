"""Named accounts in a browser: select, transfer, undo, with and without scripts; accessible, within the window."""

import datetime
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Account, AccountTransfer, Opportunity
from reps.models import Absence, Rep, User
from routing.services.account_transfers import do_planned
from routing.services.overrides import reassign
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def accounts(
    transactional_db: None,
    ana: Rep,
    bo: Rep,
    cara: Rep,
    make_rep: Callable[..., Rep],
    omar: User,
    make_opportunity: Callable[..., Opportunity],
) -> list[Account]:
    gone = make_rep("Gus Gone", left_at=timezone.now() - datetime.timedelta(days=40))
    now = timezone.now()
    Absence.objects.create(rep=ana, starts_at=now, ends_at=now + datetime.timedelta(days=9), covering=cara)
    Absence.objects.create(rep=bo, starts_at=now)
    made = [
        Account.objects.create(name=name, owner=owner, industry="Healthcare", country="US")
        for name, owner in (
            ("Acme Health", ana),
            ("Bolt & Sons of the Northern Territories", bo),
            ("Crane", cara),
            ("Dune", gone),
            ("Elm", gone),
        )
    ]
    for account in made[:3]:
        lead = make_opportunity(f"Lead of {account}", account=account, value=900, currency="USD")
        assert account.owner is not None
        reassign(opportunity_ids=[lead.pk], rep_id=account.owner.pk, by=omar, at=now)
    return made


def test_select_transfer_undo_with_scripts(open_page: OpenPage, omar: User, accounts: list[Account]) -> None:
    page = open_page(omar)
    page.goto("/named-accounts/")
    expect(page.get_by_role("button", name="Transfer selected…")).to_be_hidden()
    page.get_by_label("Select Acme Health").check()
    page.get_by_label("Select Bolt").check()
    page.get_by_role("button", name="Transfer selected…").click()
    expect(page.get_by_role("heading", name="Transfer 2 accounts")).to_be_visible()
    expect(page.get_by_role("group", name="Among")).to_be_hidden()
    page.get_by_label("New owner").select_option(label="Cara · West · 1 of 10 open")
    expect(page.get_by_text("Ana → Cara")).to_be_visible()
    page.get_by_label("Reason").fill("territory change")
    page.get_by_label("open opportunities of these accounts go along").check()
    expect(page.get_by_text("2 open opportunities go along")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("territory change")
    page.get_by_role("button", name="Transfer 2 accounts").click()
    expect(
        page.get_by_text("2 accounts have another owner; 2 open opportunities went along.")
    ).to_be_visible()
    assert Account.objects.filter(owner__name="Cara").count() == 3
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 accounts went back to the previous owner.")).to_be_visible()
    assert Account.objects.filter(owner__name="Cara").count() == 1
    assert Opportunity.objects.filter(owner__name="Cara").count() == 1


def test_select_transfer_undo_without_scripts(
    open_page: OpenPage, omar: User, accounts: list[Account]
) -> None:
    page = open_page(omar, script=False)
    page.goto("/named-accounts/")
    page.get_by_role("link", name="2 belong to people who left").click()
    page.get_by_role("button", name="Transfer all 2 accounts…").click()
    page.get_by_label("Share out among several").check()
    page.get_by_label("Ana ·").check()
    page.get_by_label("Cara ·").check()
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_text("Gus Gone → Ana")).to_be_visible()
    page.get_by_label("Reason").fill("Gus has left")
    page.get_by_role("button", name="Transfer 2 accounts").click()
    expect(page.get_by_text("2 accounts have another owner.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 accounts went back to the previous owner.")).to_be_visible()
    assert Account.objects.filter(owner__name="Gus Gone").count() == 2


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_every_page_is_accessible_and_fits(
    open_page: OpenPage, omar: User, accounts: list[Account], cara: Rep, width: int, dark: bool
) -> None:
    day = timezone.now().date() + datetime.timedelta(days=1)
    page = open_page(omar, width=width, dark=dark)
    terms = (
        f"account={accounts[0].pk}&account={accounts[1].pk}&account={accounts[4].pk}&kind=give&rep={cara.pk}"
    )
    for planned in ("", day.isoformat()):
        page.goto(
            f"/named-accounts/transfer/?{terms if not planned else terms[8:]}&moves_open=on&effective_on={planned}"
        )
        page.get_by_label("Reason").fill("territory change")
        if not planned:
            check(page, "new")
            continue
        page.get_by_role("button", name="Plan the transfer").click()
        expect(page.get_by_text("is planned for")).to_be_visible()
    planned_transfer = AccountTransfer.objects.get()
    one = f"/named-accounts/transfers/{planned_transfer.pk}/"
    for address in (
        "/named-accounts/",
        "/named-accounts/?state=left&select=all",
        "/named-accounts/?q=nothing",
        f"/named-accounts/transfer/?account={accounts[0].pk}",
        "/named-accounts/transfers/",
        one,
        f"{one}change/",
        f"/accounts/{accounts[0].pk}/",
        f"/reps/{cara.pk}/",
        "/rules/",
    ):
        page.goto(address)
        check(page, address)
    Rep.objects.filter(pk=cara.pk).update(left_at=timezone.now())
    do_planned(at=timezone.now() + datetime.timedelta(days=2))
    for address in ("/named-accounts/", one):
        page.goto(address)
        expect(page.get_by_text("Cara has left and can own no accounts.")).to_be_visible()
        check(page, f"failed {address}")


def check(page: Page, what: str) -> None:
    found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
    too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert (what, found, max(too_wide, 0)) == (what, [], 0)
