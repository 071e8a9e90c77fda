"""New rows of several models in one statement: for the path that every lead takes.

What `Model.save()` of a new record does, fields' defaults and `auto_now` included, but for signals, of which these
models have none. A record may refer to another one of the same call that has no id yet.
"""

import datetime
import uuid
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection, models

from reps.queries.prepared import ask

READY = {
    str,
    int,
    bool,
    float,
    Decimal,
    datetime.datetime,
    uuid.UUID,
}  # values that go to the database as they are
# For each record: its model, and for each column the place of the record that it refers to (None: a value).
Shape = tuple[tuple[type[models.Model], tuple[int | None, ...]], ...]


def insert(*records: models.Model) -> None:
    """Writes new records, those that others refer to first, and gives them their ids."""
    if not records:
        return
    values: list[Any] = []
    shape: Shape = tuple(
        (type(record), _values(record, records[:place], values)) for place, record in enumerate(records)
    )
    (keys,) = ask(_statement(shape), values)
    for record, key in zip(records, keys, strict=True):
        record.pk = key
        record._state.adding, record._state.db = False, connection.alias
    for record, (_, targets) in zip(records, shape, strict=True):
        for field, target in zip(_fields(type(record)), targets, strict=True):
            if target is not None:
                setattr(record, field.name, records[target])


def _values(
    record: models.Model, before: Sequence[models.Model], values: list[Any]
) -> tuple[int | None, ...]:
    """Adds the record's values; where each column of it refers to one of those before."""
    targets: list[int | None] = []
    for field in _fields(type(record)):
        value = field.pre_save(record, True)
        target = None
        if value is None and field.is_relation and field.is_cached(record):  # type: ignore[attr-defined]
            related = getattr(record, field.name)
            target = next((place for place, one in enumerate(before) if one is related), None)
        targets.append(target)
        if target is None:
            is_ready = value is None or (type(value) in READY and not isinstance(field, models.JSONField))
            values.append(value if is_ready else field.get_db_prep_save(value, connection))
    return tuple(targets)


@lru_cache(maxsize=64)
def _fields(model: type[models.Model]) -> "tuple[models.Field[Any, Any], ...]":
    return tuple(field for field in model._meta.local_concrete_fields if not field.primary_key)


@lru_cache(maxsize=256)
def _statement(shape: Shape) -> str:
    def quote(name: str | None) -> str:
        return connection.ops.quote_name(name or "")

    parts = []
    for place, (model, targets) in enumerate(shape):
        columns = ", ".join(quote(field.column) for field in _fields(model))
        row = ", ".join("%s" if target is None else f"(SELECT key FROM r{target})" for target in targets)
        table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
        parts.append(f"r{place} AS (INSERT INTO {table} ({columns}) VALUES ({row}) RETURNING {key} AS key)")
    keys = ", ".join(f"(SELECT key FROM r{place})" for place in range(len(shape)))
    return f"WITH {', '.join(parts)} SELECT {keys}"
