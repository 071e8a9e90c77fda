"""Which open opportunities a new one repeats. A finding only: a service links them and tells the owner, nothing merges.

The same person (email address or phone of the contact) asks again, or the same account asks for the same product within
some days. Confidence is what people can be asked to check, hand-set: no labelled repeats exist to measure it on.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from crm.engine.matching.contacts import normalise_email, normalise_phone

SAME_EMAIL, SAME_PHONE, SAME_PRODUCT = 0.97, 0.92, 0.85
OTHER_PRODUCT = 0.6  # the same person, asking about something else
SURE = 0.9  # acted on without asking: the same person; a mistake is taken back on the page, and nothing is lost by it


@dataclass(frozen=True)
class OpenOpportunity:
    """What of an opportunity tells a repeat. `email` and `phone` are the contact's."""

    id: int
    opened_at: datetime.datetime
    email: str = ""
    phone: str = ""
    country: str = ""
    account_id: int | None = None
    product_id: int | None = None


@dataclass(frozen=True)
class Duplicate:
    """`opportunity_id` is the one that was there already."""

    opportunity_id: int
    confidence: float
    why: str


def find_duplicates(
    new: OpenOpportunity, open_ones: Iterable[OpenOpportunity], *, within_days: int
) -> tuple[Duplicate, ...]:
    """Best first, of equal ones the oldest first. The new one itself is passed over."""
    email = normalise_email(new.email)
    phone = normalise_phone(new.phone, new.country) if new.phone else ""
    found = [
        (duplicate, other.opened_at)
        for other in open_ones
        if other.id != new.id and (duplicate := _duplicate(new, other, email, phone, within_days))
    ]
    found.sort(key=lambda item: (-item[0].confidence, item[1], item[0].opportunity_id))
    return tuple(duplicate for duplicate, _ in found)


def _duplicate(
    new: OpenOpportunity, other: OpenOpportunity, email: str, phone: str, within_days: int
) -> Duplicate | None:
    other_product = None not in (new.product_id, other.product_id) and new.product_id != other.product_id
    if email and normalise_email(other.email) == email:
        confidence = OTHER_PRODUCT if other_product else SAME_EMAIL
        return Duplicate(other.id, confidence, _said("The same email address", other_product))
    if phone and other.phone and normalise_phone(other.phone, other.country) == phone:
        confidence = OTHER_PRODUCT if other_product else SAME_PHONE
        return Duplicate(other.id, confidence, _said("The same phone number", other_product))
    if new.account_id is None or new.account_id != other.account_id:
        return None
    if new.product_id is None or new.product_id != other.product_id:
        return None
    if abs(new.opened_at - other.opened_at) > datetime.timedelta(days=within_days):
        return None
    return Duplicate(other.id, SAME_PRODUCT, f"The same account and product within {within_days} days.")


def _said(what: str, other_product: bool) -> str:
    return f"{what}, another product." if other_product else f"{what}."
