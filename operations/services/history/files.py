"""A month of history as a Parquet file: written in pieces of fixed memory, and read back in the same pieces.

Columns are typed as in the database: JSON and addresses as text, compressed bytes as bytes, moments in UTC to the
microsecond. A piece is a row group, in the order of ids.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from operations.queries.histories import Month
from operations.services.backups.files import flush_folder, whole_file

PIECE = 2_000  # rows; some 40 MB of decisions over a thousand reps
TYPES = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "smallint": pa.int16(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "bytea": pa.binary(),
}
AS_TEXT = {"jsonb", "inet"}
COLUMNS = """
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
Rows = list[tuple[Any, ...]]


class ArchiveError(Exception):
    """A file that is not what was archived; the message says which and why."""


@dataclass(frozen=True)
class Written:
    rows: int
    size: int
    sha256: str


def place_of(month: Month) -> Path:
    """Where it belongs: `decisions-2025-03.parquet` in the archive's folder."""
    return Path(settings.ARCHIVE_DIRECTORY) / f"{month.history.kind}-{month.name}.parquet"


def columns_of(table: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        return [(str(name), str(kind)) for name, kind in cursor.fetchall()]


def selected(table: str) -> sql.Composed:
    """The columns as they stand in the file."""
    return sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(name)) if kind in AS_TEXT else sql.Identifier(name)
        for name, kind in columns_of(table)
    )


def schema_of(month: Month) -> pa.Schema:
    fields = [(name, TYPES.get(kind, pa.string())) for name, kind in columns_of(month.table)]
    told = {
        "kind": month.history.kind,
        "month": month.name,
        "table": month.history.table,
        "version": settings.VERSION,
    }
    return pa.schema(fields, metadata={"routing": json.dumps(told)})


def write(month: Month, path: Path) -> Written:
    """The file takes its name once it is whole and on disk. Raises BackupError where it cannot be written."""
    schema, rows = schema_of(month), 0
    with whole_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in _pieces(month):
            columns = list(zip(*piece, strict=True))
            arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema), row_group_size=PIECE)
            rows += len(piece)
    return Written(rows, path.stat().st_size, digest(path))


def _pieces(month: Month) -> Iterator[Rows]:
    """As of one moment, by a cursor of the server."""
    statement = sql.SQL("SELECT {} FROM {} ORDER BY id").format(
        selected(month.table), sql.Identifier(month.table)
    )
    connection.ensure_connection()
    with transaction.atomic(), connection.connection.cursor(name="archive") as cursor:
        cursor.execute(statement)
        while piece := cursor.fetchmany(PIECE):
            yield piece


def check(path: Path, *, rows: int, sha256: str) -> None:
    """That the file is the one that was written, and can be read. Raises ArchiveError."""
    if not path.exists():
        raise ArchiveError(f"{path} is not there.")
    if digest(path) != sha256:
        raise ArchiveError(f"{path} is not what was written: its digest is another one.")
    seen, last = 0, None
    for piece in read(path, columns=["id"]):
        ids = [row[0] for row in piece]
        if ids != sorted(set(ids)) or (last is not None and ids[0] <= last):
            raise ArchiveError(f"{path} does not hold its rows in the order of their ids.")
        seen, last = seen + len(ids), ids[-1]
    if seen != rows:
        raise ArchiveError(f"{path} holds {seen:,} rows, not {rows:,}.")


Said = Callable[[list[int]], dict[int, dict[str, str | None]]]


def rewrite(path: Path, to: Path, said: Said, *, replaces: Sequence[str]) -> Written:
    """The same rows, piece by piece; those of which `said` knows (by id) say that in these columns. The new file tells
    the digests of those it replaces."""
    rows = 0
    with pq.ParquetFile(path) as source:
        told = json.loads(source.schema_arrow.metadata[b"routing"]) | {"replaces": list(replaces)}
        schema = source.schema_arrow.with_metadata({"routing": json.dumps(told)})
        with whole_file(to) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                table = _laid_over(table, said(table.column("id").to_pylist()))
                writer.write_table(table.cast(schema), row_group_size=max(table.num_rows, 1))
                rows += table.num_rows
    return Written(rows, to.stat().st_size, digest(to))


def _laid_over(table: pa.Table, said: dict[int, dict[str, str | None]]) -> pa.Table:
    if not said:
        return table
    ids = table.column("id").to_pylist()
    for name in {column for columns in said.values() for column in columns}:
        values = [
            said[pk][name] if name in said.get(pk, {}) else value
            for pk, value in zip(ids, table.column(name).to_pylist(), strict=True)
        ]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    return table


def replaced_by(path: Path) -> set[str]:
    """Digests of the files that this one replaces, by its own word; none where it cannot be read."""
    try:
        told = json.loads((pq.read_schema(path).metadata or {})[b"routing"])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return set()
    return set(told.get("replaces") or ())


def take_place(beside: Path, path: Path) -> None:
    beside.replace(path)
    flush_folder(path.parent)


def read(path: Path, *, columns: Sequence[str] | None = None) -> Iterator[Rows]:
    """Piece by piece, as the database gave them."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=None if columns is None else list(columns))
            yield list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
