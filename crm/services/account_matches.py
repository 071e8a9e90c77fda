"""A person says which account a lead belongs to: one that was offered, another, a new one, or none.

The opportunity follows: what it had from the wrong account goes, what the right one knows fills the gaps, and a contact
that came with the lead moves along. Each locks the opportunity first, so of two people the second is told. Nothing is
merged and no account is changed.
"""

import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.models import Account, AccountMatch, Contact, Opportunity
from crm.queries.dictionary import Dictionary, current_dictionary
from crm.queries.vocabulary import language_of_place
from crm.services import ownership
from crm.services.opportunities import FROM_ACCOUNT, fill
from crm.services.placing import new_account
from crm.services.records import delete_account
from reps.models import User

State = AccountMatch.State


class AlreadyDecided(Exception):
    """Somebody else was faster; the message says who and what."""


@transaction.atomic
def choose_account(
    *, match_id: int, account: Account, by: User, at: datetime.datetime, seen: str
) -> AccountMatch:
    """The lead belongs to this account. Raises AlreadyDecided where it is not as it was `seen` any more."""
    match = _lock(match_id, seen)
    found = next((one for one in match.candidates if one["account_id"] == account.pk), None)
    _decide(match, State.CONFIRMED, account, by, at)
    match.confidence = found["confidence"] if found else None
    match.why = found["why"] if found else ""
    match.save()
    return match


@transaction.atomic
def choose_new_account(*, match_id: int, by: User, at: datetime.datetime, seen: str) -> AccountMatch:
    """The lead belongs to none of ours: its company becomes an account. Raises AlreadyDecided, ValidationError where
    the lead gave no name for it."""
    match = _lock(match_id, seen)
    if not match.company_name:
        raise ValidationError("This lead gave no name of a company. Add the account first, then choose it.")
    account = new_account({**match.company, "name": match.company_name[:200]})
    account.save()
    _decide(match, State.DECLINED, account, by, at)
    match.before["made"] = account.pk
    match.confidence, match.why = None, ""
    match.save()
    return match


@transaction.atomic
def choose_no_account(*, match_id: int, by: User, at: datetime.datetime, seen: str) -> AccountMatch:
    """The lead belongs to none of ours and stays without an account. Raises AlreadyDecided."""
    match = _lock(match_id, seen)
    _decide(match, State.DECLINED, None, by, at)
    match.confidence, match.why = None, ""
    match.save()
    return match


@transaction.atomic
def undo_choice(*, match_id: int, by: User, at: datetime.datetime) -> AccountMatch:
    """Takes one's own decision back. Raises AlreadyDecided where there is none, or somebody decided since."""
    match = _lock(match_id, None)
    if match.decided_by_id != by.pk or match.before is None:
        raise AlreadyDecided("This can no longer be undone: choose the account on the lead’s page instead.")
    before = match.before
    account = Account.objects.filter(pk=before["account"]).first() if before["account"] else None
    if before["account"] and account is None:
        raise AlreadyDecided("The account that it had before is not here any more.")
    _move(match, account)
    if match.opportunity.contact is not None:
        _give_contact(match.opportunity.contact, before["contact_account"])
    match.state, match.confidence, match.why = before["state"], before["confidence"], before["why"]
    match.before, match.decided_by, match.decided_at = None, None, None
    match.save()
    if before.get("made"):
        _take_away(before["made"], by)
    return match


def said_already(match: AccountMatch) -> str:
    """What became of it, in a sentence."""
    who = match.decided_by.name if match.decided_by else "Somebody"
    account = match.opportunity.account
    if match.decided_by is None:
        return f"{match.opportunity} was changed meanwhile: its account is {account or 'not known'} now."
    return f"{who} said already that it is {account or 'none of our accounts'}."


def _lock(match_id: int, seen: str | None) -> AccountMatch:
    """The match with its opportunity locked. Raises AlreadyDecided where it is not as it was seen."""
    opportunity_id = AccountMatch.objects.values_list("opportunity", flat=True).get(pk=match_id)
    opportunity = ownership.lock_opportunity(opportunity_id)
    match = AccountMatch.objects.select_related("decided_by").get(pk=match_id)
    match.opportunity = opportunity
    if seen is not None and seen != match.seen:
        raise AlreadyDecided(said_already(match))
    return match


def _decide(
    match: AccountMatch, state: str, account: Account | None, by: User, at: datetime.datetime
) -> None:
    match.before = {
        "state": match.state,
        "account": match.opportunity.account_id,
        "confidence": match.confidence,
        "why": match.why,
        "contact_account": match.opportunity.contact.account_id if match.opportunity.contact else None,
    }
    _move(match, account)
    match.state, match.decided_by, match.decided_at = state, by, at


def _move(match: AccountMatch, account: Account | None) -> None:
    """Puts the opportunity, and the contact that came with it, to another account or none."""
    opportunity, old = match.opportunity, match.opportunity.account
    words = current_dictionary()
    _move_contact(match, old, account)
    values = _without(opportunity, old, match, words)
    for name in FROM_ACCOUNT:
        if name in values or not getattr(opportunity, name):
            values[name] = getattr(account, name, None) or match.company.get(name) or values.get(name)
    values = {name: value for name, value in values.items() if value is not None or name == "employees"}
    fill(opportunity, {**values, "account": account}, words)
    opportunity.save()
    match.account = account


def _without(
    opportunity: Opportunity, old: Account | None, match: AccountMatch, words: Dictionary
) -> dict[str, Any]:
    """The fields that the old account filled, emptied; a language that followed from its place as well."""
    if old is None:
        return {}
    emptied: dict[str, Any] = {
        name: None if name == "employees" else ""
        for name in FROM_ACCOUNT
        if name in match.filled and getattr(old, name) and getattr(opportunity, name) == getattr(old, name)
    }
    followed = language_of_place(words.languages, old.country, old.region)
    if "language" in match.filled and "country" in emptied and opportunity.language == followed:
        emptied["language"] = ""
    return emptied


def _move_contact(match: AccountMatch, old: Account | None, account: Account | None) -> None:
    contact: Contact | None = match.opportunity.contact
    if contact is None or contact.account_id not in (None, old.pk if old else None):
        return
    if contact.account_id is None or match.brought_contact:
        _give_contact(contact, account.pk if account else None)


def _give_contact(contact: Contact, account_id: int | None) -> None:
    if contact.account_id != account_id and (
        account_id is None or Account.objects.filter(pk=account_id).exists()
    ):
        contact.account_id = account_id
        contact.save(update_fields=["account", "updated_at"])


def _take_away(account_id: int, by: User) -> None:
    """Removes the account that the choice had made, unless something else belongs to it by now."""
    account = Account.objects.filter(pk=account_id).first()
    if account is None or account.owner_id or account.external_id:
        return
    if account.opportunities.exists() or account.contacts.exists() or account.subsidiaries.exists():
        return
    delete_account(account=account, by=by)
