"""What `placing` does, for many leads of one request: looked up, matched and stored together.

The result is that of taking them in one after the other. A lead that may belong to what another one of the same call
brings (the person, or a repeat of the same purchase) is not stored; the caller brings it again.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model

from crm.engine.matching.contacts import normalise_email
from crm.engine.matching.matcher import AccountKey, KnownContacts, Lead, Match
from crm.models import Account, Contact, Opportunity
from crm.queries.dictionary import STAMP, Dictionary, dictionary_of
from crm.queries.matching import (
    Changes,
    changes_asked,
    changes_of,
    contacts_asked,
    known_contacts,
    match_each,
)
from crm.services.opportunities import contact_of
from crm.services.placing import (
    Brought,
    Placed,
    State,
    brought,
    company_locks,
    company_of,
    lead_of,
    new_account,
    person_locks,
)
from crm.services.waiting import locks
from reps.models import User
from reps.queries.prepared import ask_all
from reps.services.copying import copy_in, ids_asked

# In the order in which whoever takes in a single lead waits for them.
RANKS = {"domain": 0, "account": 1, "contact": 2, "phone": 3}
BY_EMAILS = (
    "SELECT lower(email), min(id) FROM crm_contact WHERE lower(email) = ANY(%s) AND email <> '' GROUP BY 1"
)

Key = tuple[str, str]


@dataclass(frozen=True)
class _Asked:
    """A lead as it came in, at which place of the list, and what it says of its company."""

    place: int
    values: Mapping[str, Any]
    company: Mapping[str, Any]
    lead: Lead

    @property
    def names_account(self) -> bool:
        return self.values.get("account") is not None


@dataclass
class _Known:
    """What the database has for all of them. `brings`: the account that comes with the lead at a place; it joins the
    `accounts` for those after it."""

    contacts: Sequence[KnownContacts]
    changes: Changes
    contact_ids: Mapping[str, int]  # by address
    dictionary: Dictionary
    account_ids: Iterator[int]
    opportunity_ids: Iterator[int]
    accounts: dict[int, Account] = field(default_factory=dict)
    brings: dict[int, Account] = field(default_factory=dict)
    people: dict[int, Contact] = field(default_factory=dict)


def keys_of(values: Mapping[str, Any]) -> list[Key]:
    """By what a lead is told from another one of the same list before anything is looked up: two that share one are not
    brought in one call."""
    external_id, contact = values.get("external_id"), values.get("contact")
    people = [lead_of(company_of(values), values)]
    if contact is not None:
        people.append(Lead(email=contact.email, phone=contact.phone, country=values.get("country") or ""))
    keys = [(kind, name.lower()) for person in people for kind, name in person_locks(person)]
    keys += [("address", address) for person in people if (address := normalise_email(person.email))]
    return [*keys, ("external id", external_id)] if external_id else keys


@transaction.atomic
def store_many_placed(
    *, rows: Sequence[Mapping[str, Any]], at: datetime.datetime, by: User
) -> list[Brought | ValidationError | None]:
    """Stores new opportunities with their accounts and contacts; what became of each row, in their order. None: it is
    not stored and has to be brought again. `rows` as `store_placed` takes them, no two with a key in common."""
    asked = [_asked(place, values) for place, values in enumerate(rows)]
    known = _look_up(asked)
    matches = _match(asked, known)
    _fetch(matches, known)
    found: list[Brought | ValidationError | None] = []
    met: set[tuple[int, int]] = set()  # what is bought by whom
    refused: set[int] = set()  # accounts that came with a row that is not stored
    for one, offered in zip(asked, matches, strict=True):
        found.append(_brought(one, offered, known, at, by, met, refused))
    copy_in(_each_once(brings for brings in found if isinstance(brings, Brought)))
    return found


def _asked(place: int, values: Mapping[str, Any]) -> _Asked:
    company = company_of(values)
    return _Asked(place, values, company, lead_of(company, values))


def _look_up(asked: Sequence[_Asked]) -> _Known:
    """One round trip. Whoever takes in leads of the same companies or people waits for this transaction."""
    leads = [one.lead for one in asked]
    wanted = {lock for one in asked if not one.names_account for lock in company_locks(one.lead)}
    wanted |= {lock for lead in leads for lock in person_locks(lead)}
    emails = sorted({lead.email.strip().lower() for lead in leads if lead.email.strip()})
    new_companies = sum(bool(one.lead.name) and not one.names_account for one in asked)
    version, changes_since = changes_asked()
    _, contacts, ids, (changed,), ((stamp,),), account_ids, opportunity_ids = ask_all(
        locks(sorted(wanted, key=lambda lock: (RANKS[lock[0]], lock[1].lower()))),
        contacts_asked(leads),
        (BY_EMAILS, [emails]),
        changes_since,
        (STAMP, ()),
        ids_asked(Account, new_companies),
        ids_asked(Opportunity, len(asked)),
    )
    return _Known(
        contacts=known_contacts(leads, contacts),
        changes=changes_of(version, changed),
        contact_ids=dict(ids),
        dictionary=dictionary_of(stamp),
        account_ids=(pk for (pk,) in account_ids),
        opportunity_ids=(pk for (pk,) in opportunity_ids),
    )


def _match(asked: Sequence[_Asked], known: _Known) -> list[tuple[Match, ...]]:
    """What each could belong to, accounts that those before it bring included."""

    def brings(place: int, matches: tuple[Match, ...]) -> AccountKey | None:
        one = asked[place]
        if one.names_account or matches or not one.lead.name:
            return None
        account = new_account(one.company)
        account.pk = next(known.account_ids)
        known.brings[place] = known.accounts[account.pk] = account
        return AccountKey(account.pk, account.name, domain=account.domain, country=account.country)

    return match_each([one.lead for one in asked], known.contacts, known.changes, brings)


def _fetch(matches: Sequence[tuple[Match, ...]], known: _Known) -> None:
    """The accounts that are surely meant and the people who are known; two queries at most."""
    sure = {found[0].account_id for found in matches if found and found[0].is_sure}
    if missing := sure - known.accounts.keys():
        known.accounts |= Account.objects.in_bulk(missing)
    if people := set(known.contact_ids.values()):
        known.people |= Contact.objects.in_bulk(people)


def _brought(
    one: _Asked,
    matches: tuple[Match, ...],
    known: _Known,
    at: datetime.datetime,
    by: User,
    met: set[tuple[int, int]],
    refused: set[int],
) -> Brought | ValidationError | None:
    placed = _placed(one, matches, known)
    if placed is None or (placed.account is not None and placed.account.pk in refused):
        return None
    try:
        brings = brought(
            one.values, placed, _contact(one, placed, known), dictionary=known.dictionary, at=at, by=by
        )
    except ValidationError as error:
        if placed.state == State.CREATED and placed.account is not None:
            refused.add(placed.account.pk)
        return error
    opportunity = brings.opportunity
    if opportunity.account_id and opportunity.product_id:
        bought = (opportunity.account_id, opportunity.product_id)
        if bought in met:
            return None
        met.add(bought)
    opportunity.pk = next(known.opportunity_ids)
    return brings


def _placed(one: _Asked, matches: tuple[Match, ...], known: _Known) -> Placed | None:
    """As `placing.place`; None where the account that is meant was deleted a moment ago."""
    if one.names_account:
        return Placed(one.values["account"])
    if one.place in known.brings:
        return Placed(known.brings[one.place], State.CREATED, (), one.company)
    if matches and matches[0].is_sure:
        account = known.accounts.get(matches[0].account_id)
        return None if account is None else Placed(account, State.ATTACHED, matches, one.company)
    if matches:
        return Placed(None, State.OFFERED, matches, one.company)
    return Placed(None)


def _contact(one: _Asked, placed: Placed, known: _Known) -> Contact | None:
    person = one.values.get("person") or {}
    pk = known.contact_ids.get((person.get("email") or "").strip().lower())
    if pk is not None and pk in known.people:
        return known.people[pk]
    return contact_of([], account=placed.account, values=person)


def _each_once(brought_: Iterator[Brought]) -> Iterator[Model]:
    """An account that several belong to is brought by each."""
    seen: set[int] = set()
    for brings in brought_:
        for record in brings.records:
            if id(record) not in seen:
                seen.add(id(record))
                yield record
