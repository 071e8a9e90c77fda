"""A matcher kept current by changes answers as one built anew over the same accounts."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.account_matching import synthetic_accounts
from crm.engine.matching import blocking
from crm.engine.matching.matcher import AccountKey, KnownContacts, Lead, Matcher

WORDS = ("Acme", "Acmee", "Kranich", "Kranick", "Bank", "Foods", "North", "GmbH", "Texas", "Konex", "Knoex")
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
ACCOUNTS = st.builds(
    AccountKey,
    id=st.integers(1, 40),
    name=NAMES,
    domain=st.sampled_from(("", "acme.com", "kranich.de")),
    phones=st.sampled_from(((), ("+49 30 901820",), ("030 901820",), ("5551234",))),
    emails=st.sampled_from(((), ("jo@acme.com",))),
    country=st.sampled_from(("", "DE", "US")),
    aliases=st.lists(NAMES, max_size=2).map(tuple),
)
LEADS = st.builds(
    Lead,
    name=st.one_of(st.just(""), NAMES),
    email=st.sampled_from(("", "jo@acme.com", "max@kranich.de")),
    phone=st.sampled_from(("", "+49 30 901820")),
    domain=st.sampled_from(("", "acme.com")),
    country=st.sampled_from(("", "DE")),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ACCOUNTS, max_size=25),
    st.lists(st.tuples(st.lists(ACCOUNTS, max_size=8), st.sets(st.integers(1, 45), max_size=5)), max_size=4),
    st.lists(LEADS, min_size=1, max_size=6),
)
def test_changes_answer_as_a_matcher_built_anew(first, steps, leads) -> None:
    kept = {account.id: account for account in first}
    matcher = Matcher(kept.values())
    for changed, gone in steps:
        matcher.change(changed, gone=gone)
        kept |= {account.id: account for account in changed}
        kept = {pk: account for pk, account in kept.items() if pk not in gone - {a.id for a in changed}}
        matcher.match(leads[0])
    anew = Matcher(kept.values())
    assert len(matcher) == len(anew)
    for lead in leads:
        assert matcher.match(lead) == anew.match(lead)


@pytest.mark.parametrize("most_touched", [0, 2_000_000], ids=["counted anew", "corrected"])
def test_many_changes_answer_as_a_matcher_built_anew(
    most_touched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enough names that only some are compared, and enough changes that the index is sorted again."""
    monkeypatch.setattr(blocking, "MOST_TOUCHED", most_touched)
    monkeypatch.setattr(blocking, "MOST_ADDED", 500)
    rng = random.Random(3)
    accounts = synthetic_accounts(2500, rng)
    matcher = Matcher(accounts[:1500])
    for start in range(1500, 2500, 100):
        gone = [account.id for account in accounts[start - 1500 : start - 1490]]
        matcher.change(accounts[start : start + 100], gone=gone)
        matcher.match(Lead(accounts[start].name))
    left = [account for account in accounts if account.id in matcher._accounts]
    assert len(left) == 2400
    anew = Matcher(reversed(left))
    leads = [Lead(account.name[1:], country="DE") for account in rng.sample(accounts, 300)]
    assert [matcher.match(lead) for lead in leads] == [anew.match(lead) for lead in leads]


def test_contacts_looked_up_elsewhere_count_like_the_own() -> None:
    account = AccountKey(1, "Umbrella", country="GB")
    with_own = Matcher([AccountKey(1, "Umbrella", emails=("al@umbrella.example",), country="GB")])
    lead = Lead("Quite another", email="AL@umbrella.example")
    assert Matcher([account]).match(lead, KnownContacts(by_email=frozenset({1, 99}))) == with_own.match(lead)
    assert with_own.match(lead)[0].is_sure


def test_a_short_number_is_no_evidence_for_leads_without_one() -> None:
    assert Matcher([AccountKey(1, "Umbrella", phones=("5551234",))]).match(Lead("Acme")) == ()
