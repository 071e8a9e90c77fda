"""Pages of a list by position, not by number: page 4,000 costs what page 1 costs.

A cursor holds the sort key and the id of the row at a page's edge. `key >= edge` lets the index find the place, the
rest of the condition orders equal keys by id.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.db.models import Expression, F, IntegerField, Model, Q, QuerySet, Subquery
from django.utils.dateparse import parse_datetime

Row = TypeVar("Row", bound=Model)
READERS: dict[str, Callable[[Any], Any]] = {"t": parse_datetime, "d": Decimal, "s": lambda plain: plain}
COUNTED_UP_TO = 10_000  # counting further costs more than the number is worth


class Counted(Subquery):
    """How many rows a query has, beside others in one query; give it a slice, so that it stops counting."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


class BadCursor(ValueError):
    """The address holds a cursor that this list did not make."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: list[Row]
    before: str  # cursors of the neighbouring pages, "" where there is none
    after: str
    total: int

    @property
    def is_counted(self) -> bool:
        return self.total <= COUNTED_UP_TO

    def words(self, one: str, many: str) -> str:
        if not self.is_counted:
            return f"more than {COUNTED_UP_TO:,} {many}"
        return f"{self.total:,} {one if self.total == 1 else many}"


def page_of(
    rows: QuerySet[Row],
    *,
    key: str | Expression | F,
    descending: bool = False,
    cursor: str = "",
    size: int = 50,
) -> Page[Row]:
    """The page at the cursor. Raises BadCursor."""
    # The count first: the annotation and the prefetches of the page are nothing to it.
    total = rows.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
    expression = F(key) if isinstance(key, str) else key
    backwards, edge = read_cursor(cursor)
    placed = rows.annotate(place=expression)
    falling = descending != backwards
    if edge is not None:
        value, pk = edge
        up = "lt" if falling else "gt"
        placed = placed.filter(**{f"place__{up}e": value}).filter(
            Q(**{f"place__{up}": value}) | Q(place=value, **{f"pk__{up}": pk})
        )
    found = list(placed.order_by(*(("-place", "-pk") if falling else ("place", "pk")))[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    has_before = more if backwards else edge is not None
    has_after = edge is not None if backwards else more
    return Page(
        rows=found,
        before=write_cursor(found[0], backwards=True) if found and has_before else "",
        after=write_cursor(found[-1], backwards=False) if found and has_after else "",
        total=total,
    )


def write_cursor(row: Any, *, backwards: bool) -> str:
    value = row.place
    tagged = (
        ["t", value.isoformat()]
        if isinstance(value, datetime)
        else ["d", str(value)]
        if isinstance(value, Decimal)
        else ["s", value]
    )
    return (
        base64.urlsafe_b64encode(json.dumps([int(backwards), *tagged, row.pk]).encode()).decode().rstrip("=")
    )


def read_cursor(cursor: str) -> tuple[bool, tuple[Any, int] | None]:
    if not cursor:
        return False, None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        backwards, kind, text, pk = json.loads(base64.urlsafe_b64decode(padded))
        value = READERS[kind](text)
        if value is None or not isinstance(pk, int) or isinstance(value, (list, dict)):
            raise BadCursor(cursor)
    except (ValueError, TypeError, KeyError, ArithmeticError, binascii.Error) as error:
        raise BadCursor(cursor) from error
    return bool(backwards), (value, pk)
