"""New rows of several models in one statement: for the path that every lead takes.

What `Model.save()` of a new record does, fields' defaults and `auto_now` included, but for signals, of which these
models have none. A record may refer to another one of the same call that has no id yet.
"""

import datetime
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from django.db import connection, models
from psycopg.types.json import Jsonb

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
# Dates and records are for the encoder, and keys that are no text become it.
AS_ENCODERS_DO = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_NON_STR_KEYS
# For each record: its model, whether it has its key, and which fields refer to which record before it.
Shape = tuple[tuple[type[models.Model], bool, tuple[tuple[str, int], ...]], ...]


@dataclass(frozen=True)
class Beside:
    """Statements that change other rows in the same breath: each as `name AS (UPDATE ...)`, with `%s` for values."""

    statements: tuple[str, ...]
    values: tuple[Any, ...]


NOTHING = Beside((), ())


@lru_cache(maxsize=64)
def ids_of(of_models: tuple[type[models.Model], ...]) -> tuple[str, ...]:
    """Expressions that draw an id for a new record of each model."""
    return tuple(
        f"nextval(pg_get_serial_sequence('\"{one._meta.db_table}\"', '{one._meta.pk.column}'))"
        for one in of_models
    )


def give_ids(records: Sequence[models.Model], drawn: Mapping[type[models.Model], int]) -> None:
    """Gives ids that were drawn to new records of different models, which are written later, those that others refer to
    first."""
    for record in records:
        record.pk = drawn[type(record)]
    for record in records:
        for field, attribute, _ in fields_of(type(record)):
            if field.is_relation and getattr(record, attribute) is None:
                key_of(record, field)


def insert(*records: models.Model, beside: Beside = NOTHING) -> None:
    """Writes new records at once, those that others refer to first, and gives them their ids; those that have one keep
    it."""
    if not records:
        return
    values: list[Any] = []
    shape: Shape = tuple(
        (type(record), record.pk is not None, _values(record, records[:place], values))
        for place, record in enumerate(records)
    )
    (keys,) = ask(_statement(shape, beside.statements), [*values, *beside.values])
    alias = connection.alias
    for record, key in zip(records, keys, strict=True):
        record.pk = key
        record._state.adding, record._state.db = False, alias
    for record, (_, _, targets) in zip(records, shape, strict=True):
        for field, target in targets:
            setattr(record, field, records[target])


def _values(
    record: models.Model, before: Sequence[models.Model], values: list[Any]
) -> tuple[tuple[str, int], ...]:
    """Adds the record's values; which of its fields refer to which of those before."""
    targets: list[tuple[str, int]] = []
    if record.pk is not None:
        values.append(record.pk)
    for field, attribute, is_plain in fields_of(type(record)):
        value = getattr(record, attribute) if is_plain else field.pre_save(record, True)
        if value is None and field.is_relation:
            value, unstored = key_of(record, field)
            if unstored is not None:
                targets.append((field.name, _place(unstored, before)))
                continue
        values.append(as_stored(field, value, is_plain=is_plain))
    return tuple(targets)


def as_stored(field: Any, value: Any, *, is_plain: bool = True) -> Any:
    """A value as the database's driver takes it. `is_plain`: it is what the attribute holds."""
    if value is None or (is_plain and type(value) in READY):
        return value
    if type(field) is models.JSONField:
        encoder: Any = field.encoder
        return Jsonb(value, dumps=_dumps_by(encoder))
    return field.get_db_prep_save(value, connection)


@lru_cache(maxsize=8)
def _dumps_by(encoder: Any) -> Callable[[Any], bytes | str]:
    """What writes JSON as the encoder does; by a library that takes a tenth of its time, but for what that refuses
    (numbers of more than 64 bits)."""
    default = None if encoder is None else encoder().default

    def dumps(value: Any) -> bytes | str:
        try:
            return orjson.dumps(value, default=default, option=AS_ENCODERS_DO)
        except TypeError:
            return json.dumps(value, cls=encoder)

    return dumps


def key_of(record: models.Model, field: Any) -> tuple[Any, models.Model | None]:
    """The key of the record that a field refers to, which it may have been given since; or that record, where it has
    none yet."""
    related: models.Model | None = getattr(record, field.name) if field.is_cached(record) else None
    if related is None:
        return None, None
    if related.pk is None:
        return None, related
    setattr(record, field.name, related)
    return related.pk, None


def _place(related: models.Model, before: Sequence[models.Model]) -> int:
    """Which of those before it a record refers to. Raises ValueError for one that is not stored."""
    place = next((place for place, one in enumerate(before) if one is related), None)
    if place is None:
        raise ValueError(f"{related!r} has to be stored first")
    return place


@lru_cache(maxsize=64)
def fields_of(model: type[models.Model]) -> tuple[tuple[Any, str, bool], ...]:
    """(field, attribute, whether its value is what the attribute holds) of all but the key."""
    special = (models.JSONField, models.DateField, models.FileField)  # DateField: with `auto_now`
    return tuple(
        (field, field.attname, not isinstance(field, special) or not _is_automatic(field))
        for field in model._meta.local_concrete_fields
        if not field.primary_key
    )


def _is_automatic(field: Any) -> bool:
    """Whether saving gives the value, or the database wants another one than the record holds."""
    return not isinstance(field, models.DateField) or field.auto_now or field.auto_now_add


@lru_cache(maxsize=256)
def _statement(shape: Shape, beside: tuple[str, ...]) -> str:
    def quote(name: str | None) -> str:
        return connection.ops.quote_name(name or "")

    parts = []
    for place, (model, has_key, targets) in enumerate(shape):
        of_others = dict(targets)
        table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
        columns = [key] * has_key + [quote(field.column) for field, _, _ in fields_of(model)]
        row = ["%s"] * has_key + [
            f"(SELECT key FROM r{of_others[field.name]})" if field.name in of_others else "%s"
            for field, _, _ in fields_of(model)
        ]
        values = f"({', '.join(columns)}) VALUES ({', '.join(row)})"
        parts.append(f"r{place} AS (INSERT INTO {table} {values} RETURNING {key} AS key)")
    keys = ", ".join(f"(SELECT key FROM r{place})" for place in range(len(shape)))
    return f"WITH {', '.join([*parts, *beside])} SELECT {keys}"
