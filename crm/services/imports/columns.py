"""What the user says about the files of an import: targets, columns, how they are written; and how that would read."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from crm.engine.imports import fields, reading
from crm.engine.imports.columns import Values, read_columns
from crm.models import ImportFile, ImportRun
from crm.queries.dictionary import load_dictionary
from crm.queries.imports import read_file
from crm.services.imports.files import FILE_OPTIONS, custom_columns, options_of, propose_for
from crm.services.imports.plans import with_confirmed

PREVIEWED = 5
UNCLEAR = {"date_order": "day or month first?", "decimal": "decimal mark or thousands?"}
WRITTEN = ("encoding", "delimiter")


@dataclass(frozen=True)
class Preview:
    """The first rows as they would be imported: labels, and for each row its cells as (text, what is wrong)."""

    labels: list[str]
    rows: list[list[tuple[str, str]]]
    is_unclear: bool  # a column could be read in two ways


@transaction.atomic
def set_columns(
    *, file: ImportFile, target: str, columns: Mapping[str, str], options: Mapping[str, Any]
) -> None:
    """Keeps what was chosen. Another target, encoding or delimiter proposes the columns anew. Raises
    reading.Unreadable where the file cannot be read that way."""
    rewritten = any(options.get(name, "") != file.options.get(name, "") for name in WRITTEN)
    file.options = {**file.options, **{name: options[name] for name in FILE_OPTIONS if name in options}}
    if rewritten or target != file.target:
        table = read_file(file, limit=200)
        file.options["header"] = list(table.layout.header)
        file.columns = propose_for(table, target)
    else:
        file.columns = dict(columns)
    file.target = target
    file.save(update_fields=["target", "columns", "options"])
    ImportRun.objects.filter(pk=file.run_id).update(state=ImportRun.State.UPLOADED)


@transaction.atomic
def set_options(*, run: ImportRun, options: Mapping[str, Any]) -> None:
    run.options = {**run.options, **options}
    run.save(update_fields=["options"])


@transaction.atomic
def confirm_words(
    *, run: ImportRun, aliases: Sequence[Sequence[str]], known: Sequence[Sequence[str]]
) -> bool:
    """Keeps which spellings and words were confirmed; they are applied when the import is written. Says whether
    anything changed, so that the rows must be checked again."""
    before = (run.options.get("aliases"), run.options.get("known"))
    run.options = {**run.options, "aliases": list(aliases), "known": list(known), "words_seen": True}
    run.save(update_fields=["options"])
    return before != (run.options["aliases"], run.options["known"])


def preview(file: ImportFile, table: reading.Table) -> Preview | None:
    """None where nothing of the file is imported."""
    if file.target in ("", fields.IGNORED) or not file.columns:
        return None
    custom, new = custom_columns(file, table)
    vocabulary = with_confirmed(load_dictionary(), file.run.options).vocabulary
    options = options_of(file)
    found = read_columns(
        table,
        file.columns,
        file.target,
        options=options,
        vocabulary=vocabulary,
        custom=custom,
    )
    unclear = {file.columns[question.column]: UNCLEAR[question.kind] for question in found.questions}
    labels = {fields.CUSTOM + one.key: one.label for one in new}
    names = list(found.texts)
    return Preview(
        [labels.get(name) or _label(file.target, name) for name in names],
        [
            [_cell(found, place, name, unclear, options.zone) for name in names]
            for place in range(len(table.frame))[:PREVIEWED]
        ],
        is_unclear=bool(unclear),
    )


def _label(target: str, name: str) -> str:
    known = fields.FIELDS[target].get(name)
    return known.label if known else name.removeprefix(fields.CUSTOM)


def _cell(
    found: Values, place: int, name: str, unclear: Mapping[str, str], zone: datetime.tzinfo
) -> tuple[str, str]:
    row = int(found.rows[place])
    wrong = next((one.reason for one in found.problems if one.row == row and one.field == name), "")
    wrong = wrong or (unclear.get(name, "") if found.texts[name][place] else "")
    if wrong:
        return str(found.texts[name][place]), wrong
    return shown(found.frame[name].to_numpy()[place], zone), ""


def shown(value: Any, zone: datetime.tzinfo) -> str:
    """A value as a person reads it, moments in the zone in which the file is read."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        value = value.astimezone(zone)
        return f"{value:%Y-%m-%d}" if value.time() == datetime.time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:,}"
    return "; ".join(value) if isinstance(value, tuple) else str(value)
