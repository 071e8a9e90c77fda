"""Satisfaction scores from elsewhere: checked as a whole, kept as a whole, and the same again when they come again."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime

from crm.engine.imports.reading import Problem
from crm.models import Opportunity
from experiments.models import SatisfactionScore

EXTERNAL = "ext:"
FIELDS = ("opportunity", "score", "given_at", "external_id")
LONGEST = {"opportunity": 130, "external_id": 120}
Key = str | tuple[int, datetime.datetime]
EARLIEST = datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Given:
    """A score that can be kept. Without an external id it is known by its opportunity and moment."""

    opportunity_id: int
    score: float
    given_at: datetime.datetime
    external_id: str


@dataclass(frozen=True)
class Kept:
    added: int
    changed: int
    unchanged: int


def check_scores(
    rows: Sequence[Mapping[str, Any]],
    opportunities: QuerySet[Opportunity],
    *,
    at: datetime.datetime,
    numbers: Sequence[int] | None = None,
) -> tuple[list[Given], list[Problem]]:
    """Rows of texts or numbers by field, and how each is called (else from 1 on). Opportunities are looked for among
    these, by our id or by `ext:` and the other system's. Two queries."""
    found = _opportunities(rows, opportunities)
    given: list[Given] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for number, row in zip(numbers or range(1, len(rows) + 1), rows, strict=True):
        wrong = list(_wrong(number, row, found, seen, at))
        problems += wrong
        if wrong:
            continue
        external = _text(row, "external_id")
        seen[external] = number
        moment = moment_of(row.get("given_at"), at)
        assert moment is not None
        given.append(Given(found[_text(row, "opportunity")], _number(row["score"]), moment, external))
    return given, problems


def _wrong(
    number: int,
    row: Mapping[str, Any],
    found: Mapping[str, int],
    seen: Mapping[str, int],
    at: datetime.datetime,
) -> list[Problem]:
    def problem(field: str, reason: str) -> Problem:
        return Problem(number, field, str(row.get(field, ""))[:100], reason)

    wrong = [problem(str(name)[:60], "There is no such field.") for name in row if name not in FIELDS]
    key = _text(row, "opportunity")
    if not key:
        wrong.append(problem("opportunity", "Our id is expected, or ext: and yours."))
    elif key not in found:
        wrong.append(problem("opportunity", "There is no such opportunity."))
    if not _is_score(row.get("score")):
        wrong.append(problem("score", "A number from 0 to 10 is expected."))
    moment = moment_of(row.get("given_at"), at)
    if moment is None:
        wrong.append(problem("given_at", "A day or a moment is expected, such as 2026-03-02."))
    elif not EARLIEST <= moment <= at + datetime.timedelta(days=1):
        wrong.append(problem("given_at", "It lies in the future, or before 1900."))
    external = _text(row, "external_id")
    if len(external) > LONGEST["external_id"] or "\x00" in external:
        wrong.append(problem("external_id", "At most 120 characters."))
    elif external and external in seen:
        wrong.append(problem("external_id", f"Row {seen[external]} has it already."))
    return wrong


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or isinstance(value, bool) else str(value).strip()


def _is_score(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return 0 <= _number(value) <= 10
    except (ValueError, OverflowError):
        return False


def _number(value: float | str) -> float:
    """Also with a decimal comma."""
    return float(value.replace(",", ".")) if isinstance(value, str) else float(value)


def moment_of(value: Any, at: datetime.datetime) -> datetime.datetime | None:
    """Of an ISO day or moment; in the time zone of `at` where it names none. None where it is neither."""
    if not isinstance(value, str):
        return None
    try:
        moment, day = parse_datetime(value.strip()), parse_date(value.strip())
    except ValueError:
        return None
    if moment is None and day is not None:
        moment = datetime.datetime.combine(day, datetime.time(12))
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=at.tzinfo)
    return moment


def _opportunities(rows: Sequence[Mapping[str, Any]], visible: QuerySet[Opportunity]) -> dict[str, int]:
    """What each key names."""
    keys = {_text(row, "opportunity") for row in rows}
    keys = {key for key in keys if key and len(key) <= LONGEST["opportunity"] and "\x00" not in key}
    ids = [int(key) for key in keys if key.isascii() and key.isdigit() and len(key) < 19]
    externals = {key.removeprefix(EXTERNAL) for key in keys if key.startswith(EXTERNAL)}
    ours = {str(pk): pk for pk in visible.filter(pk__in=ids).values_list("pk", flat=True)}
    theirs = visible.filter(external_id__in=externals).values_list("external_id", "pk")
    return ours | {f"{EXTERNAL}{external}": pk for external, pk in theirs}


@transaction.atomic
def keep_scores(*, scores: Sequence[Given], source: str) -> Kept:
    """All of them; what is known already by its external id, or by its opportunity and moment, is changed to them."""
    named = _known(external_id__in=[one.external_id for one in scores if one.external_id])
    unnamed = _known(
        opportunity__in=[one.opportunity_id for one in scores if not one.external_id], external_id=""
    )
    known = {_key(one): one for one in [*named, *unnamed]}
    added: dict[Key, SatisfactionScore] = {}
    changed = 0
    for one in scores:
        before = known.get(_key(one))
        if before is None:
            added[_key(one)] = SatisfactionScore(
                opportunity_id=one.opportunity_id, score=one.score, given_at=one.given_at,
                external_id=one.external_id, source=source,
            )  # fmt: skip
        elif _said(before) != _said(one):
            before.opportunity_id, before.score, before.given_at = _said(one)
            before.save(update_fields=["opportunity", "score", "given_at"])
            changed += 1
    SatisfactionScore.objects.bulk_create(added.values())
    return Kept(len(added), changed, len(scores) - len(added) - changed)


def _key(one: Given | SatisfactionScore) -> Key:
    return one.external_id or (one.opportunity_id, one.given_at)


def _said(one: Given | SatisfactionScore) -> tuple[int, float, datetime.datetime]:
    return one.opportunity_id, one.score, one.given_at


def _known(**of: Any) -> QuerySet[SatisfactionScore]:
    return SatisfactionScore.objects.select_for_update().filter(**of)
