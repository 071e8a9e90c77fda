"""Companies of an import that no account bears exactly: ours under another spelling, perhaps ours, new."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Account, AccountMatch, Contact, ImportRun, Opportunity
from crm.services.account_matches import choose_account
from crm.services.imports import check_run, import_files
from crm.services.imports.files import open_run
from reps.models import User
from tests.conftest import NOW

pytestmark = pytest.mark.django_db

ROWS = """external_id,name,account,country,industry,contact_name,contact_email
1,Sensors,KRANICHFELD Elektronik,DE,,Max,max@kranichfeld.de
2,Cables,Kranichfeld Elektronk GmbH,Germany,,,
3,Plugs,Bellerive Maritime,BR,Energy,Jo,jo@bellerive.com.br
4,Ropes,Bellerive  maritime,BR,,,
5,Oil,Quorvane Foods,US,,,
6,Fat,quorvane foods,US,,,
7,Exact,Kranichfeld Elektronik GmbH,,,,
"""


@pytest.fixture
def accounts(db: None) -> tuple[Account, Account]:
    return (
        Account.objects.create(
            name="Kranichfeld Elektronik GmbH",
            country="DE",
            industry="Manufacturing",
            domain="kranichfeld.de",
        ),
        Account.objects.create(name="Bellerive Maritime SA", country="FR"),
    )


def import_rows(omar: User, rows: str = ROWS, **options: Any) -> ImportRun:
    return import_files(
        files=[("deals.csv", rows.encode())], by=omar, at=NOW, options={"create_accounts": True, **options}
    )


def account_of(name: str) -> str | None:
    account = Opportunity.objects.select_related("account").get(name=name).account
    return account.name if account else None


def test_other_spellings_attach_and_doubtful_ones_are_offered(
    accounts: tuple[Account, Account], omar: User
) -> None:
    run = import_rows(omar)
    names = ("Sensors", "Cables", "Plugs", "Ropes", "Oil", "Fat", "Exact")
    assert [account_of(name) for name in names] == [
        "Kranichfeld Elektronik GmbH", "Kranichfeld Elektronik GmbH", None, None, "Quorvane Foods",
        "Quorvane Foods", "Kranichfeld Elektronik GmbH",
    ]  # fmt: skip
    assert Account.objects.count() == 3
    counts = {name: run.report["companies"][name] for name in ("new", "ours", "perhaps")}
    assert counts == {"new": 1, "ours": 2, "perhaps": 1}
    states = dict(AccountMatch.objects.values_list("opportunity__name", "state"))
    assert states == {"Sensors": "attached", "Cables": "attached", "Plugs": "offered", "Ropes": "offered"}
    assert Opportunity.objects.get(name="Sensors").industry == "Manufacturing"
    assert Contact.objects.get(email="max@kranichfeld.de").account == accounts[0]
    assert Contact.objects.get(email="jo@bellerive.com.br").account is None


def test_a_choice_after_the_import_stays_when_the_file_comes_again(
    accounts: tuple[Account, Account], omar: User
) -> None:
    import_rows(omar)
    match = AccountMatch.objects.select_related("opportunity").get(opportunity__name="Plugs")
    choose_account(match_id=match.pk, account=accounts[1], by=omar, at=NOW, seen=match.seen)
    import_rows(omar)
    assert account_of("Plugs") == "Bellerive Maritime SA"
    assert Opportunity.objects.get(name="Plugs").industry == "Energy"
    assert AccountMatch.objects.count() == 4
    assert Account.objects.count() == 3


def test_without_new_accounts_the_known_ones_still_match(
    accounts: tuple[Account, Account], omar: User
) -> None:
    run = import_rows(omar, create_accounts=False)
    assert account_of("Cables") == "Kranichfeld Elektronik GmbH"
    assert account_of("Oil") is None
    notes = run.report["files"][0]["notes"]
    assert "2 rows name an account that is not known here, and stays without one." in notes


def test_contacts_of_a_company_under_another_spelling(accounts: tuple[Account, Account], omar: User) -> None:
    rows = "name,email,company\nMax,max@mail.example,KRANICHFELD Elektronik\n"
    import_files(files=[("contacts.csv", rows.encode())], by=omar, at=NOW)
    assert Contact.objects.get().account == accounts[0]


def test_the_check_says_it_before_anything_is_written(
    accounts: tuple[Account, Account], omar: User, as_user: Callable[[User], Client]
) -> None:
    run = open_run(files=[("deals.csv", ROWS.encode())], by=omar, options={"create_accounts": True})
    check_run(run=run, at=NOW)
    page = as_user(omar).get(reverse("import_result", args=[run.pk])).content.decode()
    assert "1 company is new, 2 are ours under another spelling, 1 could be." in page
    assert "“KRANICHFELD Elektronik” is taken for Kranichfeld Elektronik GmbH" in page
    assert "“Bellerive Maritime” could be Bellerive Maritime SA" in page
    assert Account.objects.count() == 2
    assert not AccountMatch.objects.exists()
