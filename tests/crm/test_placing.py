"""Leads placed at accounts: what attaches, what is offered, what is new; the index kept current; a person's choice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from crm.engine.matching.matcher import AccountKey, Lead, Matcher, NamesAlike
from crm.models import Account, AccountMatch, Contact, Opportunity, RegionLanguage
from crm.queries import matching
from crm.queries.matching import forget_matcher, match_lead, match_leads
from crm.services.account_matches import (
    AlreadyDecided,
    choose_account,
    choose_new_account,
    choose_no_account,
    undo_choice,
)
from crm.services.placing import create_placed_opportunity
from crm.services.records import delete_account
from reps.models import Rep, User
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


def take(company: dict[str, Any] | None = None, **values: Any) -> Opportunity:
    name = (company or {}).get("name") or "A lead"
    return create_placed_opportunity(values={"name": name, "company": company, **values}, at=NOW, by=None)


def found(opportunity: Opportunity) -> tuple[str, str | None]:
    match = AccountMatch.objects.get(opportunity=opportunity)
    return match.state, opportunity.account.name if opportunity.account else None


@pytest.fixture
def kranich(db: None) -> Account:
    return Account.objects.create(
        name="Kranichfeld Elektronik GmbH",
        domain="kranichfeld.de",
        country="DE",
        industry="Manufacturing",
        employees=400,
        size_band="200-999",
        city="Jena",
    )


# --- what attaches -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "company",
    [
        {"name": "Kranichfeld Elektronik GmbH"},
        {"name": "KRANICHFELD ELEKTRONIK"},
        {"name": "Kranichfeld Elektronik GmbH & Co. KG", "country": "DE"},
        {"name": "Kranichfeld Elektronk GmbH", "country": "Germany"},
        {"name": "Elektronik Kranichfeld"},
        {"name": "Kranichfeld Elektronik", "domain": "https://www.kranichfeld.de/shop"},
    ],
)
def test_spelling_variants_attach(kranich: Account, company: dict[str, str]) -> None:
    opportunity = take(company)
    assert found(opportunity) == ("attached", kranich.name)
    assert Account.objects.count() == 1
    match = opportunity.account_match
    assert match.confidence is not None
    assert match.confidence >= 0.9
    assert match.why.endswith(".")


@pytest.mark.parametrize(
    ("company", "person"),
    [
        (None, {"email": "max@kranichfeld.de"}),
        ({"name": "Something else entirely"}, {"email": "Jo@Kranichfeld.de"}),
        (None, {"phone": "+49 3641 901820", "name": "Jo"}),
        ({"country": "DE"}, {"phone": "03641/901820", "name": "Jo"}),
    ],
    ids=["domain of the email address", "known contact", "phone", "phone as written at home"],
)
def test_contacts_and_domains_attach(
    kranich: Account, company: dict[str, str] | None, person: dict[str, str]
) -> None:
    Contact.objects.create(
        account=kranich, name="Jo", email="jo@kranichfeld.de", phone="+49 (0) 3641 901820 ext. 7"
    )
    assert found(take(company, person=person)) == ("attached", kranich.name)


def test_the_lead_says_first_then_the_account_then_the_company(kranich: Account) -> None:
    kranich.city = ""
    kranich.save()
    company = {"name": "Kranichfeld Elektronik", "city": "Weimar", "industry": "Retail", "country": "DE"}
    opportunity = take(company, employees=20)
    assert (opportunity.employees, opportunity.industry, opportunity.city) == (20, "Manufacturing", "Weimar")


# --- what does not -------------------------------------------------------------------------------------------------


def test_same_name_in_another_country_is_offered(kranich: Account) -> None:
    company = {"name": "Kranichfeld Elektronik", "country": "BR", "industry": "Energy", "employees": 60}
    opportunity = take(company, person={"name": "Jo", "email": "jo@kranichfeld.com.br"})
    assert found(opportunity) == ("offered", None)
    assert (opportunity.country, opportunity.industry, opportunity.size_band) == ("BR", "Energy", "50-199")
    candidates = opportunity.account_match.candidates
    assert [one["account_id"] for one in candidates] == [kranich.pk]
    assert 0.35 <= candidates[0]["confidence"] < 0.9
    assert opportunity.contact is not None
    assert opportunity.contact.account is None
    assert Account.objects.count() == 1


def test_free_mail_never_attaches_by_domain() -> None:
    Account.objects.create(name="Private Customers", domain="gmail.com")
    opportunity = take(None, person={"email": "jo@gmail.com"})
    assert opportunity.account is None
    assert not AccountMatch.objects.exists()
    named = take({"name": "Bellerive SA"}, person={"email": "al@gmail.com"})
    assert found(named) == ("created", "Bellerive SA")


def test_free_mail_of_a_known_contact_attaches(kranich: Account) -> None:
    Contact.objects.create(account=kranich, name="Jo", email="jo@gmail.com")
    assert found(take(None, person={"email": "jo@gmail.com"})) == ("attached", kranich.name)


@pytest.mark.parametrize(
    ("known", "name"),
    [
        ("First National Bank of Texas", "First National Bank of Ohio"),
        ("Acme North", "Acme South"),
        ("Group 1 Automotive", "Group 2 Automotive"),
        ("Delta Airlines", "Delta Faucets"),
    ],
)
def test_companies_of_close_names_do_not_attach(known: str, name: str) -> None:
    Account.objects.create(name=known, country="US")
    opportunity = take({"name": name, "country": "US"})
    assert opportunity.account is None or opportunity.account.name == name


def test_two_accounts_that_fit_are_offered(kranich: Account) -> None:
    twin = Account.objects.create(name="Kranichfeld Elektronik AG", country="DE")
    opportunity = take({"name": "Kranichfeld Elektronik", "country": "DE"})
    assert found(opportunity) == ("offered", None)
    offered = {one["account_id"] for one in opportunity.account_match.candidates}
    assert offered == {kranich.pk, twin.pk}


def test_an_unknown_company_becomes_an_account(kranich: Account) -> None:
    opportunity = take({"name": "Bellerive SA", "country": "FR", "employees": 60})
    assert found(opportunity) == ("created", "Bellerive SA")
    assert opportunity.account is not None
    assert (opportunity.account.size_band, opportunity.country) == ("50-199", "FR")


def test_an_account_that_is_named_is_taken_as_given(kranich: Account) -> None:
    other = Account.objects.create(name="Other")
    assert take({"name": kranich.name}, account=other).account == other
    assert not AccountMatch.objects.exists()


# --- the index is current ------------------------------------------------------------------------------------------


def test_changes_and_deletions_are_seen(kranich: Account, omar: User) -> None:
    assert match_lead(Lead("Kranichfeld Elektronik"))[0].account_id == kranich.pk
    Account.objects.filter(pk=kranich.pk).update(name="Bellerive SA", domain="bellerive.fr")
    assert match_lead(Lead("Kranichfeld Elektronik")) == ()
    assert match_lead(Lead(domain="bellerive.fr"))[0].is_sure
    delete_account(account=kranich, by=omar)
    assert match_lead(Lead("Bellerive")) == ()


def test_an_account_that_was_rolled_back_does_not_match() -> None:
    with transaction.atomic():
        Account.objects.create(name="Bellerive SA")
        assert match_lead(Lead("Bellerive"))[0].is_sure
        transaction.set_rollback(True)
    assert match_lead(Lead("Bellerive")) == ()


def test_contacts_count_at_once_and_no_longer_than_they_are_there(kranich: Account) -> None:
    contact = Contact.objects.create(account=kranich, name="Jo", email="jo@else.example")
    assert match_lead(Lead(email="JO@else.example"))[0].is_sure
    contact.delete()
    assert match_lead(Lead(email="jo@else.example")) == ()


def test_a_current_index_asks_two_queries(
    kranich: Account, django_assert_num_queries: Callable[..., Any]
) -> None:
    leads = [Lead("Kranichfeld", email="jo@kranichfeld.de"), Lead("Bellerive", phone="+49 3641 901820")]
    match_leads(leads)
    connection.cursor().execute("DELETE FROM crm_accountchange")  # what this test's transaction wrote itself
    match_leads(leads)
    with django_assert_num_queries(2):
        match_leads(leads)


@pytest.mark.django_db(transaction=True)
class TestOtherConnections:
    def side_by_side(self, work: Callable[[int], Any], count: int) -> list[Any]:
        gate = threading.Barrier(count)

        def one(number: int) -> Any:
            try:
                gate.wait()
                return work(number)
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(one, range(count)))

    def test_leads_of_one_new_company_make_one_account(self) -> None:
        names = ("Bellerive SA", "BELLERIVE", "Bellerive S.A.", "bellerive sa")
        taken = self.side_by_side(lambda n: take({"name": names[n % 4]}).account, 8)
        assert Account.objects.count() == 1
        assert set(taken) == {Account.objects.get()}
        assert AccountMatch.objects.filter(state="created").count() == 1
        assert AccountMatch.objects.filter(state="attached").count() == 7

    def test_leads_of_one_new_domain_make_one_account(self) -> None:
        names = ("Bellerive SA", "Société Bellerive Maritime")
        self.side_by_side(lambda n: take({"name": names[n], "domain": "bellerive.fr"}), 2)
        assert Account.objects.filter(name__in=names).count() == 1

    def test_what_is_not_committed_is_not_seen_and_then_is(self) -> None:
        written, looked = threading.Event(), threading.Event()

        def write() -> None:
            with transaction.atomic():
                Account.objects.create(name="Bellerive SA")
                written.set()
                looked.wait(10)

        def look() -> tuple[int, int]:
            written.wait(10)
            Account.objects.create(name="Another and later one")
            before = len(match_lead(Lead("Bellerive")))
            looked.set()
            return before, len(match_lead(Lead("Another and later one")))

        assert self.side_by_side(lambda n: (write, look)[n](), 2)[1] == (0, 1)
        assert match_lead(Lead("Bellerive"))[0].is_sure

    def test_what_a_transaction_adds_after_it_looked_is_seen(self) -> None:
        """A snapshot takes its own transaction for finished as soon as a later one is."""

        def look_then_write() -> None:
            with transaction.atomic():
                Account.objects.create(name="Given Ltd")
                self.side_by_side(lambda n: Account.objects.create(name="Finished later"), 1)
                assert match_lead(Lead("Bellerive")) == ()
                Account.objects.create(name="Bellerive SA")

        self.side_by_side(lambda n: look_then_write(), 1)
        assert match_lead(Lead("Bellerive"))[0].is_sure

    def test_an_account_that_a_lead_brings_is_in_the_index_before_it_is_read(self) -> None:
        """So that the next lead finds nothing changed."""
        assert match_lead(Lead("Kranich")) == ()
        take({"name": "Bellerive  SA", "domain": "https://bellerive.fr", "country": "FR"})
        matcher = matching._kept._matcher
        assert matcher is not None
        ahead = matcher.names_alike(Lead("Bellerive"))
        assert match_lead(Lead("Bellerive"))[0].is_sure
        assert matcher.names_alike(Lead("Bellerive")) == ahead

    def test_an_account_that_is_gone_before_it_was_noted_is_gone(self) -> None:
        assert match_lead(Lead("Kranich")) == ()
        account = Account.objects.create(name="Bellerive SA")
        account_id = account.pk
        account.delete()
        assert match_lead(Lead("Bellerive")) == ()
        matching.note_added(AccountKey(account_id, "Bellerive SA"))  # by a request that took its time
        assert match_lead(Lead("Bellerive")) == ()

    def test_names_are_compared_ahead_unless_others_change_the_index(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[bool] = []
        ahead = matching._kept.names_alike

        def noted(lead: Lead) -> NamesAlike | None:
            names = ahead(lead)
            given.append(names is not None)
            return names

        monkeypatch.setattr(matching._kept, "names_alike", noted)
        take({"name": "Bellerive SA"})
        take({"name": "Kranichfeld GmbH"})
        match_lead(Lead("Bellerive"))  # as if it had come between a question and its answer
        take({"name": "Umbrella Ltd"})
        take({"name": "Acme"})
        assert given == [False, True, False, True]
        with matching._kept._lock:
            assert matching.names_alike(Lead("Umbrella")) is None  # nobody waits for that

    def test_a_process_builds_its_index_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Account.objects.create(name="Bellerive SA")
        forget_matcher()
        built: list[int] = []

        def counted(*args: Any) -> Matcher:
            built.append(1)
            return Matcher(*args)

        monkeypatch.setattr("crm.queries.matching.Matcher", counted)
        found = self.side_by_side(lambda n: match_lead(Lead("Bellerive"))[0].is_sure, 6)
        assert (found, len(built)) == ([True] * 6, 1)


# --- a person chooses ----------------------------------------------------------------------------------------------


@pytest.fixture
def offered(kranich: Account) -> AccountMatch:
    company = {"name": "Kranichfeld Elektronik", "country": "BR"}
    return take(company, person={"name": "Al", "email": "al@mail.example"}).account_match


def test_a_candidate_that_is_chosen_fills_the_gaps(
    kranich: Account, offered: AccountMatch, omar: User
) -> None:
    match = choose_account(match_id=offered.pk, account=kranich, by=omar, at=NOW, seen=offered.seen)
    opportunity = Opportunity.objects.select_related("contact").get(pk=match.opportunity_id)
    assert (match.state, match.account, opportunity.account) == ("confirmed", kranich, kranich)
    assert (opportunity.country, opportunity.industry, opportunity.employees) == ("BR", "Manufacturing", 400)
    assert opportunity.contact.account == kranich


def test_undo_leaves_it_as_it_was(kranich: Account, offered: AccountMatch, omar: User) -> None:
    before = Opportunity.objects.values().get(pk=offered.opportunity_id)
    match = choose_account(match_id=offered.pk, account=kranich, by=omar, at=NOW, seen=offered.seen)
    undo_choice(match_id=match.pk, by=omar, at=NOW)
    after = Opportunity.objects.values().get(pk=offered.opportunity_id)
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    assert AccountMatch.objects.get().state == "offered"
    assert Contact.objects.get().account is None


def test_a_confirmed_spelling_attaches_the_next_time(
    kranich: Account, offered: AccountMatch, omar: User
) -> None:
    choose_account(match_id=offered.pk, account=kranich, by=omar, at=NOW, seen=offered.seen)
    assert match_lead(Lead("Kranichfeld Elektronik"))[0].is_sure
    kind = AccountMatch.objects.create(
        opportunity=take(None), state="confirmed", account=kranich, confidence=0.5,
        company={"name": "KFE Thüringen"}, created_at=NOW,
    )  # fmt: skip
    assert match_lead(Lead("KFE Thueringen"))[0].is_sure
    kind.delete()
    assert match_lead(Lead("KFE Thueringen")) == ()


def test_a_new_company_is_added_and_undo_takes_it_away(offered: AccountMatch, omar: User) -> None:
    match = choose_new_account(match_id=offered.pk, by=omar, at=NOW, seen=offered.seen)
    assert match.account is not None
    assert (match.state, match.account.name, match.account.country) == (
        "declined", "Kranichfeld Elektronik", "BR",
    )  # fmt: skip
    undo_choice(match_id=match.pk, by=omar, at=NOW)
    assert Account.objects.count() == 1


def test_a_new_company_needs_a_name(kranich: Account, omar: User) -> None:
    Contact.objects.create(account=kranich, name="A", phone="+49 3641 901820")
    Contact.objects.create(account=Account.objects.create(name="Other"), name="B", phone="+49 3641 901820")
    match = take(None, person={"name": "C", "phone": "+49 3641 901820"}).account_match
    assert match.state == "offered"
    with pytest.raises(ValidationError, match="gave no name"):
        choose_new_account(match_id=match.pk, by=omar, at=NOW, seen=match.seen)
    assert choose_no_account(match_id=match.pk, by=omar, at=NOW, seen=match.seen).state == "declined"


def test_a_wrong_match_is_undone_and_what_it_filled_goes(kranich: Account, omar: User) -> None:
    RegionLanguage.objects.update_or_create(country="DE", region="", defaults={"language": "German"})
    right = Account.objects.create(name="Bellerive SA", country="FR", industry="Retail")
    opportunity = take({"name": "Kranichfeld Elektronik"}, person={"name": "Al"}, source="Web", employees=90)
    assert (opportunity.country, opportunity.language) == ("DE", "German")
    match = opportunity.account_match
    choose_account(match_id=match.pk, account=right, by=omar, at=NOW, seen=match.seen)
    moved = Opportunity.objects.get(pk=opportunity.pk)
    assert (moved.account, moved.country, moved.industry, moved.city) == (right, "FR", "Retail", "")
    assert (moved.employees, moved.size_band, moved.source) == (90, "50-199", "Web")
    assert moved.language != "German"
    assert Contact.objects.get().account == right
    undo_choice(match_id=match.pk, by=omar, at=NOW)
    again = Opportunity.objects.get(pk=opportunity.pk)
    assert (again.account, again.country, again.language, again.city) == (kranich, "DE", "German", "Jena")
    assert AccountMatch.objects.get().state == "attached"


def test_no_account_takes_a_wrong_one_away(kranich: Account, omar: User) -> None:
    match = take({"name": "Kranichfeld Elektronik"}).account_match
    choose_no_account(match_id=match.pk, by=omar, at=NOW, seen=match.seen)
    opportunity = Opportunity.objects.get()
    assert (opportunity.account, opportunity.industry, opportunity.city) == (None, "", "")
    assert opportunity.employees is None


def test_the_second_person_is_told(kranich: Account, offered: AccountMatch, omar: User, ben: User) -> None:
    choose_account(match_id=offered.pk, account=kranich, by=omar, at=NOW, seen=offered.seen)
    with pytest.raises(AlreadyDecided, match="Omar said already that it is Kranichfeld"):
        choose_new_account(match_id=offered.pk, by=ben, at=NOW, seen=offered.seen)
    with pytest.raises(AlreadyDecided):
        undo_choice(match_id=offered.pk, by=ben, at=NOW)
    assert Account.objects.count() == 1


def test_a_known_contact_of_somebody_else_stays_there(kranich: Account, ana: Rep, omar: User) -> None:
    other = Account.objects.create(name="Other")
    contact = Contact.objects.create(account=other, name="Jo", email="jo@gmail.com")
    match = take({"name": "Kranichfeld Elektronik"}, person={"email": "jo@gmail.com"}).account_match
    assert match.state == "offered"  # the person says one company, the name another
    choose_account(match_id=match.pk, account=kranich, by=omar, at=NOW, seen=match.seen)
    contact.refresh_from_db()
    assert contact.account == other
