"""Accounts, contacts and products: written whole, words canonical, size band from the number of employees."""

from contextlib import nullcontext
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.engine.words import size_band
from crm.models import Account, AccountOwnerChange, Contact, Product, Term
from crm.queries.vocabulary import load_vocabulary
from crm.services.account_owners import owners_changed_by
from reps.models import User
from reps.services.edits import lock_unchanged


@transaction.atomic
def save_account(
    *,
    account: Account,
    seen: datetime | None = None,
    by: User,
    source: AccountOwnerChange.Source = AccountOwnerChange.Source.FORM,
) -> Account:
    """Create or change an account. Opportunities that came in before keep the facts that they were decided on."""
    owner_before = lock_unchanged(account, seen=seen).owner_id if account.pk else None
    refuse_circle(account)
    make_canonical(account, {"industry": "industry", "country": "country", "region": "region"})
    account.size_band = size_band(account.employees) or account.size_band
    with owners_changed_by(source=source, by=by) if account.owner_id != owner_before else nullcontext():
        account.save()
    return account


def refuse_circle(account: Account) -> None:
    above, seen = account.parent, {account.pk}
    while above is not None:
        if above.pk in seen:
            raise ValidationError({"parent": f"{above} belongs to this account already."})
        seen.add(above.pk)
        above = above.parent


@transaction.atomic
def delete_account(*, account: Account, by: User) -> None:
    """Remove an account without opportunities, with its contacts. Raises ValidationError."""
    count = account.opportunities.count()
    if count:
        raise ValidationError(
            f"{account} has {count} opportunities, which would lose their account. It stays."
        )
    account.delete()


@transaction.atomic
def save_contact(*, contact: Contact, seen: datetime | None = None, by: User) -> Contact:
    if contact.pk:
        lock_unchanged(contact, seen=seen)
    make_canonical(contact, {"preferred_language": "language"})
    contact.save()
    return contact


@transaction.atomic
def delete_contact(*, contact: Contact, by: User) -> None:
    """Remove a contact. Its opportunities stay, without naming a contact."""
    contact.delete()


@transaction.atomic
def save_product(*, product: Product, seen: datetime | None = None, by: User) -> Product:
    if product.pk:
        lock_unchanged(product, seen=seen)
    product.save()
    return product


def make_canonical(record: Any, kinds: dict[str, str]) -> None:
    """Replace spellings by the words that they mean; a word never heard of is kept and listed for confirmation."""
    vocabulary = load_vocabulary()
    unknown = []
    for field, kind in kinds.items():
        word, is_known = vocabulary.canonical(kind, getattr(record, field))
        setattr(record, field, word)
        if not is_known:
            unknown.append(Term(kind=kind, name=word, is_known=False))
    Term.objects.bulk_create(unknown, ignore_conflicts=True)
