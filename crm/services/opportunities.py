"""Opportunities taken in and edited: words canonical, gaps filled from account and contact, value in base currency."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.engine.words import size_band
from crm.models import Account, Contact, Opportunity, Product, StageChange, Term
from crm.queries.dictionary import Dictionary, current_dictionary, spelled
from crm.queries.vocabulary import in_base_currency, language_of_place
from crm.services import ownership
from reps.models import User
from reps.services.edits import EditConflict
from reps.services.inserts import insert

WORDS = {name: name for name in ("industry", "source", "country", "language", "currency")}
MOST_VALUE = 10**12  # in the base currency; sums of many must fit their columns
BY_EMAIL = "SELECT id FROM crm_contact WHERE lower(email) = lower(%(email)s) AND email <> ''"
LISTED = {"competitor": "competitors", "product": "product"}
FROM_ACCOUNT = ("industry", "employees", "size_band", "country", "region", "city", "postal_code")
PLAIN = (
    "kind", "name", "external_id", "account", "contact", "source", "industry", "employees", "size_band", "country",
    "region", "city", "postal_code", "language", "urgency", "complexity", "lead_score", "value", "currency",
    "satisfaction",
)  # fmt: skip


@transaction.atomic
def create_opportunity(
    *,
    values: Mapping[str, Any],
    at: datetime.datetime,
    by: User | None,
    dictionary: Dictionary | None = None,
    routing: str = Opportunity.Routing.WAITING,
) -> Opportunity:
    """Stores a new open opportunity from validated values; see `new_opportunity`."""
    opportunity = new_opportunity(values=values, at=at, dictionary=dictionary)
    opportunity.routing = routing
    insert(opportunity, opened(opportunity, by=by))
    return opportunity


def new_opportunity(
    *, values: Mapping[str, Any], at: datetime.datetime, dictionary: Dictionary | None = None
) -> Opportunity:
    """An opportunity that is not stored yet, from validated values (model field names; `product` and `competitors` by
    name, `account` and `contact` as records). Unknown words are kept and flagged."""
    opportunity = Opportunity(opened_at=values.get("opened_at") or at, accepted_at=at)
    opportunity.routing, opportunity.routing_since = Opportunity.Routing.WAITING, at
    fill(opportunity, values, dictionary or current_dictionary())
    return opportunity


def opened(opportunity: Opportunity, *, by: User | None) -> StageChange:
    """The first line of its history, not stored yet."""
    return StageChange(
        opportunity=opportunity,
        to_stage=Opportunity.Stage.OPEN,
        changed_by=by,
        changed_at=opportunity.opened_at,
    )


@transaction.atomic
def update_opportunity(
    *, opportunity_id: int, values: Mapping[str, Any], seen: datetime.datetime | None = None
) -> Opportunity:
    """Changes the given fields; the owner's pipeline follows the value. Stage and owner have services of their own.

    Raises EditConflict when it was saved after `seen`, ValidationError for a value that is none.
    """
    opportunity = ownership.lock_opportunity(opportunity_id)
    if seen is not None and opportunity.updated_at != seen:
        raise EditConflict(opportunity)
    before = opportunity.value_base
    fill(opportunity, values, current_dictionary())
    ownership.lock_reps([opportunity.owner_id])
    ownership.value_changes(opportunity, before, opportunity.value_base)
    opportunity.save()
    return opportunity


def fill(opportunity: Opportunity, values: Mapping[str, Any], words: Dictionary) -> None:
    """Puts values on the (unsaved) opportunity, canonical and completed. New unknown words are written as terms."""
    for name in PLAIN:
        if name in values:
            setattr(opportunity, name, values[name])
    if "custom" in values:
        opportunity.custom = {**(opportunity.custom or {}), **values["custom"]}
    _fill_from_account(opportunity)
    unknown: list[tuple[str, str]] = []
    for name, kind in WORDS.items():
        if name == "language" and not opportunity.language:
            opportunity.language = _language(
                opportunity, words
            )  # after the country, which it may follow from
        setattr(opportunity, name, _word(words, kind, getattr(opportunity, name), unknown))
    if "competitors" in values:
        named: dict[str, str] = {}
        for text in values["competitors"]:
            word = _word(words, "competitor", text, unknown)
            named.setdefault(word.casefold(), word)
        opportunity.competitors = list(named.values())
    if "product" in values:
        opportunity.product = _product(words, values["product"], unknown)
    _complete(opportunity, words)
    if unknown:
        _remember(unknown, words)
    untouched = {kind for kind, name in LISTED.items() if name not in values} & set(opportunity.flags or ())
    opportunity.flags = sorted({kind for kind, _ in unknown} | untouched | _money_flag(opportunity))


def _word(words: Dictionary, kind: str, text: str, unknown: list[tuple[str, str]]) -> str:
    word, known = words.vocabulary.canonical(kind, text)
    if not known:
        word = spelled(words, kind, word)
        unknown.append((kind, word))
    return word


def _fill_from_account(opportunity: Opportunity) -> None:
    account = opportunity.account
    if account is None:
        return
    for name in FROM_ACCOUNT:
        if not getattr(opportunity, name):
            setattr(opportunity, name, getattr(account, name))


def _product(words: Dictionary, name: str, unknown: list[tuple[str, str]]) -> Product | None:
    """The product of that name; one never heard of is added and flagged."""
    if not name:
        return None
    word, _ = words.vocabulary.canonical("product", name)
    product = words.products.get(word.casefold())
    if product is None:
        product, _ = Product.objects.get_or_create(name__iexact=word, defaults={"name": word})
        words.products[word.casefold()] = product
        unknown.append(("product", word))
    return product


def _language(opportunity: Opportunity, words: Dictionary) -> str:
    """The contact's preferred language, else that of the place."""
    preferred = opportunity.contact.preferred_language if opportunity.contact else ""
    return preferred or language_of_place(words.languages, opportunity.country, opportunity.region)


def _complete(opportunity: Opportunity, words: Dictionary) -> None:
    if opportunity.employees is not None:
        opportunity.size_band = size_band(opportunity.employees)
    if opportunity.value is not None:
        opportunity.currency = opportunity.currency or words.base_currency
    opportunity.value_base = in_base_currency(
        words.rates, opportunity.value, opportunity.currency, opportunity.opened_at.date()
    )
    if opportunity.value_base is not None and opportunity.value_base > MOST_VALUE:
        raise ValidationError(
            {"value": f"More than {MOST_VALUE:,} {words.base_currency} is no value of a deal."}
        )


def _money_flag(opportunity: Opportunity) -> set[str]:
    """A value whose currency has no rate cannot be compared with anything."""
    return {"rate"} if opportunity.value is not None and opportunity.value_base is None else set()


def _remember(unknown: list[tuple[str, str]], words: Dictionary) -> None:
    """In one order for all, so that intakes side by side that bring the same words cannot wait for each other."""
    new = sorted(set(unknown) - words.noted)
    words.noted.update(new)
    Term.objects.bulk_create(
        [Term(kind=kind, name=name, is_known=False) for kind, name in new], ignore_conflicts=True
    )


def contact_of(known: Sequence[int], *, account: Account | None, values: Mapping[str, Any]) -> Contact | None:
    """The oldest of the contacts (ids) that are known to have this email address, else a new one that is not stored
    yet; None where neither name nor email is given. The caller holds the address (crm.services.waiting), or two
    requests would add the same person."""
    email = (values.get("email") or "").strip()
    name = (values.get("name") or email).strip()
    if not name:
        return None
    if known:
        return Contact.objects.get(pk=min(known))
    rest = {
        key: values[key] for key in ("phone", "title", "preferred_language", "external_id") if values.get(key)
    }
    return Contact(account=account, name=name, email=email, **rest)
