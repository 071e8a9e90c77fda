"""A file of deals as `evaluate_model` reads it: id, created, closed, outcome, rep, value, then whatever else is known
of each lead. Column names may be those of common CRM exports ("Close Date", "Deal Stage"); what nothing knows becomes
an input of its own, numbers with many values in fifths. The shape is documented in docs/evaluate.md.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crm.engine.imports import values
from crm.engine.imports.fields import custom_key, plain, synonyms_of
from crm.engine.imports.reading import Problem, Table, read_table
from routing.engine.facts import OpportunityFacts
from routing.engine.learning.dataset import DISQUALIFIED, LOST, WON, Deal

NEEDED = {
    "external_id": "id",
    "opened_at": "created",
    "closed_at": "closed",
    "stage": "outcome",
    "owner": "rep",
    "value": "value",
}
TEXTS = {
    "industry": "industry",
    "product": "product",
    "source": "source",
    "size_band": "size_band",
    "region": "region",
    "country": "country",
    "language": "language",
    "urgency": "urgency",
}
MANY_VALUES = 12  # a number with more different values is cut into bands
SHOWN_PROBLEMS = 10
FLAGS = {"1": WON, "true": WON, "yes": WON, "0": LOST, "false": LOST, "no": LOST}
OUTCOMES = {"won": WON, "lost": LOST, "disqualified": DISQUALIFIED, "open": ""}


class BadDeals(Exception):
    """The file cannot be evaluated; `problems` name row and field."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = list(problems)
        lines = [
            f"Row {p.row}, {p.field}: {'“' + p.value + '” ' if p.value else ''}{p.reason}."
            for p in self.problems[:SHOWN_PROBLEMS]
        ]
        more = len(self.problems) - SHOWN_PROBLEMS
        super().__init__(" ".join([message, *lines, *([f"And {more:,} more."] if more > 0 else [])]).strip())


@dataclass(frozen=True)
class DealFile:
    """`deals` closed ones, in order of the file · `reps` name by id · `inputs` keys of the columns that became inputs ·
    `labels` their names · `open_count` rows without an outcome, left aside · `warnings` what was noticed."""

    deals: tuple[Deal, ...]
    reps: Mapping[int, str]
    inputs: tuple[str, ...]
    labels: Mapping[str, str]
    open_count: int
    warnings: tuple[str, ...] = ()


@dataclass
class _Reading:
    """The file while it is read."""

    table: Table
    columns: dict[str, str]  # field → column
    inputs: dict[str, str]  # own key → column
    problems: list[Problem] = field(default_factory=list)

    def texts(self, column: str) -> list[str]:
        return [values.tidy(str(text)) for text in self.table.frame[column]]

    def read(self, name: str, read: Any, manner: values.Manner) -> list[Any]:
        """Every cell of a field; what cannot be read is a problem."""
        found: list[Any] = []
        for row, text in zip(self.table.rows, self.texts(self.columns[name]), strict=True):
            try:
                found.append(read(text, manner) if text else None)
            except values.Wrong as wrong:
                self.problems.append(Problem(row, self.columns[name], text[:80], str(wrong)))
                found.append(None)
        return found


def read_deals(content: bytes) -> DealFile:
    """Raises BadDeals for missing columns and cells that cannot be read, crm.engine.imports.reading.Unreadable for what
    is no table."""
    table = read_table(content)
    columns, inputs = _columns(table.layout.header)
    missing = [NEEDED[name] for name in NEEDED if name not in columns and name != "value"]
    if missing:
        raise BadDeals(
            f"The file has no column {' and no '.join(f'“{name}”' for name in missing)}. It needs id, created, closed, "
            f"outcome, rep and value; it has {', '.join(table.layout.header)}."
        )
    reading = _Reading(table, columns, inputs, list(table.problems))
    return _deals(reading)


def _columns(header: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Field → column and own key → column. The plain names of the documented shape win over synonyms."""
    synonyms = synonyms_of("opportunities")
    found: dict[str, str] = {}
    literal = {word: name for name, word in NEEDED.items()}
    for column in header:
        name = literal.get(plain(column))
        if name and name not in found:
            found[name] = column
    known = {**NEEDED, **TEXTS, "competitors": ""}
    for column in header:
        name = synonyms.get(plain(column), "")
        if name in known and name not in found and column not in found.values():
            found[name] = column
    own: dict[str, str] = {}
    for column in header:
        if column not in found.values():
            own[custom_key(column, taken={f"custom:{key}" for key in own})] = column
    return found, own


def _deals(reading: _Reading) -> DealFile:
    rows, count = reading.table.rows, len(reading.table.rows)
    utc = datetime.UTC
    dates = {name: reading.texts(reading.columns[name]) for name in ("opened_at", "closed_at")}
    order = {name: values.date_order(texts) for name, texts in dates.items()}
    order = {
        name: next((o for o in (kind, *order.values()) if o in ("dmy", "mdy")), "")
        for name, kind in order.items()
    }
    ids = reading.texts(reading.columns["external_id"])
    opened = reading.read("opened_at", values.moment, values.Manner(utc, order["opened_at"]))
    closed = reading.read("closed_at", values.moment, values.Manner(utc, order["closed_at"]))
    outcomes = reading.read("stage", _outcome, values.Manner(utc))
    amounts = _amounts(reading) if "value" in reading.columns else [None] * count
    names = reading.texts(reading.columns["owner"])
    _check(reading, ids, outcomes, closed)
    if reading.problems:
        count = len(reading.problems)
        raise BadDeals(
            "1 cell cannot be used." if count == 1 else f"{count:,} cells cannot be used.", reading.problems
        )
    reps = {name: i + 1 for i, name in enumerate(sorted({name for name in names if name}))}
    texts = {
        name: reading.texts(reading.columns[name])
        for name in (*TEXTS, "competitors")
        if name in reading.columns
    }
    own = {key: _own_values(reading.texts(column)) for key, column in reading.inputs.items()}
    facts = [_facts(i, texts, own, amounts[i]) for i in range(count)]
    rep_ids = [reps.get(name) for name in names]
    deals = [
        _deal(facts[i], outcomes[i], rep_ids[i], opened[i], closed[i]) for i in range(count) if outcomes[i]
    ]
    return DealFile(
        deals=tuple(deals),
        reps={number: name for name, number in reps.items()},
        inputs=tuple(own),
        labels={f"custom.{key}": column for key, column in reading.inputs.items()},
        open_count=len(rows) - len(deals),
        warnings=tuple(_warnings(outcomes, opened, closed, names)),
    )


def _deal(
    facts: OpportunityFacts,
    outcome: str,
    rep_id: int | None,
    opened: datetime.datetime | None,
    closed: datetime.datetime,
) -> Deal:
    days = np.nan if opened is None else max((closed - opened).total_seconds() / 86400, 0.0)
    return Deal(
        facts=facts,
        outcome=outcome,
        rep_id=rep_id,
        opened=None if opened is None else opened.date(),
        closed=closed.date(),
        cycle_days=days,
    )


def _outcome(text: str, manner: values.Manner) -> str:
    flag = FLAGS.get(text.casefold())
    return flag if flag is not None else OUTCOMES[values.PARSERS["stage"](text, manner)]


def _amounts(reading: _Reading) -> list[float | None]:
    texts = reading.texts(reading.columns["value"])
    mark = values.decimal_mark(texts, delimiter=reading.table.layout.delimiter)
    manner = values.Manner(datetime.UTC, decimal=mark if mark in (".", ",") else ".")
    return [None if v is None else float(v) for v in reading.read("value", values.number, manner)]


def _check(reading: _Reading, ids: list[str], outcomes: list[Any], closed: list[Any]) -> None:
    """Ids once, and a day of closing for everything that has an outcome."""
    first: dict[str, int] = {}
    for row, id_, outcome, day in zip(reading.table.rows, ids, outcomes, closed, strict=True):
        if id_ and first.setdefault(id_, row) != row:
            reading.problems.append(
                Problem(row, reading.columns["external_id"], id_, f"is in row {first[id_]} already")
            )
        if outcome and day is None and not _told(reading, row, "closed_at"):
            reading.problems.append(
                Problem(row, reading.columns["closed_at"], "", f"is empty, but the outcome is {outcome}")
            )


def _told(reading: _Reading, row: int, name: str) -> bool:
    return any(p.row == row and p.field == reading.columns[name] for p in reading.problems)


def _own_values(texts: list[str]) -> list[Any]:
    """Numbers where every cell is one and they are many; else the texts."""
    numbers: list[float | None] = []
    for text in texts:
        try:
            found = values.number(text, values.Manner(datetime.UTC))
        except values.Wrong:
            return list(texts)
        numbers.append(None if found is None else float(found))
    return numbers if len({n for n in numbers if n is not None}) > MANY_VALUES else list(texts)


def _facts(
    i: int, texts: Mapping[str, list[str]], own: Mapping[str, list[Any]], value: float | None
) -> OpportunityFacts:
    named: dict[str, Any] = {TEXTS[name]: column[i] for name, column in texts.items() if name in TEXTS}
    competitors = (
        values.names(texts["competitors"][i], values.Manner(datetime.UTC)) if "competitors" in texts else ()
    )
    return OpportunityFacts(
        id=i + 1,
        kind="deal",
        competitors=tuple(competitors),
        value=value,
        custom={key: column[i] for key, column in own.items()},
        **named,
    )


def _warnings(outcomes: list[Any], opened: list[Any], closed: list[Any], names: list[str]) -> Iterable[str]:
    early = sum(1 for o, c in zip(opened, closed, strict=True) if o is not None and c is not None and c < o)
    if early:
        yield f"{early:,} deals closed before they were created."
    nobody = sum(1 for outcome, name in zip(outcomes, names, strict=True) if outcome and not name)
    if nobody:
        yield f"{nobody:,} closed deals have no rep: they tell about leads, not about reps."
