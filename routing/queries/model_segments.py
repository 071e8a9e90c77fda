"""Rep × segment: who won what, from the report of a model; narrowed, sorted and cut into pages in memory (at most some
thousand rows), and as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reps.engine.tables import shielded
from reps.models import User
from routing.models import ModelVersion
from routing.queries.model_page import rep_names, words_for
from routing.queries.model_words import CATEGORY_WORDS, Words, number, share

CATEGORIES = ("rep", "industry", "product", "source", "size", "competitor")
PAGE_ROWS = 50
CSV_HEAD = (
    "Category", "Segment", "Rep", "Closed deals", "Won", "Win rate", "Win rate, shrunken", "Median cycle "
    "(days)",
    "Median first touch (hours)",
)  # fmt: skip
ORDERS = {
    "rep": "Rep", "segment": "Segment", "deals": "Won of deals", "raw": "Win rate", "shrunken": "Win rate, shrunken",
    "cycle": "Days to close", "touch": "Hours to first touch",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One rep in one segment. Rates are shares of one; times None where none is known."""

    category: str
    segment: str
    rep_id: int
    rep: str
    deals: int
    won: int
    shrunken: float
    cycle: float | None
    touch: float | None

    @property
    def raw(self) -> float:
        return self.won / max(self.deals, 1)

    @property
    def raw_words(self) -> str:
        return share(self.raw)

    @property
    def shrunken_words(self) -> str:
        return share(self.shrunken)

    @property
    def cycle_words(self) -> str:
        return "–" if self.cycle is None else f"{self.cycle:.0f}"

    @property
    def touch_words(self) -> str:
        return "–" if self.touch is None else number(self.touch, 1)


@dataclass(frozen=True)
class Search:
    """What the address asks for. `order` a key of ORDERS, with a minus for descending."""

    category: str = "rep"
    words: str = ""
    order: str = "-deals"
    page: int = 1


@dataclass(frozen=True)
class Column:
    """A head that sorts: where its link leads, and how the list is sorted by it now."""

    label: str
    order: str
    sorted: str
    is_number: bool


@dataclass(frozen=True)
class SegmentTable:
    rows: tuple[Cell, ...]
    total: int
    page: int
    pages: int
    columns: tuple[Column, ...]
    search: Search

    @property
    def before(self) -> int | None:
        return self.page - 1 if self.page > 1 else None

    @property
    def after(self) -> int | None:
        return self.page + 1 if self.page < self.pages else None

    @property
    def shows_segments(self) -> bool:
        return self.search.category != "rep"


def cells(version: ModelVersion, *, user: User) -> list[Cell]:
    """Every cell that the reader may see; two queries."""
    return list(_cells(version.report.get("segments", {}), rep_names(user), words_for(version)))


def _cells(
    segments: Mapping[str, Sequence[Sequence[Any]]], names: Mapping[int, str], words: Words
) -> Iterator[Cell]:
    for category in CATEGORIES:
        for rep_id, level, closed, won, shrunken, cycle, touch in segments.get(category, ()):
            if rep_id in names:
                segment = words.level(category, level) if level else CATEGORY_WORDS["rep"]
                yield Cell(category, segment, rep_id, names[rep_id], closed, won, shrunken, cycle, touch)


def table_of(every: Sequence[Cell], search: Search) -> SegmentTable:
    """The page of the table that was asked for; a page beyond the last is the last."""
    wanted = search.words.casefold()
    found = [
        cell
        for cell in every
        if cell.category == search.category
        and (wanted in cell.rep.casefold() or (cell.category != "rep" and wanted in cell.segment.casefold()))
    ]
    name, falling = search.order.removeprefix("-"), search.order.startswith("-")
    found.sort(key=lambda cell: (cell.rep.casefold(), cell.segment.casefold()))
    known = [cell for cell in found if getattr(cell, name) is not None]
    unknown = [cell for cell in found if getattr(cell, name) is None]
    ordered = [*sorted(known, key=lambda cell: _place(cell, name), reverse=falling), *unknown]
    pages = max(-(-len(ordered) // PAGE_ROWS), 1)
    page = min(search.page, pages)
    rows = tuple(ordered[(page - 1) * PAGE_ROWS : page * PAGE_ROWS])
    shown = replace(search, page=page)
    return SegmentTable(rows, len(ordered), page, pages, tuple(_columns(shown)), shown)


def _place(cell: Cell, name: str) -> Any:
    value = getattr(cell, name)
    return value.casefold() if isinstance(value, str) else value


def _columns(search: Search) -> Iterator[Column]:
    name, falling = search.order.removeprefix("-"), search.order.startswith("-")
    for key, text in ORDERS.items():
        if key == "segment" and search.category == "rep":
            continue
        is_number = key not in ("rep", "segment")
        here = key == name
        turned = here and (not falling if not is_number else falling)
        order = key if is_number and turned else f"-{key}" if is_number or turned else key
        yield Column(text, order, ("descending" if falling else "ascending") if here else "", is_number)


def as_csv(every: Sequence[Cell]) -> Iterator[str]:
    """The whole table, all categories; formulas shielded as in every other download."""
    out = io.StringIO()
    writer = csv.writer(out)
    yield "\ufeff"
    writer.writerow(CSV_HEAD)
    for cell in every:
        cycle, touch = ("" if value is None else str(value) for value in (cell.cycle, cell.touch))
        row = [CATEGORY_WORDS[cell.category], cell.segment, cell.rep, str(cell.deals), str(cell.won),
               f"{cell.raw:.4f}", f"{cell.shrunken:.4f}", cycle, touch]  # fmt: skip
        writer.writerow(shielded(row))
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()
