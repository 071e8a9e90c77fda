"""Taking opportunities in: durable before it is answered, and the same answer for the same request.

The opportunity, its receipt and its decision are one transaction. If deciding fails, the opportunity is accepted all
the same and decided in another transaction, at the latest by the sweep.
"""

import datetime
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Model

from crm.models import DuplicateLink, Opportunity
from crm.queries.duplicates import links_that_hold
from crm.services.duplicates import link_repeats, look_for_repeats
from crm.services.placing import Brought, place_new
from reps.models import User
from reps.queries.prepared import ask
from reps.services.inserts import insert
from routing.models import Decision, IntakeReceipt
from routing.queries.answers import opportunity_answer
from routing.queries.state import Looking
from routing.services.decided import Also, Made
from routing.services.decisions import decide_new, look_ahead, route
from telemetry.context import note_decision
from telemetry.metrics import INTAKE
from telemetry.traces import span

log = logging.getLogger(__name__)
# By the key, and by the other system's id; one that was imported, or made in the browser, has no receipt.
SEEN = """
SELECT true, opportunity_id, fingerprint, answer FROM routing_intakereceipt
WHERE user_id = %(user)s AND idempotency_key = %(key)s AND %(key)s <> ''
UNION ALL
SELECT false, o.id, r.fingerprint, r.answer
FROM crm_opportunity o LEFT JOIN routing_intakereceipt r ON r.opportunity_id = o.id
WHERE o.external_id = %(external_id)s AND %(external_id)s <> ''
"""


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
    way: str = "api",
) -> Accepted:
    """Accepts, routes and answers. `values` as `create_opportunity` takes them, with `company` and `person` mappings;
    `way`: that it came in by, to be counted.

    Raises KeyReused. A repeated external id or key gives the first answer again.
    """
    with span("intake"):
        accepted = _taken_in(values, body, by, at, idempotency_key)
    decision = accepted.answer["decision"]
    note_decision(accepted.opportunity.pk, decision["id"] if decision else None)
    count(accepted, way)
    return accepted


def count(accepted: Accepted, way: str) -> None:
    """Undecided are those whose decision failed, not those that wait for a batch."""
    waits = (
        accepted.answer["decision"] is None and accepted.opportunity.routing == Opportunity.Routing.WAITING
    )
    INTAKE.labels(way, "repeated" if not accepted.is_new else "undecided" if waits else "accepted").inc()


def _taken_in(
    values: Mapping[str, Any], body: Any, by: User, at: datetime.datetime, idempotency_key: str
) -> Accepted:
    print_ = fingerprint(body)
    # An external id that is known stops the storing at its first row; a key would only stop it at its last.
    seen = _seen(values.get("external_id"), by, idempotency_key, print_) if idempotency_key else None
    if seen is not None:
        return seen
    request = Request(values, by, at, idempotency_key, print_)
    try:
        return _stored(request)
    except IntegrityError:
        seen = _seen(values.get("external_id"), by, idempotency_key, print_)
        if seen is None:
            raise
        return seen


@dataclass(frozen=True)
class Request:
    """What came in. `fingerprint` is that of its body."""

    values: Mapping[str, Any]
    by: User
    at: datetime.datetime
    idempotency_key: str
    fingerprint: str


class _Undecided(Exception):
    """Deciding failed, where it should not: what came in is stored without a decision."""


def _stored(request: Request) -> Accepted:
    """Stored and decided, or at least stored."""
    try:
        opportunity, receipt = _store(request, decides=True)
    except _Undecided as failed:
        log.error("a request is accepted but could not be decided with it", exc_info=failed.__cause__)
        opportunity, receipt = _store(request, decides=False)
    if receipt.answer is None:
        receipt.answer = late_answer(opportunity)
    return Accepted(opportunity, True, receipt.answer)


@transaction.atomic
def _store(request: Request, *, decides: bool) -> tuple[Opportunity, IntakeReceipt]:
    ahead = look_ahead() if decides else None
    brings = _placed(request, ahead)
    opportunity = brings.opportunity
    repeats = [] if brings.is_all_new else look_for_repeats(opportunity)
    # What repeats nothing is looked for by nobody before it is decided, and is stored with its decision.
    new = brings.records if ahead and not repeats else ()
    if not new:
        insert(*brings.records)
    may_repeat = link_repeats(opportunity=opportunity, found=repeats, at=request.at) if repeats else False
    receipt = IntakeReceipt(
        opportunity=opportunity,
        user=request.by,
        idempotency_key=request.idempotency_key,
        fingerprint=request.fingerprint,
        created_at=request.at,
    )

    def with_answer(made: Made) -> list[IntakeReceipt]:
        link = links_that_hold([opportunity]).get(opportunity.pk) if may_repeat else None
        receipt.answer = answer_of(opportunity, made, link)
        return [receipt]

    if ahead is None or not _decided(opportunity, may_repeat, with_answer, ahead, new):
        insert(receipt)
    return opportunity, receipt


def _placed(request: Request, ahead: Looking | None) -> Brought:
    """Where what is looked at ahead can't be read, it is placed without; where nothing can, that fails as well."""
    try:
        return place_new(values=request.values, at=request.at, by=request.by, along=ahead)
    except DatabaseError as failed:
        if ahead is None or isinstance(failed, IntegrityError):
            raise
        raise _Undecided from failed


def _decided(
    opportunity: Opportunity, may_repeat: bool, also: Also, ahead: Looking, new: Sequence[Model]
) -> bool:
    try:
        made = decide_new(opportunity=opportunity, may_repeat=may_repeat, also=also, ahead=ahead, new=new)
        return made is not None
    except IntegrityError:
        raise  # the receipt's: the same key came a moment ago
    except Exception as failed:
        raise _Undecided from failed


def answer_of(opportunity: Opportunity, made: Made | None, link: DuplicateLink | None) -> dict[str, Any]:
    """The answer from what is at hand. `link`: what it repeats, if it does."""
    decision, names = (made.decision, made.names) if made else (None, None)
    return _plain(opportunity_answer(opportunity, decision, names, link=link))


def known_external_ids(external_ids: Sequence[str]) -> set[str]:
    """Which of them are another opportunity's already."""
    known = Opportunity.objects.filter(external_id__in=external_ids)
    return {found for found in known.values_list("external_id", flat=True) if found}


def _seen(external_id: str | None, by: User, key: str, print_: str) -> Accepted | None:
    """What was answered to this request before, if it was. A key that was used with another body: KeyReused."""
    rows = ask(SEEN, {"user": by.pk, "key": key, "external_id": external_id or ""})
    found = min(rows, key=lambda row: not row[0]) if rows else None
    if found is None:
        return None
    is_by_key, opportunity_id, print_then, answer = found
    if is_by_key and print_then != print_:
        raise KeyReused("This Idempotency-Key was used before with another body.")
    opportunity = Opportunity.objects.get(pk=opportunity_id)
    return Accepted(opportunity, False, json.loads(answer) if answer else answer_now(opportunity_id))


def late_answer(opportunity: Opportunity) -> dict[str, Any]:
    """The answer about one that was stored without a decision: decided now where it can be. Kept with its receipt."""
    try:
        if opportunity.routing == Opportunity.Routing.WAITING:
            route(opportunity_id=opportunity.pk)
    except Exception:
        log.exception("opportunity %s is accepted but could not be routed; the sweep will", opportunity.pk)
    answer = answer_now(opportunity.pk)
    IntakeReceipt.objects.filter(opportunity=opportunity.pk).update(answer=answer)
    return answer


def answer_now(opportunity_id: int) -> dict[str, Any]:
    """The answer as things stand, as plain JSON values."""
    opportunity = Opportunity.objects.select_related("owner", "account", "account_match").get(
        pk=opportunity_id
    )
    decision = Decision.objects.filter(opportunity=opportunity).order_by("-id").first()
    link = links_that_hold([opportunity]).get(opportunity_id)
    answer = opportunity_answer(opportunity, decision, link=link)
    return _plain(answer)


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """With the one value that JSON does not have as the text that its receipt keeps."""
    if answer["decision"] is not None:
        answer["decision"]["made_at"] = DjangoJSONEncoder().default(answer["decision"]["made_at"])
    return answer
