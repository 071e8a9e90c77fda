"""Imports as pages and commands read them: the list, a run's files, their tables, the file of bad rows."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Func, IntegerField, QuerySet, Sum

from crm.engine.imports import fields, reading
from crm.models import CustomField, ImportFile, ImportMapping, ImportRun
from reps.engine.tables import shielded


def runs_listed(limit: int = 100) -> list[ImportRun]:
    runs = ImportRun.objects.exclude(state=ImportRun.State.ABANDONED).select_related("started_by", "job")
    listed = list(runs[:limit])
    names: dict[int, list[str]] = {run.pk: [] for run in listed}
    for pk, name in ImportFile.objects.filter(run__in=listed).values_list("run", "name"):
        names[pk].append(name)
    for run in listed:
        run.file_names = names[run.pk]  # type: ignore[attr-defined]
    return listed


def files_of(run: ImportRun) -> list[ImportFile]:
    """In the order of upload, without what only a check needs."""
    return list(run.files.defer("errors"))


def size_of(run: ImportRun) -> int:
    """Bytes of all files that are imported."""
    length = Func("content", function="octet_length", output_field=IntegerField())
    size: int | None = run.files.exclude(target=fields.IGNORED).aggregate(size=Sum(length))["size"]
    return size or 0


def mappings() -> QuerySet[ImportMapping]:
    return ImportMapping.objects.order_by("name")


def custom_field_labels() -> dict[str, str]:
    return dict(CustomField.objects.order_by("label").values_list("key", "label"))


def read_file(file: ImportFile, *, limit: int | None = None) -> reading.Table:
    """The rows of a stored file. Raises reading.Unreadable."""
    return reading.read_table(
        bytes(file.content),
        encoding=file.options.get("encoding", ""),
        delimiter=file.options.get("delimiter", ""),
        limit=limit,
    )


def column_of(file: ImportFile, name: str) -> str:
    """The file's own column behind a field, as its reader knows it."""
    return next((column for column, field in file.columns.items() if field == name), name)


def bad_rows(file: ImportFile) -> Iterator[str]:
    """The bad rows as CSV, with their row numbers and what is wrong. What a spreadsheet would take for a formula is
    shielded by an apostrophe, which an import takes away again."""
    wrong: dict[int, list[Sequence[Any]]] = {}
    for row, name, _, reason in file.errors:
        wrong.setdefault(row, []).append((column_of(file, name), reason))
    out = io.StringIO()
    writer = csv.writer(out)
    try:
        table = read_file(file)
    except reading.Unreadable:
        return
    yield "\ufeff"
    writer.writerow(shielded([*table.layout.header, *reading.OUR_COLUMNS]))
    for place, row in enumerate(table.rows):
        if row in wrong:
            names = "; ".join(dict.fromkeys(name for name, _ in wrong[row] if name))
            reasons = "; ".join(reason for _, reason in wrong[row])
            writer.writerow(shielded([*table.frame.iloc[place], str(row), names, reasons]))
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()
