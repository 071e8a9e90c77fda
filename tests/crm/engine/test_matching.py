"""Leads → accounts, and repeats of open opportunities: worked examples, properties, a small labelled set."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.account_matching import measure
from benchmarks.account_names import make_labelled_set
from benchmarks.company_lists import WELL_KNOWN
from crm.engine.matching.contacts import company_domain, is_free_mail, normalise_domain, normalise_phone
from crm.engine.matching.duplicates import Duplicate, OpenOpportunity, find_duplicates
from crm.engine.matching.matcher import AccountKey, Lead, Match, Matcher
from crm.engine.matching.names import normalise_name

KNOWN = (
    AccountKey(1, "Delta Airlines", country="US", domain="delta.com", phones=("+1 404 715 2600",)),
    AccountKey(2, "First National Bank of Texas", country="US"),
    AccountKey(3, "Acme North", country="US"),
    AccountKey(4, "Group 1 Automotive", country="US"),
    AccountKey(5, "Müller Maschinenbau GmbH", country="DE", domain="mueller-maschinenbau.de"),
    AccountKey(6, "Umbrella Corporation", country="GB", emails=("alice@umbrella.example", "bob@gmail.com")),
    AccountKey(7, "Massive Dynamic", country="US", aliases=("MD Research",)),
    AccountKey(8, "Harborview Foods International", country="CA"),
    AccountKey(9, "International Widget Makers", country="US"),
)
MATCHER = Matcher(KNOWN)
SHORT_LIST = (
    ("Acme Corporation", "US"), ("Betasoloin", "US"), ("Bluth Company", "US"), ("Bubba Gump", "US"),
    ("Gekko & Co", "US"), ("Genco Pura Olive Oil Company", "IT"), ("Globex Corporation", "NO"),
    ("Green-Plus", "US"), ("Massive Dynamic", "US"), ("The New York Inquirer", "US"), ("Xx-holding", "US"),
    ("Xx-zobam", "US"), ("Vehement Capital Partners", "US"), ("Kranichfeld Elektronik GmbH", "DE"),
    ("Société Bellerive", "FR"), ("Ålsund Shipping AB", "SE"),
)  # fmt: skip


def sure(lead: Lead, matcher: Matcher = MATCHER) -> int | None:
    return next((match.account_id for match in matcher.match(lead) if match.is_sure), None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The Acme Mfg. Co., Ltd.", "acme manufacturing"),
        ("ACME Manufacturing GmbH & Co. KG", "acme manufacturing"),
        ("Acme Manufacturing Sp. z o.o.", "acme manufacturing"),
        ("Acme Manufacturing, S. de R.L. de C.V.", "acme manufacturing"),
        ("Acme Inc. (Germany)", "acme germany"),
        ("Johnson and Johnson", "johnson johnson"), ("Johnson & Johnson", "johnson johnson"),
        ("L'Oréal S.A.", "loreal"), ("Ørsted A/S", "orsted"), ("Łódź Tech Svcs", "lodz technology service"),
        ("ООО Газпром", "gazprom"), ("I.B.M. Corp.", "ibm"), ("3M Company", "3m"), ("BP plc", "bp"),
        ("Société Anonyme", "societe anonyme"), ("The Limited", "limited"), ("Company", "company"), ("", ""),
        ("…", ""),
    ],
)  # fmt: skip
def test_names_without_what_tells_nothing(text: str, wanted: str) -> None:
    assert normalise_name(text) == wanted


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise_name(normalise_name(text)) == normalise_name(text)


FORMS = "A,&,the,Co,Inc,S,de,R.L.,GmbH,KG,Acme,Bros,Tech,and,of,z,o.o.,pt,ooo,U.S.,mfg,sp,société,anonyme"


@given(st.lists(st.sampled_from(FORMS.rsplit(",")), max_size=9))
def test_normalising_twice_changes_nothing_with_forms(words: list[str]) -> None:
    once = normalise_name(" ".join(words))
    assert normalise_name(once) == once


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("https://www.Acme.co.uk/about?x=1", "acme.co.uk"), ("mail.acme.com:8080", "acme.com"),
        ("ann@sales.acme.de", "acme.de"), ("shop.github.io", "shop.github.io"), ("müller.de", "xn--mller-kva.de"),
        ("localhost", ""), ("192.168.0.1", ""), ("not a domain", ""), ("", ""), ("..", ""),
    ],
)  # fmt: skip
def test_domains_as_they_are_registered(text: str, wanted: str) -> None:
    assert normalise_domain(text) == wanted


def test_free_mail_tells_no_company() -> None:
    assert [name for name in ("gmail.com", "gmx.de", "qq.com", "hey.com") if not is_free_mail(name)] == []
    assert not is_free_mail("siemens.com")
    assert company_domain("", "ann@gmail.com") == ""
    assert company_domain("gmail.com", "ann@acme.com") == "acme.com"


@pytest.mark.parametrize(
    ("text", "country", "wanted"),
    [
        ("(404) 715-2600", "US", "+14047152600"), ("+1 404.715.2600 ext. 12", "", "+14047152600"),
        ("+44 (0)20 7946 0000", "", "+442079460000"), ("020 7946 0000", "United Kingdom", "+442079460000"),
        ("020 7946 0000", "", "02079460000"), ("12", "US", ""), ("call me", "US", ""), ("", "", ""),
    ],
)  # fmt: skip
def test_phone_numbers_with_their_country(text: str, country: str, wanted: str) -> None:
    assert normalise_phone(text, country) == wanted


@pytest.mark.parametrize(
    ("lead", "wanted"),
    [
        (Lead("Delta Air Lines Inc"), 1), (Lead("DELTA AIRLINES"), 1), (Lead("Airlines Delta"), 1),
        (Lead("First Natl Bank of Texas"), 2), (Lead("1st National Bank, Texas"), 2), (Lead("Group 1 Automotve"), 4),
        (Lead("Mueller Maschinenbau"), 5), (Lead("Maschinenbau Muller AG"), 5), (Lead("Мюллер Машиненбау"), 5),
        (Lead("Umbrela Corp"), 6), (Lead("Umbrella Corporatoin"), 6), (Lead("Umbrella Germany GmbH"), 6),
        (Lead("MassiveDynamic"), 7), (Lead("MD Research LLC"), 7), (Lead("Massive Dynamic North America Inc."), 7),
        (Lead("Harborview Fds Intl"), 8), (Lead("Umbrella", country="United Kingdom"), 6),
        (Lead("whatever", email="Alice@Umbrella.example"), 6), (Lead("", email="bob@gmail.com"), 6),
        (Lead("", phone="404-715-2600", country="US"), 1), (Lead("", email="someone@delta.com"), 1),
        (Lead("Delta Cargo", domain="https://cargo.delta.com"), 1),
    ],
)  # fmt: skip
def test_sure_matches(lead: Lead, wanted: int) -> None:
    assert sure(lead) == wanted


@pytest.mark.parametrize(
    "lead",
    [
        Lead("Delta Faucets"), Lead("First National Bank of Ohio"), Lead("First National Bank"), Lead("Acme South"),
        Lead("Group 4 Automotive"), Lead("Group 4"), Lead("Umbrella Insurance"), Lead("Massive Robotics"),
        Lead("Dynamic Systems"), Lead("Umbrella Corporation", country="JP"), Lead("", email="carol@gmail.com"),
        Lead("Zumgoity", domain="delta.com"), Lead("IWM"), Lead(""), Lead("Foods International"),
        Lead("Delta Airlines", domain="delta-air.example", country="KE"), Lead("", phone="404 715 2600"),
    ],
)  # fmt: skip
def test_doubtful_ones_do_not_attach(lead: Lead) -> None:
    assert sure(lead) is None


def test_a_doubtful_one_is_offered_with_its_reason() -> None:
    assert MATCHER.match(Lead("IWM")) == (Match(9, 0.75, "Name alike (initials only).", False),)
    assert MATCHER.match(Lead("Umbrella Corporation", country="JP")) == (
        Match(6, 0.881, "Same name, another country.", False),
    )
    assert MATCHER.match(Lead("Zumgoity", domain="delta.com")) == (
        Match(1, 0.846, "Delta.com is its domain, though the name is another.", False),
    )
    assert MATCHER.match(Lead("Delta Faucets")) == ()


def test_two_accounts_that_fit_equally_are_both_offered() -> None:
    matcher = Matcher([AccountKey(1, "Summit Consulting Ltd"), AccountKey(2, "Summit Consulting Inc")])
    found = matcher.match(Lead("Summit Consulting"))
    assert [(match.account_id, match.is_sure) for match in found] == [(1, False), (2, False)]


def test_country_tells_accounts_of_one_name_apart() -> None:
    matcher = Matcher([AccountKey(1, "Corvenia", country="DE"), AccountKey(2, "Corvenia", country="FR")])
    assert sure(Lead("Corvenia", country="France"), matcher) == 2
    assert sure(Lead("Corvenia"), matcher) is None


def test_parent_is_taken_before_its_subsidiary_of_the_same_name() -> None:
    matcher = Matcher([AccountKey(1, "Corvenia", parent_id=2), AccountKey(2, "Corvenia")])
    assert sure(Lead("Corvenia"), matcher) == 2


def test_known_subsidiary_is_taken_before_its_parent() -> None:
    matcher = Matcher([AccountKey(1, "Corvenia"), AccountKey(2, "Corvenia Germany GmbH", parent_id=1)])
    assert sure(Lead("Corvenia Germany"), matcher) == 2
    assert sure(Lead("Corvenia Poland Sp. z o.o."), matcher) == 1


def test_a_country_in_the_name_itself_is_no_branch() -> None:
    matcher = Matcher(
        [AccountKey(1, "Royal Bank of Canada", country="CA"), AccountKey(2, "Equinor ASA", country="NO")]
    )
    assert sure(Lead("Royal Bank of Canada", country="DE"), matcher) is None
    assert sure(Lead("RoyalBankofCanada", country="CA"), matcher) == 1
    assert sure(Lead("Equinor ASA Japan K.K.", country="JP"), matcher) == 2
    assert sure(Lead("Equinor", country="JP"), matcher) is None


def test_order_of_the_accounts_does_not_matter() -> None:
    leads = [Lead("Delta Air"), Lead("Umbrella"), Lead("Acme"), Lead("MD Research", country="US")]
    backwards = Matcher(reversed(KNOWN))
    assert [backwards.match(lead) for lead in leads] == [MATCHER.match(lead) for lead in leads]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([name for name, _ in WELL_KNOWN]), st.lists(st.sampled_from(WELL_KNOWN), max_size=20))
def test_a_known_name_is_itself_with_the_highest_confidence(name: str, others: list[tuple[str, str]]) -> None:
    names = dict.fromkeys([name, *(other for other, _ in others)])
    matcher = Matcher([AccountKey(i, known) for i, known in enumerate(names)])
    found = matcher.match(Lead(name))
    assert found[0].account_id == 0
    assert found[0].confidence == max(match.confidence for match in found)


def test_names_compared_ahead_are_used_only_while_nothing_changes() -> None:
    matcher, lead = Matcher(KNOWN), Lead("Massive Dynamics", country="US")
    ahead = matcher.names_alike(lead)
    assert matcher.match(lead, names_alike=ahead) == MATCHER.match(lead)
    other = Lead("Delta Airlines")
    assert matcher.match(other, names_alike=ahead) == MATCHER.match(other)
    grown = (*KNOWN, AccountKey(10, "Massive Dynamics", country="US"))
    matcher.change([grown[-1]])
    matcher.settle()
    assert matcher.match(lead, names_alike=ahead) == Matcher(grown).match(lead)
    assert matcher.match(lead)[0].account_id == 10
    matcher.change([], gone=[10])
    assert matcher.match(lead, names_alike=ahead) == MATCHER.match(lead)


def test_without_accounts_nothing_matches() -> None:
    assert Matcher([]).match(Lead("Acme", email="a@acme.com", phone="+14047152600")) == ()


def test_labelled_set_is_matched_precisely_and_mostly() -> None:
    labelled = make_labelled_set(SHORT_LIST, (("Allianz", "Alliance"), ("Nokia", "Nokian")), seed=5)
    assert labelled == make_labelled_set(SHORT_LIST, (("Allianz", "Alliance"), ("Nokia", "Nokian")), seed=5)
    assert labelled.negatives_share >= 0.3
    figures = measure(labelled).figures
    assert figures["match_precision"] >= 0.98
    assert figures["match_recall"] >= 0.9
    assert figures["offered_recall"] >= 0.95


MONDAY = datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC)


def opened(id: int, days: int = 0, **values: object) -> OpenOpportunity:
    return OpenOpportunity(id, MONDAY - datetime.timedelta(days=days), **values)  # type: ignore[arg-type]


def test_repeats_by_person_then_by_account_and_product() -> None:
    new = opened(9, email="Ann@acme.com", phone="404 715 2600", country="US", account_id=1, product_id=5)
    open_ones = [
        opened(1, 10, account_id=1, product_id=5),
        opened(2, 31, account_id=1, product_id=5),
        opened(3, 10, account_id=1, product_id=6),
        opened(4, 400, email="ann@acme.com", product_id=5),
        opened(5, 5, phone="+1 404-715-2600"),
        opened(6, 5, email="ann@acme.com", product_id=6),
        opened(9, email="ann@acme.com"),
    ]
    assert find_duplicates(new, open_ones, within_days=30) == (
        Duplicate(4, 0.97, "The same email address."),
        Duplicate(5, 0.92, "The same phone number."),
        Duplicate(1, 0.85, "The same account and product within 30 days."),
        Duplicate(6, 0.6, "The same email address, another product."),
    )


def test_nothing_known_is_no_repeat() -> None:
    assert find_duplicates(opened(1), [opened(2), opened(3, account_id=1)], within_days=30) == ()
