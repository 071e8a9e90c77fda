"""What was found for the companies of leads: what waits for a person, and what one opportunity's page says of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from crm.models import Account, AccountMatch, Opportunity
from crm.queries.opportunities import opportunities_visible_to
from crm.queries.records import accounts_visible_to
from reps.models import User

State = AccountMatch.State
# What a confidence is called; below the last it is not offered at all.
WORDS = ((0.9, "almost certain"), (0.7, "likely"), (0.5, "possible"), (0.0, "a guess"))
COUNTED = 1000


@dataclass(frozen=True)
class Candidate:
    """An account that a lead may belong to."""

    account: Account
    confidence: float
    word: str
    why: str
    is_visible: bool  # whether the reader may open the account's page


@dataclass(frozen=True)
class MatchRow:
    """A lead that waits for a person, with what could be its account and how many others name the company."""

    match: AccountMatch
    candidates: list[Candidate]
    others: int
    company: str  # as the lead gave it, with its place


def matches_waiting(user: User) -> QuerySet[AccountMatch]:
    """Leads without an account for which some are offered, of those that the user sees."""
    return AccountMatch.objects.filter(
        state=State.OFFERED,
        opportunity__account__isnull=True,
        opportunity__in=opportunities_visible_to(user),
    )


def count_waiting(user: User) -> int:
    """How many there are, counted up to COUNTED."""
    return matches_waiting(user)[:COUNTED].count()


def with_match_records(matches: QuerySet[AccountMatch]) -> QuerySet[AccountMatch]:
    return matches.select_related("opportunity__owner", "opportunity__contact", "decided_by", "account")


def match_rows(matches: Sequence[AccountMatch], user: User) -> list[MatchRow]:
    """Three queries for any number of leads."""
    ids = {one["account_id"] for match in matches for one in match.candidates}
    accounts = Account.objects.select_related("owner").in_bulk(ids)
    visible = set(accounts_visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    keys = {match.company_key for match in matches if match.company_key}
    waiting = matches_waiting(user).filter(company_key__in=keys)
    named = Counter(
        (key, country or "") for key, country in waiting.values_list("company_key", "company__country")
    )
    return [
        MatchRow(
            match,
            candidates_of(match, accounts, visible),
            max(named[match.company_key, match.company.get("country") or ""] - 1, 0),
            company_words(match),
        )
        for match in matches
    ]


def candidates_of(match: AccountMatch, accounts: dict[int, Account], visible: set[int]) -> list[Candidate]:
    """Those that are still here, best first."""
    return [
        Candidate(
            accounts[one["account_id"]],
            one["confidence"],
            confidence_word(one["confidence"]),
            one["why"],
            one["account_id"] in visible,
        )
        for one in match.candidates
        if one["account_id"] in accounts
    ]


def confidence_word(confidence: float) -> str:
    return next(word for least, word in WORDS if confidence >= least)


def company_words(match: AccountMatch) -> str:
    """What the lead said of its company, in a line."""
    company = match.company
    place = ", ".join(str(company[name]) for name in ("city", "region", "country") if company.get(name))
    parts = (company.get("name"), company.get("domain"), place)
    return " · ".join(str(part) for part in parts if part)


@dataclass(frozen=True)
class MatchShown:
    """What an opportunity's page says of its account: a sentence, and what else it could be."""

    match: AccountMatch
    sentence: str
    candidates: list[Candidate]

    @property
    def is_offered(self) -> bool:
        return self.match.state == State.OFFERED


def match_of(opportunity: Opportunity, user: User) -> MatchShown | None:
    """None where the lead named its account itself, or somebody gave it another on its own form since."""
    match = (
        AccountMatch.objects.select_related("decided_by", "account").filter(opportunity=opportunity).first()
    )
    if match is None or match.account_id != opportunity.account_id:
        return None
    match.opportunity = opportunity
    ids = {one["account_id"] for one in match.candidates}
    accounts = Account.objects.select_related("owner").in_bulk(ids)
    visible = set(accounts_visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    candidates = candidates_of(match, accounts, visible)
    return MatchShown(match, sentence_of(match, candidates), candidates)


def sentence_of(match: AccountMatch, candidates: Sequence[Candidate]) -> str:
    """Why it is this account, or which it could be."""
    account = match.opportunity.account
    who = match.decided_by.name if match.decided_by else "Somebody"
    because = f": {_inside(match.why)}{_share(match.confidence)}" if match.why else ""
    if match.state == State.ATTACHED:
        return f"{account}{because}."
    if match.state == State.CREATED:
        return f"{account} came with this lead: no account here was like it."
    if match.state == State.CONFIRMED:
        return f"{who} said that it is {account}{because}."
    if match.state == State.DECLINED:
        added = f"; {account} was added" if account else ""
        return f"{who} said that it is none of the accounts here{added}."
    if not candidates:
        return "The accounts that it could have been are not here any more."
    best = candidates[0]
    return f"It could be {best.account} ({best.word}{_share(best.confidence, ', ')}): {_inside(best.why)}."


def _inside(why: str) -> str:
    """As a part of a sentence."""
    text = why.removesuffix(".")
    return text[:1].lower() + text[1:]


def _share(confidence: float | None, before: str = " (") -> str:
    if confidence is None:
        return ""
    return f"{before}{min(round(confidence * 100), 99)} %{')' if before == ' (' else ''}"


def match_answer(opportunity: Opportunity, match: AccountMatch | None) -> dict[str, Any] | None:
    """What the API says of an opportunity's account; None where there is neither one nor one to offer."""
    account = opportunity.account
    if match is not None and match.account_id != opportunity.account_id:
        match = None
    if account is None and (match is None or match.state != State.OFFERED):
        return None
    best = match.candidates[0] if match is not None and account is None else None
    return {
        "id": account.pk if account else None,
        "name": account.name if account else None,
        "match": match.state if match else "given",
        "confidence": best["confidence"] if best else match.confidence if match else None,
        "why": (best["why"] if best else match.why) if match else "",
    }
