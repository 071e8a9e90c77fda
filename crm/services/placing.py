"""Which account a new lead belongs to: one that it names, one that is surely meant, a new one; or a person is asked.

A doubtful match never attaches. The lead then comes in without an account, with what it said of its company, and the
candidates are kept for a person (`account_matches`).
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from crm.engine.matching.contacts import company_domain
from crm.engine.matching.matcher import Lead, Match
from crm.engine.matching.names import name_key
from crm.engine.words import size_band
from crm.models import Account, AccountMatch, Opportunity
from crm.queries.matching import match_lead
from crm.services.opportunities import (
    FROM_ACCOUNT,
    Dictionary,
    create_opportunity,
    find_or_create_contact,
)
from crm.services.waiting import one_at_a_time
from reps.models import User

State = AccountMatch.State
ROUNDS = 3
COMPANY_FIELDS = ("name", "domain", *FROM_ACCOUNT)


@dataclass(frozen=True)
class Placed:
    """`state` is "" where there was nothing to match: the lead names its account, or says nothing of a company."""

    account: Account | None
    state: str = ""
    matches: tuple[Match, ...] = ()
    company: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def create_placed_opportunity(
    *,
    values: Mapping[str, Any],
    at: datetime.datetime,
    by: User | None,
    dictionary: Dictionary | None = None,
) -> Opportunity:
    """Stores a new opportunity with its account and contact. `values` as `create_opportunity` takes them, with the
    mappings `company` (fields of Account) and `person` (fields of Contact) where it names no record of ours."""
    placed = place(values)
    person = values.get("person") or {}
    contact, is_new = find_or_create_contact(account=placed.account, values=person)
    opportunity = create_opportunity(
        values={
            **values,
            **company_facts(values, placed.account, placed.company),
            "account": placed.account,
            "contact": contact or values.get("contact"),
        },
        at=at,
        by=by,
        dictionary=dictionary,
    )
    keep_match(opportunity, placed, given=values, brought_contact=is_new, at=at)
    return opportunity


def place(values: Mapping[str, Any]) -> Placed:
    """The account of a lead, or what could be it. Leads of one new company that come in side by side wait for each
    other here, or each would add the company."""
    if values.get("account") is not None:
        return Placed(values["account"])
    company = {
        name: value for name, value in (values.get("company") or {}).items() if value not in (None, "")
    }
    lead = lead_of(company, values)
    one_company_at_a_time(lead)
    account, matches = _find(lead)
    if account is not None:
        return Placed(account, State.ATTACHED, matches, company)
    if matches:
        return Placed(None, State.OFFERED, matches, company)
    if not lead.name:
        return Placed(None)
    return Placed(add_account(company), State.CREATED, (), company)


def lead_of(company: Mapping[str, Any], values: Mapping[str, Any]) -> Lead:
    """What tells the company of a lead."""
    person = values.get("person") or {}
    return Lead(
        name=company.get("name") or "",
        email=person.get("email") or "",
        phone=person.get("phone") or "",
        domain=company.get("domain") or "",
        country=company.get("country") or values.get("country") or "",
    )


def _find(lead: Lead) -> tuple[Account | None, tuple[Match, ...]]:
    """The account that is surely meant, and all that could be. One that was deleted meanwhile is looked for again."""
    for _ in range(ROUNDS):
        matches = match_lead(lead)
        if not matches or not matches[0].is_sure:
            return None, matches
        account = Account.objects.filter(pk=matches[0].account_id).first()
        if account is not None:
            return account, matches
    return None, ()


def add_account(company: Mapping[str, Any]) -> Account:
    """A new account from what a lead says of its company. Its name must be given."""
    account = Account(
        **{name: company[name] for name in COMPANY_FIELDS if company.get(name) not in (None, "")}
    )
    account.size_band = size_band(account.employees) or account.size_band
    account.save()
    return account


def company_facts(
    values: Mapping[str, Any], account: Account | None, company: Mapping[str, Any]
) -> dict[str, Any]:
    """What the lead itself says, else what its account says, else what it says of its company."""
    facts = {
        name: values.get(name) or getattr(account, name, None) or company.get(name) for name in FROM_ACCOUNT
    }
    return {name: value for name, value in facts.items() if value}


def keep_match(
    opportunity: Opportunity,
    placed: Placed,
    *,
    given: Mapping[str, Any],
    brought_contact: bool,
    at: datetime.datetime,
) -> AccountMatch | None:
    """Keeps why the opportunity has this account, or which it may have."""
    if not placed.state:
        return None
    sure = placed.matches[0] if placed.state == State.ATTACHED else None
    return AccountMatch.objects.create(
        opportunity=opportunity,
        state=placed.state,
        account=placed.account,
        confidence=sure.confidence if sure else None,
        why=sure.why[:300] if sure else "",
        candidates=as_json(placed.matches),
        company=dict(placed.company),
        company_key=company_key(placed.company.get("name", "")),
        filled=[name for name in (*FROM_ACCOUNT, "language") if not given.get(name)],
        brought_contact=brought_contact,
        created_at=at,
    )


def as_json(matches: tuple[Match, ...]) -> list[dict[str, Any]]:
    return [
        {"account_id": match.account_id, "confidence": match.confidence, "why": match.why}
        for match in matches
    ]


def company_key(name: str) -> str:
    """By what leads of one company are told: the name as it is compared, without spaces."""
    return name_key(name).squeezed[:240]


def one_company_at_a_time(lead: Lead) -> None:
    """Waits until no other transaction places a lead of the same domain or the same name, however it is written, and
    holds both until this one ends. The domain first in all of them, so that they do not wait in a circle."""
    for kind, text in (
        ("domain", company_domain(lead.domain, lead.email)),
        ("account", company_key(lead.name)),
    ):
        if text:
            one_at_a_time(kind, text)
