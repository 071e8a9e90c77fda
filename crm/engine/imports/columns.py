"""A table of texts → a table of values, and every cell that could not be read. Each distinct text is read once."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from crm.engine.imports import values
from crm.engine.imports.fields import CUSTOM, FIELDS, Field
from crm.engine.imports.reading import Problem, Table
from crm.engine.words import Vocabulary

Texts = np.ndarray[Any, np.dtype[np.object_]]
SHOWN = 200  # characters of a wrong value
CHOSEN = {
    "stage": "stage",
    "urgency": "urgency",
    "size": "size_band",
}  # types whose spellings aliases explain


@dataclass(frozen=True)
class CustomColumn:
    """A custom field as an import needs it: the allowed values are empty where any text is."""

    key: str
    type: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What was said about a file. `date_order` and `decimal` "" mean: as the column tells."""

    zone: datetime.tzinfo = datetime.UTC
    date_order: str = ""
    decimal: str = ""


@dataclass(frozen=True)
class Question:
    """A column that can be read in two ways, with one of its values."""

    kind: str  # "date_order" or "decimal"
    column: str
    sample: str


@dataclass
class Values:
    """`frame`: one column for each mapped field, None where the cell is empty; its index is that of the table.
    `good`: rows without a problem. `texts`: the tidy texts as they came, by field."""

    frame: pd.DataFrame
    rows: np.ndarray[Any, Any]
    good: np.ndarray[Any, np.dtype[np.bool_]]
    problems: list[Problem]
    texts: dict[str, Texts]
    questions: list[Question] = field(default_factory=list)
    currencies: Texts | None = None

    def refuse(self, where: np.ndarray[Any, np.dtype[np.bool_]], name: str, reason: str) -> None:
        """Marks rows as bad, with the text of the field as it came."""
        for place in np.flatnonzero(where).tolist():
            self.refuse_row(place, name, reason)

    def refuse_row(self, place: int, name: str, reason: str) -> None:
        texts = self.texts.get(name)
        shown = str(texts[place])[:SHOWN] if texts is not None else ""
        self.problems.append(Problem(int(self.rows[place]), name, shown, reason))
        self.good[place] = False


def read_columns(
    table: Table,
    columns: Mapping[str, str],
    target: str,
    *,
    options: Options,
    vocabulary: Vocabulary,
    custom: Mapping[str, CustomColumn],
) -> Values:
    """Reads every mapped column. Raises nothing: what cannot be read is in `problems`, what could be read in two ways
    in `questions`."""
    count = len(table.frame)
    found = Values(
        frame=pd.DataFrame(index=range(count)),
        rows=np.asarray(table.rows),
        good=np.ones(count, dtype=bool),
        problems=[],
        texts={},
    )
    read: dict[str, Texts] = {}
    for column in table.layout.header:
        name = columns.get(column, "")
        if not name:
            continue
        wanted = field_of(target, name, custom)
        read[name] = _read_column(found, table, column, name, wanted, options, vocabulary, custom)
    cells = {name: pd.Series(column, dtype=object) for name, column in read.items()}
    found.frame = pd.DataFrame(cells, index=range(count))
    _note_ragged(found, table)
    for name, wanted in FIELDS[target].items():
        if wanted.required and name in read:
            missing = np.fromiter((value is None for value in read[name]), bool, count)
            found.refuse(missing & found.good, name, "is empty, but it is needed")
    return found


def field_of(target: str, name: str, custom: Mapping[str, CustomColumn]) -> Field:
    if name.startswith(CUSTOM):
        known = custom[name.removeprefix(CUSTOM)]
        return Field(name, known.key, f"custom {known.type}", values.MAX_CUSTOM)
    return FIELDS[target][name]


def _note_ragged(found: Values, table: Table) -> None:
    ragged = {problem.row for problem in table.problems}
    if not ragged:
        return
    bad = np.isin(found.rows, list(ragged))
    found.problems = [problem for problem in found.problems if problem.row not in ragged] + list(
        table.problems
    )
    found.good &= ~bad


def _read_column(
    found: Values,
    table: Table,
    column: str,
    name: str,
    wanted: Field,
    options: Options,
    vocabulary: Vocabulary,
    custom: Mapping[str, CustomColumn],
) -> Texts:
    codes, distinct = pd.factorize(table.frame[column].to_numpy())
    texts = [values.tidy(text) if wanted.type != "note" else text.strip() for text in distinct]
    found.texts[name] = _spread(texts, codes)
    manner = _manner(found, wanted, texts, table, column, options)
    allowed = _allowed(name, custom)
    read: list[Any] = [None] * len(texts)
    wrong: dict[int, str] = {}
    for place, text in enumerate(texts):
        if not text:
            continue
        try:
            value = values.read(wanted, _explained(text, wanted, vocabulary), manner)
            read[place] = _admitted(value, allowed)
        except values.Wrong as reason:
            wrong[place] = str(reason)
    if wanted.type == "money":
        found.currencies = _spread([values.currency_in(text) for text in texts], codes)
    _note_wrong(found, name, codes, wrong)
    return _spread(read, codes)


def _explained(text: str, wanted: Field, vocabulary: Vocabulary) -> str:
    kind = CHOSEN.get(wanted.type)
    return vocabulary.aliases.get((kind, text.casefold()), text) if kind else text


def _allowed(name: str, custom: Mapping[str, CustomColumn]) -> dict[str, str]:
    known = custom.get(name.removeprefix(CUSTOM)) if name.startswith(CUSTOM) else None
    return {choice.casefold(): choice for choice in known.choices} if known else {}


def _admitted(value: Any, allowed: Mapping[str, str]) -> Any:
    if not allowed or not isinstance(value, str):
        return None if value == "" or value == () else value
    if value.casefold() not in allowed:
        raise values.Wrong(f"is none of {', '.join(list(allowed.values())[:8])}")
    return allowed[value.casefold()]


def _manner(
    found: Values, wanted: Field, texts: list[str], table: Table, column: str, options: Options
) -> values.Manner:
    order, decimal = options.date_order, options.decimal
    if wanted.type in values.DATED and not order:
        order = values.date_order(texts)
        if order == values.ASK:
            found.questions.append(Question("date_order", column, next(filter(None, texts), "")))
    if wanted.type in values.NUMERIC and not decimal:
        decimal = values.decimal_mark(texts, delimiter=table.layout.delimiter)
        if decimal == values.ASK:
            sample = next((text for text in texts if "," in text or "." in text), "")
            found.questions.append(Question("decimal", column, sample))
    return values.Manner(options.zone, order, decimal if decimal in (".", ",") else ".")


def _note_wrong(found: Values, name: str, codes: np.ndarray[Any, Any], wrong: Mapping[int, str]) -> None:
    if not wrong:
        return
    texts = found.texts[name]
    for place in np.flatnonzero(np.isin(codes, list(wrong))):
        found.problems.append(
            Problem(int(found.rows[place]), name, str(texts[place])[:SHOWN], wrong[int(codes[place])])
        )
        found.good[place] = False


def _spread(distinct: list[Any], codes: np.ndarray[Any, Any]) -> Texts:
    """The value of every row from the values of the distinct texts."""
    cells = np.empty(len(distinct), dtype=object)
    for place, value in enumerate(distinct):  # one by one: numpy would spread tuples into columns
        cells[place] = value
    spread: Texts = cells[codes]
    return spread
