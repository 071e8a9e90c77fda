"""Many rows into the database at once: COPY for new ones, one UPDATE from a temporary table for changed ones."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import Model
from psycopg import sql


def next_ids(model: type[Model], count: int) -> list[int]:
    """Ids for rows that COPY will write."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [row[0] for row in cursor.fetchall()]


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def update_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Sets `columns` of the rows whose id comes first in each sequence."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    values = sql.SQL(", ").join(sql.SQL("given.{}").format(sql.Identifier(name)) for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE import_given ON COMMIT DROP AS SELECT id, {} FROM {} WITH NO DATA"
            ).format(names, sql.Identifier(table))
        )
    copy_rows("import_given", ["id", *columns], rows)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "UPDATE {} AS kept SET ({}) = ROW({}) FROM import_given AS given WHERE kept.id = given.id"
            ).format(sql.Identifier(table), names, values)
        )
        cursor.execute("DROP TABLE import_given")


def as_json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder)
