"""A contact's opportunities stay as numbers: stage, value, industry, owner, decisions. Their words go."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from crm.models import Account, AccountMatch, Contact, CustomField, Opportunity
from privacy.models import Kind
from privacy.queries.people import LABELS, Subject
from routing.models import Notification, OutboxMessage

CATEGORY = (
    5  # as many opportunities of others say the same: then it is a category and no word of the person's
)


def opportunity_ids(subject: Subject) -> list[int]:
    contact = subject.members.get(Kind.CONTACT)
    if contact is None:
        return []
    return list(Opportunity.objects.filter(contact=contact).order_by("pk").values_list("pk", flat=True))


def erase_words(ids: list[int], counts: Counter[str]) -> set[str]:
    """Names and free texts of these opportunities; returns the keys of the organisation's own text fields."""
    keys = set(CustomField.objects.filter(type=CustomField.Type.TEXT).values_list("key", flat=True))
    for row in Opportunity.objects.filter(pk__in=ids).select_related("account"):
        neutral = _neutral_name(row)
        custom = kept_custom(row.custom or {}, ids, keys)
        if neutral != row.name or custom != row.custom:
            counts["crm.Opportunity"] += Opportunity.objects.filter(pk=row.pk).update(
                name=neutral, custom=custom
            )
    messages = OutboxMessage.objects.filter(payload__opportunity_id__in=ids, payload__has_key="text")
    for message in messages:
        payload = message.payload | {"text": "About an erased contact."}
        counts["routing.OutboxMessage"] += OutboxMessage.objects.filter(pk=message.pk).update(payload=payload)
    return keys


def _neutral_name(row: Opportunity) -> str:
    account = row.account.name if row.account else ""
    return row.name if row.name == account else f"Opportunity {row.pk}"


def kept_custom(custom: Mapping[str, Any], ids: list[int], keys: set[str]) -> dict[str, Any]:
    """Numbers, dates, choices; of texts those that are a category."""
    return {
        key: value
        for key, value in custom.items()
        if not isinstance(value, str)
        or (key not in keys and _is_choice(key))
        or _is_category(key, value, ids)
    }


def _is_choice(key: str) -> bool:
    return CustomField.objects.filter(key=key).exclude(type=CustomField.Type.TEXT).exists()


def _is_category(key: str, value: str, ids: list[int]) -> bool:
    others = Opportunity.objects.filter(**{f"custom__{key}": value}).exclude(pk__in=ids)
    return others.values("pk")[:CATEGORY].count() >= CATEGORY


def erase_account(account: Account, counts: Counter[str]) -> None:
    """An account that was only this person."""
    label = f"Erased account {account.pk}"
    before = account.name
    Account.objects.filter(pk=account.pk).update(
        name=label, domain="", external_id=None, region="", city="", postal_code=""
    )
    counts["crm.Account"] += 1
    named = Opportunity.objects.filter(account=account)
    for row in named.filter(Q(name__iexact=before) | Q(contact__name__startswith=LABELS[Kind.CONTACT])):
        Opportunity.objects.filter(pk=row.pk).update(name=f"Opportunity {row.pk}")
    of_account = Q(account=account) | Q(opportunity__account=account)
    matches = AccountMatch.objects.filter(of_account).values_list("pk", flat=True)
    AccountMatch.objects.filter(pk__in=list(matches)).update(
        company={}, company_key="", before=None, why="", candidates=[]
    )
    Notification.objects.filter(opportunity__account=account).update(text="About an erased account.", body="")


def locked_contact(pk: int) -> Contact | None:
    return Contact.objects.select_for_update().filter(pk=pk).first()
