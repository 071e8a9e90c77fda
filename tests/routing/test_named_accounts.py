"""The pages of named accounts: who sees what, what an owner's state says, select, transfer, undo."""

import csv
import datetime
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Account, AccountTransfer, Opportunity
from reps.models import Absence, Rep, User
from routing.services import outbox
from routing.services.account_transfers import do_planned
from routing.services.decisions import route
from territories.queries.named_accounts import owner_states
from tests.conftest import NOW

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
LIST, NEW = "/named-accounts/", "/named-accounts/transfer/"


@pytest.fixture
def accounts(ana: Rep, bo: Rep, cara: Rep) -> dict[str, Account]:
    owners = {"Acme": ana, "Bolt": bo, "Crane": cara, "Free": None}
    return {
        name: Account.objects.create(name=name, owner=owner, industry="Energy" if name < "B" else "Retail")
        for name, owner in owners.items()
    }


def names(client: Client, query: str = "") -> list[str]:
    return [row.account.name for row in client.get(f"{LIST}?{query}").context["rows"]]


def hidden(html: str) -> dict[str, Any]:
    """The hidden inputs of the form that confirms."""
    form = html[html.index('<form class="inside form" method="post"') :]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(value)
    return dict(found)


def transfer(client: Client, query: dict[str, Any], reason: str = "territory change") -> Any:
    """Shows what would happen and confirms it."""
    shown = client.get(NEW, query)
    return client.post(NEW, hidden(shown.content.decode()) | {"reason": reason}, follow=True)


# --- the list --------------------------------------------------------------------------------------------------------


def test_who_sees_which_accounts(
    accounts: dict[str, Account], ben: User, omar: User, nia: User, ana: Rep, as_user: SignIn
) -> None:
    for user in (omar, nia):
        assert names(as_user(user)) == ["Acme", "Bolt", "Crane"]
        assert names(as_user(user), "state=none") == ["Free"]
    assert names(as_user(ben)) == ["Acme", "Bolt"]
    page = as_user(ben).get(LIST).content.decode()
    assert "<b>2</b> accounts have an owner." in page
    assert "Transfer selected" in page
    assert "Transfer selected" not in as_user(nia).get(LIST).content.decode()
    assert ana.user is not None
    assert as_user(ana.user).get(LIST).status_code == 403


def test_the_list_is_narrowed(
    accounts: dict[str, Account], omar: User, ana: Rep, bo: Rep, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(omar)
    Absence.objects.create(rep=bo, starts_at=timezone.now() - datetime.timedelta(days=1))
    Rep.objects.filter(pk=cara.pk).update(left_at=timezone.now())
    assert names(client, "q=acm") == ["Acme"]
    assert names(client, f"owner={bo.pk}") == ["Bolt"]
    assert names(client, f"team={cara.team_id}") == ["Crane"]
    assert names(client, "state=away") == ["Bolt"]
    assert names(client, "state=left") == ["Crane"]
    assert names(client, "state=planned") == []
    assert names(client, "industry=Energy") == ["Acme"]
    day = timezone.now().date() + datetime.timedelta(days=9)
    transfer(
        client,
        {"account": accounts["Acme"].pk, "kind": "give", "rep": bo.pk, "effective_on": day.isoformat()},
    )
    assert names(client, "state=planned") == ["Acme"]
    page = client.get(LIST).content.decode()
    assert "1 belongs to people who left" in page
    assert "1 account from Ana to Bo" in page
    assert "No named account matches" in client.get(f"{LIST}?q=nothing").content.decode()


def test_a_cursor_that_is_none_is_no_page(omar: User, as_user: SignIn) -> None:
    assert as_user(omar).get(f"{LIST}?at=nonsense").status_code == 404


def test_what_an_owner_who_is_away_or_gone_means(
    ana: Rep, bo: Rep, cara: Rep, make_rep: Callable[..., Rep]
) -> None:
    def away(rep: Rep, **values: Any) -> None:
        Absence.objects.create(**{"rep": rep, "starts_at": NOW - datetime.timedelta(days=1)} | values)

    def words(*reps: Rep) -> list[str]:
        found = owner_states(reps, now=NOW)
        return [found[rep.pk].words if rep.pk in found else "" for rep in reps]

    until = datetime.datetime(2026, 12, 3, 8, tzinfo=datetime.UTC)
    dan, eve, finn, gus = (make_rep(name) for name in ("Dan", "Eve", "Finn", "Gus"))
    gus.left_at = datetime.datetime(2025, 10, 12, tzinfo=datetime.UTC)
    gus.save()
    away(ana, ends_at=until, covering=cara)
    away(bo, ends_at=until)
    away(dan, covering=bo)
    away(eve, covering=gus, ends_at=datetime.datetime(2027, 1, 2, tzinfo=datetime.UTC))
    away(finn, starts_at=NOW + datetime.timedelta(days=1))  # not yet
    assert words(ana, bo, dan, eve, finn, gus, cara) == [
        "away until 3 Dec: Cara covers",
        "away until 3 Dec: nobody covers, so it goes on within team East",
        "away until further notice: Bo was to cover and is away as well, so it goes on within team East",
        "away until 2 Jan 2027: Gus was to cover and has left, so it goes on within team East",
        "",
        "left on 12 Oct 2025: not counted; its leads go down the ladder like any other",
        "",
    ]


@pytest.mark.parametrize("covered", [True, False])
def test_the_words_say_what_the_ladder_does(
    ana: Rep,
    bo: Rep,
    cara: Rep,
    covered: bool,
    assign_at_once: None,
    make_opportunity: Callable[..., Opportunity],
) -> None:
    Absence.objects.create(rep=ana, starts_at=timezone.now(), covering=cara if covered else None)
    lead = make_opportunity(account=Account.objects.create(name="Acme", owner=ana))
    route(opportunity_id=lead.pk)
    lead.refresh_from_db()
    said = owner_states([ana], now=timezone.now())[ana.pk].words
    assert (lead.owner == cara, "Cara covers" in said) == (covered, covered)
    if not covered:
        assert lead.owner == bo  # of Ana's team
        assert said.endswith("within team East")


def test_the_list_takes_the_same_queries_for_1_row_and_30(
    ana: Rep, bo: Rep, omar: User, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    client = as_user(omar)
    day = timezone.now().date() + datetime.timedelta(days=9)
    for count in (1, 29):
        made = [
            Account.objects.create(name=f"{count}-{n}", owner=ana, industry=f"I{n}") for n in range(count)
        ]
        query = {"account": [one.pk for one in made], "kind": "give", "rep": bo.pk}
        transfer(client, query | {"effective_on": day.isoformat()})
        Absence.objects.create(rep=ana, starts_at=timezone.now(), covering=bo)
        client.get(LIST, headers={"HX-Request": "true", "HX-Target": "named-accounts"})
        with django_assert_num_queries(15):
            client.get(LIST, headers={"HX-Request": "true", "HX-Target": "named-accounts"})
        newest = AccountTransfer.objects.first()
        assert newest is not None
        for address in (reverse("account_transfers"), reverse("account_transfer", args=[newest.pk])):
            client.get(address)
            with django_assert_num_queries(8 if address.endswith("transfers/") else 11):
                client.get(address)


def test_the_file_has_all_that_match_and_no_formulas(omar: User, ana: Rep, as_user: SignIn) -> None:
    for n in range(60):
        Account.objects.create(name=f"=Account {n:02}", owner=ana, industry="Energy")
    Account.objects.create(name="Other", owner=ana, industry="Retail")
    response = as_user(omar).get("/named-accounts/export.csv?industry=energy")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [row["account"] for row in rows] == [f"'=Account {n:02}" for n in range(60)]
    assert (rows[0]["owner"], rows[0]["team"], rows[0]["open_opportunities"]) == ("Ana", "East", "0")


# --- transfer --------------------------------------------------------------------------------------------------------


def test_select_transfer_undo(
    accounts: dict[str, Account], omar: User, ana: Rep, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(omar)
    ids = [accounts["Acme"].pk, accounts["Bolt"].pk]
    page = transfer(client, {"account": ids, "kind": "give", "rep": cara.pk})
    assert "2 accounts have another owner." in page.content.decode()
    assert set(Account.objects.filter(pk__in=ids).values_list("owner__name", flat=True)) == {"Cara"}
    undo = re.search(r'action="(/named-accounts/transfers/\d+/undo/)"', page.content.decode())
    assert undo is not None
    page = client.post(undo[1], follow=True)
    assert "2 accounts went back to the previous owner." in page.content.decode()
    assert list(
        Account.objects.filter(pk__in=ids).order_by("name").values_list("owner__name", flat=True)
    ) == [
        "Ana",
        "Bo",
    ]


def test_all_that_match_are_transferred(omar: User, ana: Rep, cara: Rep, as_user: SignIn) -> None:
    for n in range(70):
        Account.objects.create(name=f"Account {n}", owner=ana, industry="Energy")
    other = Account.objects.create(name="Other", owner=ana)
    client = as_user(omar)
    shown = client.get(NEW, {"all": "1", "industry": "Energy", "account": str(other.pk)})
    assert "Transfer 70 accounts" in shown.content.decode()
    transfer(client, {"all": "1", "industry": "Energy", "kind": "give", "rep": cara.pk})
    assert Account.objects.filter(owner=cara).count() == 70
    page = client.get(NEW, {"all": "1", "owner": "999999"}, follow=True)
    assert "Select at least one account first." in page.content.decode()


def test_people_who_left_are_selected_by_a_link(
    accounts: dict[str, Account], omar: User, cara: Rep, as_user: SignIn
) -> None:
    Rep.objects.filter(pk=cara.pk).update(left_at=timezone.now())
    client = as_user(omar)
    link = f"{LIST}?state=left&amp;select=all"
    for page in (LIST, "/rules/"):
        assert link in client.get(page).content.decode()
    page = client.get(f"{LIST}?state=left&select=all").content.decode()
    assert page.count(" checked") >= 1
    assert "Transfer all 1 account…" in page
    assert f"{LIST}?owner={cara.pk}" in client.get(reverse("rep", args=[cara.pk])).content.decode()


def test_what_changed_meanwhile_is_told_and_not_overwritten(
    accounts: dict[str, Account], omar: User, bo: Rep, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(omar)
    query: dict[str, Any] = {
        "account": [accounts["Acme"].pk, accounts["Bolt"].pk],
        "kind": "give",
        "rep": cara.pk,
    }
    fields = hidden(client.get(NEW, query).content.decode()) | {"reason": "x"}
    Account.objects.filter(pk=accounts["Acme"].pk).update(owner=bo)
    answer = client.post(NEW, fields)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Something changed since this was shown." in page
    assert "1 left out: another owner since you saw the list" in page
    assert Account.objects.filter(owner=cara).count() == 1  # Crane
    client.post(NEW, hidden(page) | {"reason": "x"})
    assert Account.objects.get(pk=accounts["Acme"].pk).owner == bo
    assert Account.objects.get(pk=accounts["Bolt"].pk).owner == cara


def test_what_is_missing_is_named(
    accounts: dict[str, Account], omar: User, ana: Rep, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(omar)
    account = accounts["Acme"].pk
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"kind": "give"}, "Choose who gets them."),
        ({"kind": "share", "reps": [cara.pk]}, "Choose two reps or more."),
        ({"kind": "release", "effective_on": "2020-01-01"}, "Choose a day after today"),
        ({"kind": "release", "effective_on": "2990-01-01"}, "Choose a day within three years."),
        ({"kind": "release", "effective_on": "soon"}, "Enter a valid date."),
        ({"kind": "steal"}, "Select a valid choice."),
    )
    for terms, said in wrong:
        page = client.get(NEW, {"account": account} | terms).content.decode()
        assert said in page
        assert client.post(NEW, {"account": account, "reason": "x"} | terms).status_code == 422
    answer = client.post(NEW, {"account": account, "kind": "release", "reason": " "})
    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()
    assert AccountTransfer.objects.count() == 0


def test_a_manager_gives_to_the_own_team_and_undoes_the_own_transfers(
    accounts: dict[str, Account], ben: User, omar: User, bo: Rep, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(ben)
    query: dict[str, Any] = {"account": [one.pk for one in accounts.values()], "kind": "give"}
    assert "Select a valid choice" in client.get(NEW, query | {"rep": cara.pk}).content.decode()
    transfer(client, query | {"rep": bo.pk})
    assert dict(Account.objects.values_list("name", "owner__name")) == {
        "Acme": "Bo",
        "Bolt": "Bo",
        "Crane": "Cara",
        "Free": "Bo",
    }
    own = AccountTransfer.objects.get()
    transfer(as_user(omar), {"account": accounts["Crane"].pk, "kind": "give", "rep": bo.pk})
    theirs = AccountTransfer.objects.first()
    assert theirs is not None
    assert as_user(ben).get(reverse("account_transfer", args=[theirs.pk])).status_code == 200
    assert client.post(reverse("account_transfer_undo", args=[theirs.pk])).status_code == 404
    client.post(reverse("account_transfer_undo", args=[own.pk]))
    assert Account.objects.get(name="Acme").owner is not None
    assert Account.objects.get(name="Acme").owner.name == "Ana"


def test_a_planned_transfer_is_changed_and_cancelled_on_its_page(
    accounts: dict[str, Account], omar: User, nia: User, bo: Rep, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(omar)
    day = timezone.now().date() + datetime.timedelta(days=9)
    query = {"account": accounts["Acme"].pk, "kind": "give", "rep": cara.pk, "effective_on": day.isoformat()}
    assert "is planned for" in transfer(client, query).content.decode()
    planned = AccountTransfer.objects.get()
    account = client.get(reverse("account", args=[accounts["Acme"].pk])).content.decode()
    assert f"From {day:%-d %b %Y}: Cara" in account
    change = reverse("account_transfer_change", args=[planned.pk])
    assert as_user(nia).get(change).status_code == 403
    client = as_user(omar)
    late = day + datetime.timedelta(days=1)
    assert client.post(change, {"rep": bo.pk, "effective_on": "2020-01-01", "reason": "x"}).status_code == 422
    client.post(change, {"rep": bo.pk, "effective_on": late.isoformat(), "reason": "later"})
    planned.refresh_from_db()
    assert (planned.effective_on, planned.reason) == (late, "later")
    assert planned.items.get().to_rep == bo
    page = client.get(reverse("account_transfer", args=[planned.pk])).content.decode()
    assert "1 account from Ana to Bo" in page
    client.post(reverse("account_transfer_cancel", args=[planned.pk]))
    planned.refresh_from_db()
    assert planned.state == "cancelled"
    page = client.post(reverse("account_transfer_cancel", args=[planned.pk]), follow=True).content.decode()
    assert "This transfer is cancelled already." in page


def test_who_looks_after_accounts_reads_of_a_failed_transfer(
    accounts: dict[str, Account], omar: User, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(omar)
    day = timezone.now().date() + datetime.timedelta(days=1)
    query = {"account": accounts["Acme"].pk, "kind": "give", "rep": cara.pk, "effective_on": day.isoformat()}
    transfer(client, query)
    Rep.objects.filter(pk=cara.pk).update(left_at=timezone.now())
    do_planned(at=timezone.now() + datetime.timedelta(days=2))
    outbox.deliver_due(at=timezone.now() + datetime.timedelta(days=2))
    failed = AccountTransfer.objects.get()
    page = client.get("/my-work/").content.decode()
    assert (
        f'<a href="{reverse("account_transfer", args=[failed.pk])}">The transfer of 1 named account' in page
    )
    for address in (LIST, reverse("account_transfer", args=[failed.pk])):
        assert "Cara has left and can own no accounts." in client.get(address).content.decode()


def test_who_gets_accounts_reads_of_them(
    accounts: dict[str, Account], omar: User, cara: Rep, as_user: SignIn
) -> None:
    transfer(as_user(omar), {"account": accounts["Acme"].pk, "kind": "give", "rep": cara.pk})
    outbox.deliver_due(at=timezone.now())
    assert cara.user is not None
    page = as_user(cara.user).get("/my-work/").content.decode()
    assert '<a href="/accounts/">Omar gave you 1 named account: territory change.</a>' in page


def test_the_account_says_since_when_by_whom_and_why(
    accounts: dict[str, Account], omar: User, cara: Rep, as_user: SignIn
) -> None:
    client = as_user(omar)
    transfer(client, {"account": accounts["Acme"].pk, "kind": "give", "rep": cara.pk})
    page = " ".join(client.get(reverse("account", args=[accounts["Acme"].pk])).content.decode().split())
    text = re.sub(r"<[^>]+>", "", page)
    assert f"Cara since {timezone.now():%-d %b %Y}, given by Omar: territory change" in text
    assert re.search(r"Ana\s+written outside these pages", text)
