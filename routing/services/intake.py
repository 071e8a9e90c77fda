"""Taking opportunities in: durable before it is answered, and the same answer for the same request.

The opportunity and its receipt are one transaction. Routing follows in another; if that fails, the opportunity is
accepted all the same, and the sweep routes it.
"""

import datetime
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction

from crm.models import Opportunity
from crm.queries.duplicates import links_that_hold
from crm.services.duplicates import link_repeats
from crm.services.opportunities import Dictionary
from crm.services.placing import create_placed_opportunity
from reps.models import User
from routing.models import Decision, IntakeReceipt
from routing.queries.answers import opportunity_answer
from routing.services.decisions import route

log = logging.getLogger(__name__)


class KeyReused(Exception):
    """An Idempotency-Key came again with another body."""


@dataclass(frozen=True)
class Accepted:
    """An opportunity that is in, whether this request brought it, and the answer."""

    opportunity: Opportunity
    is_new: bool
    answer: dict[str, Any]


def fingerprint(body: Any) -> str:
    """SHA-256 of a request's body, whatever the order of its keys."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()


def take_in(
    *,
    values: Mapping[str, Any],
    body: Any,
    by: User,
    at: datetime.datetime,
    idempotency_key: str = "",
    dictionary: Dictionary | None = None,
) -> Accepted:
    """Accepts, routes and answers. `values` as `create_opportunity` takes them, with `company` and `person` mappings.

    Raises KeyReused. A repeated external id or key gives the first answer again.
    """
    seen = _seen(values.get("external_id"), by, idempotency_key, fingerprint(body))
    if seen is not None:
        return seen
    try:
        with transaction.atomic():
            opportunity = create_placed_opportunity(values=values, at=at, by=by, dictionary=dictionary)
            link_repeats(opportunity=opportunity, at=at)
            receipt = IntakeReceipt.objects.create(
                opportunity=opportunity,
                user=by,
                idempotency_key=idempotency_key,
                fingerprint=fingerprint(body),
                created_at=at,
            )
    except IntegrityError:
        seen = _seen(values.get("external_id"), by, idempotency_key, fingerprint(body))
        if seen is None:
            raise
        return seen
    answer = _route_and_answer(opportunity.pk)
    IntakeReceipt.objects.filter(pk=receipt.pk).update(answer=answer)
    return Accepted(opportunity, True, answer)


def _seen(external_id: str | None, by: User, key: str, print_: str) -> Accepted | None:
    """What was answered to this request before, if it was."""
    receipt = None
    if key:
        receipt = (
            IntakeReceipt.objects.filter(user=by, idempotency_key=key).select_related("opportunity").first()
        )
        if receipt is not None and receipt.fingerprint != print_:
            raise KeyReused("This Idempotency-Key was used before with another body.")
    if receipt is None and external_id:
        known = Opportunity.objects.filter(external_id=external_id).select_related("receipt").first()
        if known is None:
            return None
        receipt = getattr(known, "receipt", None)
        if receipt is None:  # imported, or made in the browser
            return Accepted(known, False, answer_now(known.pk))
    if receipt is None:
        return None
    answer = receipt.answer or answer_now(receipt.opportunity_id)
    return Accepted(receipt.opportunity, False, answer)


def _route_and_answer(opportunity_id: int) -> dict[str, Any]:
    try:
        route(opportunity_id=opportunity_id)
    except Exception:
        log.exception("opportunity %s is accepted but could not be routed; the sweep will", opportunity_id)
    return answer_now(opportunity_id)


def answer_now(opportunity_id: int) -> dict[str, Any]:
    """The answer as things stand, as plain JSON values."""
    opportunity = Opportunity.objects.select_related("owner", "account", "account_match").get(
        pk=opportunity_id
    )
    decision = Decision.objects.filter(opportunity=opportunity).order_by("-id").first()
    link = links_that_hold([opportunity]).get(opportunity_id)
    answer = opportunity_answer(opportunity, decision, link=link)
    plain: dict[str, Any] = json.loads(json.dumps(answer, cls=DjangoJSONEncoder))
    return plain
