"""Uploaded files: stored with how they are written, what they hold, and which column means what."""

import hashlib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from crm.engine.imports import fields, reading, values
from crm.engine.imports.columns import CustomColumn, Options
from crm.models import CustomField, ImportFile, ImportMapping, ImportRun
from reps.models import User
from reps.queries import organisation

MAX_FILES = 20
SAMPLED = 200  # rows that a proposal looks at
RUN_OPTIONS: dict[str, Any] = {
    "create_reps": True,  # owners nobody knows become reps without a user, in the default team
    "create_accounts": True,  # companies nobody knows become accounts; else their rows stay without account
    "route": False,  # open rows without an owner wait for the router
    "source": "",  # of new rows that name none, so that a policy can tell a list from what comes in otherwise
    "aliases": [],  # [kind, spelling, term] that somebody confirmed
    "known": [],  # [kind, word] that somebody confirmed as right
}
FILE_OPTIONS = ("encoding", "delimiter", "date_order", "decimal", "kind", "types", "labels")
SAVED_OPTIONS = ("date_order", "decimal", "kind", "types", "labels")  # what a mapping remembers


class ImportRefused(Exception):
    """The import cannot go on; the messages are for people."""

    def __init__(self, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.messages = list(messages)


@dataclass(frozen=True)
class Opened:
    """A file that has been read as far as its columns."""

    name: str
    content: bytes
    table: reading.Table


def open_run(
    *, files: Sequence[tuple[str, bytes]], by: User | None, options: Mapping[str, Any] | None = None
) -> ImportRun:
    """Stores the files with what is proposed for them. Raises ImportRefused, naming every file that is no table."""
    opened, refusals = [], []
    if not files:
        raise ImportRefused("Choose at least one file.")
    if len(files) > MAX_FILES:
        raise ImportRefused(f"At most {MAX_FILES} files can be imported together.")
    for name, content in files:
        try:
            opened.append(Opened(name, content, reading.read_table(content, limit=SAMPLED)))
        except reading.Unreadable as refusal:
            refusals.append(f"{name}: {refusal}")
    if refusals:
        raise ImportRefused(*refusals)
    return _store(opened, by, {**RUN_OPTIONS, **(options or {})})


@transaction.atomic
def _store(opened: Sequence[Opened], by: User | None, options: Mapping[str, Any]) -> ImportRun:
    run = ImportRun.objects.create(started_by=by, options=dict(options))
    mappings = list(ImportMapping.objects.order_by("-updated_at"))
    for file in opened:
        stored = ImportFile(run=run, name=file.name[:255], content=file.content)
        propose(stored, file.table, mappings)
        stored.save()
    return run


def propose(file: ImportFile, table: reading.Table, mappings: Sequence[ImportMapping] = ()) -> None:
    """Fills target, columns and options: those of a saved mapping of the same header, else by the names."""
    header = list(table.layout.header)
    file.options = {
        "encoding": table.layout.encoding,
        "delimiter": table.layout.delimiter,
        "header": header,
        "sha256": hashlib.sha256(bytes(file.content)).hexdigest(),
    }
    saved = next((mapping for mapping in mappings if mapping.header == header), None)
    if saved:
        apply_mapping(file, saved)
        return
    file.target = fields.propose_target(file.name, header)
    file.columns = propose_for(table, file.target)


def apply_mapping(file: ImportFile, mapping: ImportMapping) -> None:
    header = file.options["header"]
    file.target = mapping.target
    file.columns = {column: field for column, field in mapping.columns.items() if column in header}
    file.options |= {**mapping.options, "mapping": mapping.name}


def propose_for(table: reading.Table, target: str) -> dict[str, str]:
    samples = {name: list(table.frame[name].head(SAMPLED)) for name in table.layout.header}
    return fields.propose_columns(table.layout.header, target, samples=samples)


@transaction.atomic
def save_mapping(*, file: ImportFile, name: str) -> ImportMapping:
    """Remembers the columns of this file under a name; the next file with the same header is read the same way."""
    kept = {key: value for key, value in file.options.items() if key in SAVED_OPTIONS and value}
    mapping, _ = ImportMapping.objects.update_or_create(
        name=name,
        defaults={
            "target": file.target,
            "header": file.options["header"],
            "columns": file.columns,
            "options": kept,
        },
    )
    return mapping


def options_of(file: ImportFile) -> Options:
    zone = zoneinfo.ZoneInfo(organisation().time_zone)
    return Options(zone, file.options.get("date_order", ""), file.options.get("decimal", ""))


def custom_columns(
    file: ImportFile, table: reading.Table
) -> tuple[dict[str, CustomColumn], list[CustomField]]:
    """The custom fields that the columns of this file go to, and those of them that are new (not saved yet)."""
    known = {field.key: field for field in CustomField.objects.all()}
    wanted: dict[str, CustomColumn] = {}
    new: list[CustomField] = []
    for column, name in file.columns.items():
        if not name.startswith(fields.CUSTOM) or column not in table.frame:
            continue
        key = name.removeprefix(fields.CUSTOM)
        field = known.get(key)
        if field is None:
            field = _new_field(file, table, column, key)
            new.append(field)
        wanted[key] = CustomColumn(key, field.type, tuple(field.choices))
    return wanted, new


def _new_field(file: ImportFile, table: reading.Table, column: str, key: str) -> CustomField:
    distinct = table.frame[column].unique()
    texts = [values.tidy(text) for text in distinct] if len(distinct) > 200 else None
    texts = texts or [values.tidy(text) for text in table.frame[column]]
    chosen = file.options.get("types", {}).get(key)
    type_ = chosen or values.infer_type(texts, zone=options_of(file).zone)
    choices = sorted({text for text in texts if text}, key=str.casefold) if type_ == "choice" else []
    label = file.options.get("labels", {}).get(key) or column
    return CustomField(key=key, label=label[:80], type=type_, choices=choices)
