"""Keeps a row for each decided opportunity: why it fell through, or that it did not. Incremental and repeatable.

Decisions are read in rising order of id, in pieces, each one transaction. A decision with a lower id may become visible
after one with a higher; so what was decided within the last hour is read again the next time.
"""

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from analytics.engine.fall_through import Reason, reason_of
from analytics.models import FallThrough, ReadUpTo
from routing.engine.trace import unpack_columns
from routing.models import Decision
from routing.queries.configuration import compiled
from routing.queries.inputs import stored_inputs
from routing.queries.rule_warnings import FALL_THROUGH

NAME = "fall-throughs"
PIECE = 1000
SETTLED = datetime.timedelta(hours=1)  # no transaction that decides lasts as long
LIGHT = (
    "id", "opportunity_id", "made_at", "via", "outcome", "team_id", "policy_name", "facts", "trace",
    "configuration_id",
)  # fmt: skip
WRITTEN = [
    field.name for field in FallThrough._meta.concrete_fields if field.name not in ("id", "opportunity")
]


def note_fall_throughs(*, at: datetime.datetime, piece: int = PIECE) -> int:
    """Takes in what was decided since the last time; how many decisions were read."""
    read, after = 0, _mark()
    while True:
        seen = note_piece(after=after, at=at, piece=piece)
        read += len(seen)
        if len(seen) < piece:
            return read
        after = seen[-1]


@transaction.atomic
def note_piece(*, after: int, at: datetime.datetime, piece: int) -> list[int]:
    """The ids of the decisions read. The row of the mark is locked: two at once do not mix."""
    ReadUpTo.objects.get_or_create(name=NAME)
    mark = ReadUpTo.objects.select_for_update().get(name=NAME)
    decisions = list(Decision.objects.filter(pk__gt=after).order_by("pk").only(*LIGHT)[:piece])
    _keep(decisions)
    settled = 0
    for decision in decisions:
        if decision.made_at > at - SETTLED:
            break
        settled = decision.pk
    if settled > mark.number:
        mark.number = settled
        mark.save(update_fields=["number"])
    return [decision.pk for decision in decisions]


def _mark() -> int:
    return ReadUpTo.objects.filter(name=NAME).values_list("number", flat=True).first() or 0


def counts(decision: Decision) -> bool:
    """Whether somebody was looked for: not where it was locked, or waits for what it repeats."""
    is_repeat = decision.via == Decision.Via.DUPLICATE and decision.outcome == Decision.Outcome.HOLD
    has_no_cause = bool(decision.archive) and decision.via in FALL_THROUGH  # it went into the archive
    return decision.outcome != Decision.Outcome.UNTOUCHED and not is_repeat and not has_no_cause


def _keep(decisions: Iterable[Decision]) -> None:
    """The first that fell through of each opportunity, else the first one, whatever is kept already."""
    best: dict[int, Decision] = {}
    for decision in filter(counts, decisions):
        kept = best.get(decision.opportunity_id)
        if kept is None or (decision.via in FALL_THROUGH and kept.via not in FALL_THROUGH):
            best[decision.opportunity_id] = decision
    for opportunity_id, decision_id, cause in FallThrough.objects.filter(opportunity__in=best).values_list(
        "opportunity_id", "decision_id", "cause"
    ):
        if not _comes_before(best[opportunity_id], decision_id, cause):
            del best[opportunity_id]
    FallThrough.objects.bulk_create(
        _rows(list(best.values())),
        update_conflicts=True,
        unique_fields=["opportunity"],
        update_fields=WRITTEN,
    )


def _comes_before(decision: Decision, kept_id: int, cause: str) -> bool:
    """Whether this decision rather than the kept one speaks for the opportunity."""
    fell, kept_fell = decision.via in FALL_THROUGH, bool(cause)
    return fell if fell != kept_fell else decision.pk < kept_id


def _rows(decisions: list[Decision]) -> list[FallThrough]:
    """With the bulk of those that fell through, which the others are read without."""
    fell = _with_bulk(decision.pk for decision in decisions if decision.via in FALL_THROUGH)
    heavy = {decision.pk: decision for decision in fell}
    return [_row(heavy.get(decision.pk, decision), decision.pk in heavy) for decision in decisions]


def _with_bulk(ids: Iterable[int]) -> QuerySet[Decision]:
    return Decision.objects.filter(pk__in=list(ids))


def _row(decision: Decision, fell: bool) -> FallThrough:
    facts = decision.facts
    reason = _reason(decision) if fell else None
    value = facts.get("value")
    return FallThrough(
        opportunity_id=decision.opportunity_id,
        decision_id=decision.pk,
        day=decision.made_at.astimezone(datetime.UTC).date(),
        policy=decision.policy_name,
        cause="" if reason is None else reason.cause.value,
        missing="" if reason is None else reason.missing[:200],
        subject_id=None if reason is None else reason.subject_id,
        best_score=None if reason is None else reason.best_score,
        threshold=None if reason is None else reason.threshold,
        lacking=[] if reason is None else list(reason.lacking),
        team_id=decision.team_id,
        value_base=None if value is None else round(Decimal(value), 2),
        kind=facts.get("kind", "lead"),
        territory=_territory(decision),
        **{
            name: facts.get(name, "")
            for name in ("source", "industry", "size_band", "country", "language", "product")
        },
    )


def _reason(decision: Decision) -> Reason:
    inputs, steps = stored_inputs(decision), decision.trace["steps"]
    return reason_of(inputs, steps, unpack_columns(bytes(decision.columns)))


def _territory(decision: Decision) -> str:
    """Its name in the version that decided."""
    found: dict[str, Any] = next(
        (step["found"] for step in decision.trace["steps"] if step["name"] == "territory"), {}
    )
    if found.get("why") != "matched":
        return ""
    return compiled(decision.configuration_id).by_id[found["territory"]].name
