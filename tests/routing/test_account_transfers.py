"""Transfers of named accounts: what is written, what is left alone, what is told; and the history of every owner."""

import datetime
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from rest_framework.test import APIClient

from crm.models import Account, AccountOwnerChange, AccountTransfer, Assignment, Opportunity
from crm.queries.account_owners import newest_change
from crm.services.imports.files import open_run
from crm.services.imports.runs import check_run, import_files, write_run
from crm.services.records import delete_account, save_account
from reps.models import Absence, Organisation, Rep, Team, User
from routing.models import Notification, Override
from routing.queries.account_transfers import Selection, Terms, make_plan, shown
from routing.queries.invariants import check_invariants
from routing.services import outbox
from routing.services.account_transfers import (
    NotAsShown,
    TransferRefused,
    cancel_planned,
    change_planned,
    do_planned,
    transfer_accounts,
    undo_transfer,
)
from routing.services.decisions import route
from routing.services.overrides import lock, reassign
from territories.queries.named_accounts import NamedSearch
from tests.conftest import NOW, user_of

LATER = NOW + datetime.timedelta(hours=1)
TOMORROW = NOW.date() + datetime.timedelta(days=1)
Give = Callable[..., AccountTransfer]


def make_account(name: str, owner: Rep | None = None, **values: Any) -> Account:
    return Account.objects.create(name=name, owner=owner, **values)


def owners_of(*accounts: Account) -> list[str]:
    names = dict(Account.objects.values_list("pk", "owner__name"))
    return [names[account.pk] for account in accounts]


@pytest.fixture
def give(omar: User) -> Give:
    """Shows and confirms a transfer of accounts to reps at once, as Omar."""

    def act(
        accounts: list[Account], *reps: Rep, by: User = omar, at: datetime.datetime = LATER, **terms: Any
    ) -> Any:
        selection = Selection(ids=tuple(one.pk for one in accounts), seen=newest_change())
        kind = "release" if not reps else "give" if len(reps) == 1 else "share"
        wanted = Terms(**{"kind": kind, "rep_ids": tuple(sorted(rep.pk for rep in reps))} | terms)
        digest = make_plan(by, selection, wanted, now=at).digest
        return transfer_accounts(
            selection=selection, terms=wanted, digest=digest, reason="territory change", by=by, at=at
        )

    return act


# --- at once ---------------------------------------------------------------------------------------------------------


def test_accounts_go_to_another_rep_with_their_history(ana: Rep, cara: Rep, omar: User, give: Give) -> None:
    first, second, other = (make_account(name, ana) for name in ("First", "Second", "Other"))
    transfer = give([first, second], cara)
    assert owners_of(first, second, other) == ["Cara", "Cara", "Ana"]
    assert (transfer.state, transfer.account_count, transfer.moved_count) == ("done", 2, 0)
    change = AccountOwnerChange.objects.filter(account=first).first()
    assert change is not None
    assert (change.from_rep, change.to_rep, change.made_by, change.made_at) == (ana, cara, omar, LATER)
    assert (change.reason, change.source, change.transfer) == ("territory change", "transfer", transfer)
    first.refresh_from_db()
    assert first.updated_at == LATER


def test_released_accounts_have_no_owner(ana: Rep, give: Give) -> None:
    account = make_account("First", ana)
    give([account])
    account.refresh_from_db()
    assert account.owner is None
    assert AccountOwnerChange.objects.filter(account=account).first().to_rep is None


@pytest.mark.parametrize("balance", ["number", "pipeline"])
def test_shared_out_evenly(
    ana: Rep, bo: Rep, cara: Rep, give: Give, balance: str, make_opportunity: Callable[..., Opportunity]
) -> None:
    accounts = [make_account(f"Account {n}", ana) for n in range(9)]
    for account, value in zip(accounts, (900, 500, 400, 100), strict=False):
        lead = make_opportunity(account=account, value=value, currency="USD")
        give_lead(lead, ana)
    give(accounts, bo, cara, balance=balance)
    owned = Counter(owners_of(*accounts))
    assert sorted(owned.values()) == [4, 5]
    worth = Counter[str]()
    for lead in Opportunity.objects.select_related("account__owner"):
        worth[lead.account.owner.name] += int(lead.value or 0)
    assert worth == ({"Bo": 1000, "Cara": 900})


def give_lead(lead: Opportunity, rep: Rep) -> None:
    boss = User.objects.filter(email="boss@example.com").first() or user_of("Boss", "ops")
    reassign(opportunity_ids=[lead.pk], rep_id=rep.pk, by=boss, at=NOW)


def test_open_opportunities_stay_unless_asked(
    ana: Rep, cara: Rep, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    account = make_account("First", ana)
    lead = make_opportunity(account=account)
    give_lead(lead, ana)
    give([account], cara)
    lead.refresh_from_db()
    assert lead.owner == ana


def test_what_moves_along_is_as_reassigned_by_hand(
    ana: Rep, bo: Rep, cara: Rep, omar: User, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    """The old owner's open ones move; another's, closed and locked ones stay. In bulk as one by one."""
    account, by_hand = make_account("First", ana), make_account("By hand", ana)
    leads = [
        make_opportunity(f"Lead {n}", account=account, value=100 * (n + 1), currency="USD") for n in range(3)
    ]
    like = make_opportunity("Like", account=by_hand, value=100, currency="USD")
    foreign, locked = (
        make_opportunity("Foreign", account=account),
        make_opportunity("Locked", account=account),
    )
    for lead in (*leads, like, locked):
        route(opportunity_id=lead.pk)
        give_lead(lead, ana) if Opportunity.objects.get(pk=lead.pk).owner_id != ana.pk else None
    give_lead(foreign, bo)
    lock(opportunity_id=locked.pk, by=omar)
    transfer = give([account], cara, moves_open=True)
    reassign(
        opportunity_ids=[like.pk], rep_id=cara.pk, by=omar, at=LATER, note="Named accounts: territory change"
    )
    assert (transfer.moved_count, transfer.locked_count) == (3, 1)
    owners = dict(Opportunity.objects.values_list("name", "owner__name"))
    assert owners == dict.fromkeys(("Lead 0", "Lead 1", "Lead 2", "Like"), "Cara") | {
        "Foreign": "Bo",
        "Locked": "Ana",
    }
    fields = ("owner", "assigned_at", "first_touch_at", "routing", "routing_since")
    assert Opportunity.objects.filter(pk=leads[0].pk).values(*fields).get() == (
        Opportunity.objects.filter(pk=like.pk).values(*fields).get()
    )
    written = ("rep", "source", "assigned_by", "exempt", "assigned_at", "ended_at", "committed_before")
    assert list(leads[0].assignments.values(*written)) == list(like.assignments.values(*written))
    logged = ("from_rep", "to_rep", "note", "made_by", "made_at")
    assert (
        Override.objects.filter(opportunity=leads[0]).values(*logged)[0]
        == (Override.objects.filter(opportunity=like).values(*logged)[0])
    )
    assert Override.objects.filter(opportunity=leads[0])[0].decision is not None
    assert check_invariants().violations == []
    assert Rep.objects.get(pk=cara.pk).load == 4
    assert Rep.objects.get(pk=cara.pk).pipeline_value == 700


def test_the_new_owner_is_told_once(
    ana: Rep, cara: Rep, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    accounts = [make_account(f"Account {n}", ana) for n in range(3)]
    lead = make_opportunity(account=accounts[0])
    give_lead(lead, ana)
    Notification.objects.all().delete()
    outbox.deliver_due(at=LATER)
    Notification.objects.all().delete()
    give(accounts, cara, moves_open=True)
    outbox.deliver_due(at=LATER)
    told = Notification.objects.get()
    assert told.user == cara.user
    assert told.text == "Omar gave you 3 named accounts with 1 open opportunity: territory change."


def test_a_manager_moves_only_what_he_sees(
    ana: Rep, bo: Rep, cara: Rep, ben: User, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    seen, unseen = make_account("Seen", ana), make_account("Unseen", cara)
    transfer = give([seen, unseen], bo, by=ben)
    assert transfer.account_count == 1
    assert owners_of(seen, unseen) == ["Bo", "Cara"]


# --- as shown, or told -----------------------------------------------------------------------------------------------


def test_an_account_that_changed_since_the_list_was_shown_is_left_out(
    ana: Rep, bo: Rep, cara: Rep, omar: User, give: Give
) -> None:
    first, second = make_account("First", ana), make_account("Second", ana)
    selection = Selection(ids=(first.pk, second.pk), seen=newest_change())
    give([first], bo)
    terms = Terms(kind="give", rep_ids=(cara.pk,))
    plan = make_plan(omar, selection, terms, now=LATER)
    assert plan.moves == {second.pk: (ana.pk, cara.pk)}
    assert [(one.account_id, one.to_rep) for one in plan.changed_since] == [(first.pk, bo)]
    transfer_accounts(selection=selection, terms=terms, digest=plan.digest, reason="x", by=omar, at=LATER)
    assert owners_of(first, second) == ["Bo", "Cara"]


def test_what_is_not_as_shown_is_not_done(
    ana: Rep, bo: Rep, cara: Rep, omar: User, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    account = make_account("First", ana)
    selection = Selection(ids=(account.pk,), seen=newest_change())
    terms = Terms(kind="give", rep_ids=(cara.pk,), moves_open=True)

    def confirm(digest: str) -> AccountTransfer:
        return transfer_accounts(
            selection=selection, terms=terms, digest=digest, reason="x", by=omar, at=LATER
        )

    digest = make_plan(omar, selection, terms, now=LATER).digest
    give_lead(make_opportunity(account=account), ana)  # would go along as well by now
    with pytest.raises(NotAsShown) as told:
        confirm(digest)
    give([account], bo)
    with pytest.raises(NotAsShown) as told_again:
        confirm(told.value.plan.digest)
    assert told_again.value.plan.changed_count == 1
    assert owners_of(account) == ["Bo"]
    assert AccountTransfer.objects.count() == 1


def test_a_rep_who_has_left_gets_nothing(ana: Rep, cara: Rep, give: Give) -> None:
    account = make_account("First", ana)
    Rep.objects.filter(pk=cara.pk).update(left_at=NOW)
    with pytest.raises(TransferRefused, match="Cara has left"):
        give([account], cara)
    assert owners_of(account) == ["Ana"]


def test_all_that_match_are_meant_when_it_is_done(ana: Rep, bo: Rep, cara: Rep, omar: User) -> None:
    for n in range(3):
        make_account(f"Account {n}", ana, industry="Energy")
    make_account("Other", bo, industry="Energy")
    selection = Selection(search=NamedSearch(owner_id=ana.pk, industry="energy"), seen=newest_change())
    plan = make_plan(omar, selection, Terms(kind="give", rep_ids=(cara.pk,)), now=NOW)
    assert list(plan.moves.values()) == [(ana.pk, cara.pk)] * 3


def test_the_preview_says_loads_and_warnings(
    ana: Rep,
    make_rep: Callable[..., Rep],
    omar: User,
    give: Give,
    make_opportunity: Callable[..., Opportunity],
) -> None:
    small = make_rep("Small", max_open=1)
    account = make_account("First", ana)
    for n in range(2):
        give_lead(make_opportunity(f"Lead {n}", account=account), ana)
    Absence.objects.create(rep=small, starts_at=NOW - datetime.timedelta(days=1))
    give([account], small, effective_on=TOMORROW)
    terms = Terms(kind="give", rep_ids=(small.pk,), moves_open=True)
    plan = make_plan(omar, Selection(ids=(account.pk,)), terms, now=NOW)
    page = shown(
        make_plan(omar, Selection(ids=(account.pk,), seen=newest_change()), terms, now=NOW), terms, now=NOW
    )
    assert plan.changed_count == 1  # seen nothing at all: the owner came later
    assert [(f.name, t.name, n) for f, t, n in page.flows] == [("Ana", "Small", 1)]
    effects = {
        one.load.rep.name: (one.accounts_before, one.accounts_after, one.load.before, one.load.after)
        for one in page.effects
    }
    assert effects == {"Small": (0, 1, 0, 2), "Ana": (1, 0, 2, 0)}
    away, full, planned = page.warnings
    assert away == "Small is away until further notice: nobody covers, so it goes on within team East."
    assert full.startswith("Small would be past the maximum: 2 of 1 open.")
    assert planned.startswith("1 account is in a planned transfer already, the first on 3 Mar 2026.")


# --- undo ------------------------------------------------------------------------------------------------------------


def test_undo_gives_back_what_nobody_changed_since(
    ana: Rep, bo: Rep, cara: Rep, omar: User, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    first, second = make_account("First", ana), make_account("Second", bo)
    leads = [make_opportunity(f"Lead {n}", account=first) for n in range(2)]
    for lead in leads:
        give_lead(lead, ana)
    transfer = give([first, second], cara, moves_open=True)
    give([second], ana)
    reassign(opportunity_ids=[leads[1].pk], rep_id=bo.pk, by=omar, at=LATER)
    assert undo_transfer(transfer_id=transfer.pk, by=omar, at=LATER) == (1, 1)
    assert owners_of(first, second) == ["Ana", "Ana"]
    assert [lead.owner.name for lead in Opportunity.objects.order_by("name")] == ["Ana", "Bo"]
    newest = AccountOwnerChange.objects.filter(account=first)[0]
    assert (newest.source, newest.reason, newest.to_rep) == ("undo", "Undone: territory change", ana)
    assert check_invariants().violations == []
    with pytest.raises(TransferRefused, match="undone already"):
        undo_transfer(transfer_id=transfer.pk, by=omar, at=LATER)


def test_undo_gives_accounts_back_to_those_who_left_but_no_opportunities(
    ana: Rep, cara: Rep, omar: User, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    account = make_account("First", ana)
    lead = make_opportunity(account=account)
    give_lead(lead, ana)
    transfer = give([account], cara, moves_open=True)
    Rep.objects.filter(pk=ana.pk).update(left_at=LATER)
    undo_transfer(transfer_id=transfer.pk, by=omar, at=LATER)
    lead.refresh_from_db()
    assert (owners_of(account), lead.owner) == (["Ana"], cara)


# --- planned ---------------------------------------------------------------------------------------------------------


def test_a_planned_transfer_is_done_when_its_day_begins_here(
    ana: Rep, cara: Rep, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    Organisation.objects.update(time_zone="America/New_York")
    account = make_account("First", ana)
    lead = make_opportunity(account=account)
    give_lead(lead, ana)
    transfer = give([account], cara, effective_on=TOMORROW, moves_open=True)
    assert (transfer.state, owners_of(account)) == ("planned", ["Ana"])
    midnight = datetime.datetime(2026, 3, 3, 5, tzinfo=datetime.UTC)  # 00:00 in New York
    assert do_planned(at=midnight - datetime.timedelta(seconds=1)) == 0
    assert do_planned(at=midnight) == 1
    assert do_planned(at=midnight) == 0
    transfer.refresh_from_db()
    lead.refresh_from_db()
    assert (transfer.state, transfer.moved_count, owners_of(account), lead.owner) == (
        "done",
        1,
        ["Cara"],
        cara,
    )


def test_what_has_another_owner_by_then_is_left_alone(
    ana: Rep, bo: Rep, cara: Rep, omar: User, give: Give
) -> None:
    first, second, third = (make_account(name, ana) for name in ("First", "Second", "Third"))
    transfer = give([first, second, third], cara, effective_on=TOMORROW)
    give([second], bo)
    delete_account(account=third, by=omar)
    do_planned(at=NOW + datetime.timedelta(days=1))
    transfer.refresh_from_db()
    assert owners_of(first, second) == ["Cara", "Bo"]
    assert (transfer.state, transfer.left_alone) == ("done", 2)


def test_who_has_left_by_then_gets_nothing_and_ops_are_told(
    ana: Rep, bo: Rep, cara: Rep, omar: User, ada: User, ben: User, nia: User, give: Give
) -> None:
    accounts = [make_account(f"Account {n}", ana) for n in range(2)]
    transfer = give(accounts, bo, cara, effective_on=TOMORROW)
    Rep.objects.filter(pk=cara.pk).update(left_at=NOW)
    do_planned(at=NOW + datetime.timedelta(days=1))
    transfer.refresh_from_db()
    assert (transfer.state, owners_of(*accounts)) == ("failed", ["Ana", "Ana"])
    assert transfer.failure == "Cara has left and can own no accounts. Choose somebody else."
    outbox.deliver_due(at=NOW + datetime.timedelta(days=1))
    told = {note.user.name: note.text for note in Notification.objects.select_related("user")}
    assert told.keys() == {"Omar", "Ada"}
    assert told["Omar"] == (
        "The transfer of 2 named accounts planned for 3 Mar 2026 was not done: Cara has left and can own no "
        "accounts. Choose somebody else."
    )


def test_a_planned_transfer_is_changed_or_cancelled_before(
    ana: Rep, bo: Rep, cara: Rep, omar: User, give: Give
) -> None:
    account = make_account("First", ana)
    transfer = give([account], cara, effective_on=TOMORROW)
    day = NOW.date() + datetime.timedelta(days=3)
    change_planned(
        transfer_id=transfer.pk, effective_on=day, reason="later", moves_open=False, rep=bo, at=NOW
    )
    assert do_planned(at=NOW + datetime.timedelta(days=1)) == 0
    cancel_planned(transfer_id=transfer.pk, by=omar, at=LATER)
    assert do_planned(at=NOW + datetime.timedelta(days=9)) == 0
    assert owners_of(account) == ["Ana"]
    with pytest.raises(TransferRefused, match="cancelled already"):
        change_planned(transfer_id=transfer.pk, effective_on=day, reason="", moves_open=False, rep=bo, at=NOW)


def test_a_failed_transfer_is_planned_anew(ana: Rep, bo: Rep, cara: Rep, give: Give) -> None:
    account = make_account("First", ana)
    transfer = give([account], cara, effective_on=TOMORROW)
    Rep.objects.filter(pk=cara.pk).update(left_at=NOW)
    day = NOW + datetime.timedelta(days=1)
    do_planned(at=day)
    wanted: dict[str, Any] = {"transfer_id": transfer.pk, "reason": "x", "moves_open": False, "at": day}
    with pytest.raises(TransferRefused, match="after today"):
        change_planned(**wanted, effective_on=day.date(), rep=bo)
    with pytest.raises(TransferRefused, match="Cara has left"):
        change_planned(**wanted, effective_on=day.date() + datetime.timedelta(days=1), rep=cara)
    change_planned(**wanted, effective_on=day.date() + datetime.timedelta(days=1), rep=bo)
    do_planned(at=day + datetime.timedelta(days=1))
    assert owners_of(account) == ["Bo"]


def test_one_that_was_shared_out_is_not_planned_anew_for_who_has_left(
    ana: Rep, bo: Rep, cara: Rep, give: Give
) -> None:
    transfer = give([make_account(f"Account {n}", ana) for n in range(2)], bo, cara, effective_on=TOMORROW)
    Rep.objects.filter(pk=cara.pk).update(left_at=NOW)
    day = NOW + datetime.timedelta(days=1)
    do_planned(at=day)
    with pytest.raises(TransferRefused, match="Cara has left"):
        change_planned(
            transfer_id=transfer.pk,
            effective_on=day.date() + datetime.timedelta(days=1),
            reason="x",
            moves_open=False,
            rep=None,
            at=day,
        )
    transfer.refresh_from_db()
    assert transfer.state == "failed"


# --- the history -----------------------------------------------------------------------------------------------------


def test_every_way_of_writing_an_owner_is_in_the_history(
    ana: Rep, bo: Rep, omar: User, api: Callable[[User], APIClient]
) -> None:
    account = save_account(account=Account(name="First", owner=ana), by=omar)
    account.owner = bo
    save_account(account=account, by=omar)
    save_account(account=account, by=omar)  # nothing about the owner
    Account.objects.filter(pk=account.pk).update(owner=None)
    api(omar).patch(f"/api/v1/accounts/{account.pk}/", {"owner": str(ana.pk)})
    import_files(
        files=[("accounts.csv", b"Account,Owner\nFirst,Bo\nSecond,Ana\n")],
        by=omar,
        at=NOW,
        options={"create_reps": False},
    )
    written = AccountOwnerChange.objects.filter(account=account).order_by("pk")
    assert [(one.source, one.from_rep, one.to_rep, one.made_by) for one in written] == [
        ("form", None, ana, omar),
        ("form", ana, bo, omar),
        ("other", bo, None, None),
        ("api", None, ana, omar),
        ("import", ana, bo, omar),
    ]
    added = AccountOwnerChange.objects.get(account__name="Second")
    assert (added.source, added.to_rep, added.import_run_id is not None) == ("import", ana, True)


def test_an_import_does_not_take_back_an_owner_that_its_file_does_not_name(
    ana: Rep, bo: Rep, cara: Rep, omar: User
) -> None:
    kept, given = make_account("Kept", ana), make_account("Given", ana)
    run = open_run(
        files=[("accounts.csv", b"Account,Industry,Owner\nKept,Energy,\nGiven,Energy,Bo\n")],
        by=omar,
        options={"create_reps": False},
    )
    check_run(run=run, at=NOW)

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage.startswith("Writing accounts"):
            Account.objects.update(owner=cara)

    write_run(run=run, at=NOW, progress=meanwhile)
    assert owners_of(kept, given) == ["Cara", "Bo"]
    assert set(Account.objects.values_list("industry", flat=True)) == {"Energy"}


def test_who_and_why_end_with_what_they_were_said_for(ana: Rep, bo: Rep, omar: User, give: Give) -> None:
    account = make_account("First", ana)
    with transaction.atomic():
        give([account], bo)
        Account.objects.filter(pk=account.pk).update(owner=ana)
    newest = AccountOwnerChange.objects.filter(account=account)[0]
    assert (newest.source, newest.made_by, newest.reason, newest.transfer) == ("other", None, "", None)


@pytest.mark.django_db
def test_the_history_is_never_changed_nor_deleted_and_outlives_its_account(ana: Rep, omar: User) -> None:
    account = make_account("First", ana)
    change = AccountOwnerChange.objects.get(account=account)
    for act in (
        lambda: AccountOwnerChange.objects.update(reason="other"),
        lambda: AccountOwnerChange.objects.all().delete(),
        lambda: change.delete(),
    ):
        with pytest.raises(DatabaseError, match="is history"), transaction.atomic():
            act()
    delete_account(account=account, by=omar)
    assert AccountOwnerChange.objects.get().to_rep == ana


# --- many, and side by side ------------------------------------------------------------------------------------------


def test_thousands_take_as_many_statements_as_few(
    ana: Rep, bo: Rep, cara: Rep, omar: User, give: Give, make_opportunity: Callable[..., Opportunity]
) -> None:
    from django.test.utils import CaptureQueriesContext

    taken = []
    for size in (2, 2_000):
        Account.objects.bulk_create(Account(name=f"{size}-{n}", owner=ana) for n in range(size))
        accounts = list(Account.objects.filter(name__startswith=f"{size}-"))
        for account in accounts[:2]:
            give_lead(make_opportunity(account=account), ana)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            give(accounts, bo, cara, moves_open=True)
        taken.append(len(queries))
    assert taken[0] == taken[1]
    assert AccountOwnerChange.objects.filter(source="transfer").count() == 2_002


@pytest.mark.django_db(transaction=True)
def test_of_two_transfers_of_an_account_side_by_side_one_is_told(
    ana: Rep, bo: Rep, cara: Rep, omar: User, east: Team
) -> None:
    accounts = [make_account(f"Account {n}", ana) for n in range(20)]
    selection = Selection(ids=tuple(one.pk for one in accounts), seen=newest_change())
    gate = threading.Barrier(4)

    def act(target: int) -> str:
        terms = Terms(kind="give", rep_ids=(target,))
        digest = make_plan(omar, selection, terms, now=LATER).digest
        gate.wait()
        try:
            transfer_accounts(selection=selection, terms=terms, digest=digest, reason="x", by=omar, at=LATER)
        except NotAsShown as told:
            return f"told of {told.plan.changed_count}"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(act, [bo.pk, cara.pk, bo.pk, cara.pk])) == ["done", *["told of 20"] * 3]
    assert len(set(owners_of(*accounts))) == 1
    assert AccountOwnerChange.objects.filter(source="transfer").count() == 20


@pytest.mark.django_db(transaction=True)
def test_several_workers_do_a_planned_transfer_once(ana: Rep, cara: Rep, give: Give) -> None:
    accounts = [make_account(f"Account {n}", ana) for n in range(5)]
    give(accounts, cara, effective_on=TOMORROW)
    gate = threading.Barrier(4)

    def work(_: int) -> int:
        gate.wait()
        try:
            return do_planned(at=NOW + datetime.timedelta(days=1))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 1
    assert AccountOwnerChange.objects.filter(source="transfer").count() == 5
    assert Assignment.objects.count() == 0
