"""Which account a new lead belongs to: one that it names, one that is surely meant, a new one; or a person is asked.

A doubtful match never attaches. The lead then comes in without an account, with what it said of its company, and the
candidates are kept for a person (`account_matches`).
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Model

from crm.engine.matching.contacts import company_domain, normalise_phone
from crm.engine.matching.matcher import AccountKey, KnownContacts, Lead, Match, NamesAlike
from crm.engine.matching.names import name_key
from crm.engine.words import size_band
from crm.models import Account, AccountMatch, Contact, Opportunity, StageChange
from crm.queries.dictionary import STAMP, Dictionary, dictionary_of
from crm.queries.matching import (
    CHANGES,
    CHANGES_WIDTH,
    CONTACTS,
    Changes,
    changes_asked,
    changes_of,
    contacts_asked,
    known_contacts,
    match_known,
    names_alike,
    note_added,
)
from crm.queries.records import account_of
from crm.services.opportunities import BY_EMAIL, FROM_ACCOUNT, contact_of, new_opportunity, opened
from crm.services.waiting import locks
from reps.models import User
from reps.queries.prepared import Companion, ask_all, side_by_side
from reps.services.inserts import insert

State = AccountMatch.State
# What there is to know of one lead, in one row: contacts with the person's address, accounts of contacts that have the
# address or the number, the dictionary's stamp, and what has changed of accounts.
KNOWN = f"""
SELECT ARRAY({BY_EMAIL}), (
    SELECT jsonb_agg(jsonb_build_array(c.account_id, c.email, c.phone, c.country)) FROM ({CONTACTS}) AS c
), ({STAMP}), changed.* FROM ({CHANGES}) AS changed
"""
# Of what a new lead may bring a record.
BRINGS = (Account, Contact, Opportunity, StageChange, AccountMatch)
ROUNDS = 3
COMPANY_FIELDS = ("name", "domain", *FROM_ACCOUNT)


@dataclass(frozen=True)
class Placed:
    """`state` is "" where there was nothing to match: the lead names its account, or says nothing of a company."""

    account: Account | None
    state: str = ""
    matches: tuple[Match, ...] = ()
    company: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Brought:
    """What a lead brings: records that are not stored yet, those that others refer to first. `is_all_new`: neither its
    account nor its contact was there before, so that it can repeat nothing."""

    opportunity: Opportunity
    records: tuple[Model, ...]
    is_all_new: bool


def create_placed_opportunity(
    *,
    values: Mapping[str, Any],
    at: datetime.datetime,
    by: User | None,
) -> Opportunity:
    """What `store_placed` does, where only the opportunity is asked for."""
    return store_placed(values=values, at=at, by=by).opportunity


@transaction.atomic(savepoint=False)
def store_placed(*, values: Mapping[str, Any], at: datetime.datetime, by: User | None) -> Brought:
    """Stores a new opportunity with its account and contact. `values` as `new_opportunity` takes them, with the
    mappings `company` (fields of Account) and `person` (fields of Contact) where it names no record of ours."""
    brings = place_new(values=values, at=at, by=by)
    insert(*brings.records)
    return brings


def place_new(
    *, values: Mapping[str, Any], at: datetime.datetime, by: User | None, along: Companion | None = None
) -> Brought:
    """The same but for the storing, which the caller does in the same transaction: until then others who bring the
    same company or person wait. `along`: what is asked in the same breath."""
    found = look_up(values, along)
    placed = place(values, found)
    if placed.account is not None and placed.state == State.CREATED:
        transaction.on_commit(partial(_note, placed.account), robust=True)
    contact = contact_of(found.contact_ids, account=placed.account, values=found.person)
    return brought(values, placed, contact, dictionary=dictionary_of(found.stamp), at=at, by=by)


def brought(
    values: Mapping[str, Any],
    placed: Placed,
    contact: Contact | None,
    *,
    dictionary: Dictionary,
    at: datetime.datetime,
    by: User | None,
) -> Brought:
    """The opportunity with what goes with it. Raises ValidationError for a value that is none."""
    contact = contact or values.get("contact")
    facts = company_facts(values, placed.account, placed.company)
    given = {**values, **facts, "account": placed.account, "contact": contact}
    opportunity = new_opportunity(values=given, at=at, dictionary=dictionary)
    parties = [one for one in (placed.account, contact) if one is not None]
    brings = [one for one in parties if one._state.adding]
    match = match_of(opportunity, placed, given=values, brought_contact=contact in brings, at=at)
    records = (*brings, opportunity, opened(opportunity, by=by), *([match] if match else []))
    has_phone = bool((values.get("person") or {}).get("phone"))
    return Brought(opportunity, records, is_all_new=len(brings) == len(parties) and not has_phone)


@dataclass(frozen=True)
class Found:
    """What is known of a lead's company and person: accounts by their contacts, contacts with the address (ids), what
    has changed of accounts, and the stamp of the dictionary."""

    company: Mapping[str, Any]
    person: Mapping[str, Any]
    lead: Lead
    contacts: KnownContacts
    contact_ids: Sequence[int]
    changes: Changes
    stamp: int | None
    names_alike: NamesAlike | None


def look_up(values: Mapping[str, Any], along: Companion | None = None) -> Found:
    """Leads of one new company or person that come in side by side wait for each other here, or each would add the
    company. One round trip."""
    company = company_of(values)
    lead = lead_of(company, values)
    wanted = [*([] if values.get("account") is not None else company_locks(lead)), *person_locks(lead)]
    version, (_, since) = changes_asked()
    asked = {"email": lead.email.strip(), **contacts_asked([lead])[1], **since}
    ahead: list[NamesAlike | None] = []
    then = along.locks if along else ()
    waits = [locks(wanted, then=then)] if wanted or then else []
    *_, ((contact_ids, contacts, stamp, *row),) = ask_all(
        *waits,
        side_by_side((KNOWN, asked), *along.asked) if along else (KNOWN, asked),
        meanwhile=lambda: ahead.append(names_alike(lead)),
    )
    if along:
        along.answered(row[CHANGES_WIDTH:])
    person = values.get("person") or {}
    known = known_contacts([lead], json.loads(contacts or "[]"))[0]
    return Found(
        company, person, lead, known, contact_ids, changes_of(version, row[:CHANGES_WIDTH]), stamp, *ahead
    )


def place(values: Mapping[str, Any], found: Found) -> Placed:
    """The account of a lead, or what could be it."""
    if values.get("account") is not None:
        return Placed(values["account"])
    account, matches = _find(found)
    if account is not None:
        return Placed(account, State.ATTACHED, matches, found.company)
    if matches:
        return Placed(None, State.OFFERED, matches, found.company)
    if not found.lead.name:
        return Placed(None)
    return Placed(new_account(found.company), State.CREATED, (), found.company)


def company_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a lead says of its company."""
    return {name: value for name, value in (values.get("company") or {}).items() if value not in (None, "")}


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


def _find(found: Found) -> tuple[Account | None, tuple[Match, ...]]:
    """The account that is surely meant, and all that could be. One that was deleted meanwhile is looked for again."""
    changes: Changes | None = found.changes
    for _ in range(ROUNDS):
        matches = match_known(found.lead, found.contacts, changes, found.names_alike)
        if not matches or not matches[0].is_sure:
            return None, matches
        account, changes = account_of(matches[0].account_id), None
        if account is not None:
            return account, matches
    return None, ()


def new_account(company: Mapping[str, Any]) -> Account:
    """An account that is not stored yet, from what a lead says of its company. Its name must be given."""
    account = Account(
        **{name: company[name] for name in COMPANY_FIELDS if company.get(name) not in (None, "")}
    )
    account.size_band = size_band(account.employees) or account.size_band
    return account


def _note(account: Account) -> None:
    note_added(AccountKey(account.pk, account.name, domain=account.domain, country=account.country))


def company_facts(
    values: Mapping[str, Any], account: Account | None, company: Mapping[str, Any]
) -> dict[str, Any]:
    """What the lead itself says, else what its account says, else what it says of its company."""
    facts = {
        name: values.get(name) or getattr(account, name, None) or company.get(name) for name in FROM_ACCOUNT
    }
    return {name: value for name, value in facts.items() if value}


def match_of(
    opportunity: Opportunity,
    placed: Placed,
    *,
    given: Mapping[str, Any],
    brought_contact: bool,
    at: datetime.datetime,
) -> AccountMatch | None:
    """Why the opportunity has this account, or which it may have; not stored yet."""
    if not placed.state:
        return None
    sure = placed.matches[0] if placed.state == State.ATTACHED else None
    return AccountMatch(
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


def company_locks(lead: Lead) -> list[tuple[str, str]]:
    """What transactions that place a lead of the same domain or the same name, however it is written, wait for. The
    domain first in all of them, so that they do not wait in a circle."""
    wanted = (
        ("domain", company_domain(lead.domain, lead.email)),
        ("account", company_key(lead.name)),
    )
    return [(kind, name) for kind, name in wanted if name]


def person_locks(lead: Lead) -> list[tuple[str, str]]:
    """The same for a person: by the address, then by the number as it ends, with and without the country's prefix."""
    phone = normalise_phone(lead.phone, lead.country) if lead.phone else ""
    wanted = (("contact", lead.email.strip()), ("phone", phone[-7:]))
    return [(kind, name) for kind, name in wanted if name]
