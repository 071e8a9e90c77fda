"""Whether a rep gets quota credit for an opportunity, by the rows of a crediting table. Pure.

A row of the rep counts on its days where all that it names is the opportunity's; a territory it names stands for those
inside it as well. The best share of those that count is the rep's. Who has no row at all is not in the table: nothing
is said of them. Text is compared without case.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SEGMENT = ("industry", "size_band", "product", "kind", "source")


class Why(StrEnum):
    """Kept in rows: names are never reused. Of no credit: what comes closest to some."""

    FULL = "full"
    PART = "part"
    NOT_LISTED = "not_listed"
    DATES = "dates"
    SEGMENT = "segment"
    TERRITORY = "territory"
    NIL = "nil"


WITHOUT = (Why.DATES, Why.SEGMENT, Why.TERRITORY, Why.NIL)


@dataclass(frozen=True)
class CreditRow:
    """What a rep gets credit for; "" and None are any. `share` in per cent."""

    rep_id: int
    territory_id: int | None = None
    industry: str = ""
    size_band: str = ""
    product: str = ""
    kind: str = ""
    source: str = ""
    share: float = 100.0
    valid_from: datetime.date | None = None
    valid_until: datetime.date | None = None

    def holds_on(self, day: datetime.date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )

    def is_about(self, segment: Mapping[str, str]) -> bool:
        named = ((name, getattr(self, name)) for name in SEGMENT)
        return all(not value or value.casefold() == segment.get(name, "").casefold() for name, value in named)

    def covers(self, lineage: Sequence[int]) -> bool:
        """Of a territory with those around it: whether the row's is one of them."""
        return self.territory_id is None or self.territory_id in lineage


@dataclass(frozen=True)
class Credit:
    """`share` in per cent, None where the rep is not in the table."""

    share: float | None
    why: Why


def credit_of(
    rows: Sequence[CreditRow], *, lineage: Sequence[int], segment: Mapping[str, str], day: datetime.date
) -> Credit:
    """Of one rep (whose rows these are) for an opportunity of that territory and segment, on the day."""
    if not rows:
        return Credit(None, Why.NOT_LISTED)
    fitting = [row for row in rows if row.covers(lineage) and row.is_about(segment)]
    holding = [row.share for row in fitting if row.holds_on(day)]
    if holding:
        share = max(holding)
        return Credit(share, Why.FULL if share >= 100 else Why.PART if share > 0 else Why.NIL)
    if fitting:
        return Credit(0.0, Why.DATES)
    inside = any(row.covers(lineage) for row in rows)
    return Credit(0.0, Why.SEGMENT if inside else Why.TERRITORY)


def could_credit(row: CreditRow, fixed: Mapping[str, frozenset[str]], day: datetime.date) -> bool:
    """Whether a row may count for something of which only these columns are known (values case-folded)."""
    return (
        row.share > 0
        and row.holds_on(day)
        and all(
            not getattr(row, name) or name not in fixed or getattr(row, name).casefold() in fixed[name]
            for name in SEGMENT
        )
    )


def fixed_by(condition: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The columns to which a condition leaves certain values only: by `is` and `in`, alone or all together."""
    if "all" in condition:
        found: dict[str, frozenset[str]] = {}
        for part in condition["all"]:
            for name, values in fixed_by(part).items():
                found[name] = found[name] & values if name in found else values
        return found
    field, value = condition.get("field"), condition.get("value")
    if field not in SEGMENT or condition.get("op") not in ("is", "in"):
        return {}
    allowed = value if isinstance(value, list) else [value]
    return {str(field): frozenset(str(one).casefold() for one in allowed)}
