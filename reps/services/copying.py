"""Many new records of several models by COPY: some five times less work than an INSERT for each.

As `inserts`, it does what `Model.save()` of a new record does but for signals, and a record may refer to another one of
the same call that has no id yet. Foreign keys are checked at the commit, so that the order is free.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

from django.db import connection, models
from psycopg import sql

from reps.queries.prepared import ask_all
from reps.services.inserts import as_stored, fields_of, key_of

DRAWN = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"

Records = Sequence[models.Model]


def ids_asked(model: type[models.Model], count: int) -> tuple[str, list[Any]]:
    """The statement that draws so many ids of a model, and its parameters; for who needs them before storing."""
    meta = model._meta
    return DRAWN, [f'"{meta.db_table}"', meta.pk.column, count]


def copy_in(records: Iterable[models.Model]) -> None:
    """Stores new records and gives an id to each that has none. Raises IntegrityError as saving does."""
    by_model: dict[type[models.Model], list[models.Model]] = {}
    for record in records:
        by_model.setdefault(type(record), []).append(record)
    _number(list(by_model.values()))
    for model, some in by_model.items():
        _copy(model, some)


def _number(groups: Sequence[Records]) -> None:
    """Draws the ids of all in one round trip; sequences of a model without an id field of its own draw nothing."""
    bare = [[record for record in group if record.pk is None] for group in groups]
    asked = [ids_asked(type(group[0]), len(group)) for group in bare if group]
    drawn = iter(ask_all(*asked)) if asked else iter(())
    for group in bare:
        if group:
            for record, (key,) in zip(group, next(drawn), strict=True):
                record.pk = key


def _copy(model: type[models.Model], records: Records) -> None:
    plan = _plan(model)
    columns = [model._meta.pk, *plan.plain, *(field for field, _ in plan.special)]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table),
        sql.SQL(", ").join(sql.Identifier(field.column) for field in columns),
    )
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for record in records:
            copy.write_row(_row(record, plan))
    for record in records:
        record._state.adding, record._state.db = False, connection.alias


@dataclass(frozen=True)
class _Plan:
    """The fields of a model but for the key: `plain` ones, what takes their values off a record, and `special` ones
    (field, whether its value is what the attribute holds)."""

    plain: tuple[Any, ...]
    values_of: Any
    special: tuple[tuple[Any, bool], ...]


@lru_cache(maxsize=64)
def _plan(model: type[models.Model]) -> _Plan:
    found = fields_of(model)
    plain = [(field, name) for field, name, is_plain in found if is_plain and not field.is_relation]
    special = tuple((field, is_plain) for field, _, is_plain in found if not is_plain or field.is_relation)
    names = [name for _, name in plain]
    values_of = attrgetter(*names) if len(names) > 1 else lambda one: tuple(getattr(one, n) for n in names)
    return _Plan(tuple(field for field, _ in plain), values_of, special)


def _row(record: models.Model, plan: _Plan) -> list[Any]:
    """The values as they go to the database, in the order of the columns."""
    row = [record.pk]
    row += [as_stored(field, value) for field, value in zip(plan.plain, plan.values_of(record), strict=True)]
    for field, is_plain in plan.special:
        value = getattr(record, field.attname) if is_plain else field.pre_save(record, True)
        if value is None and field.is_relation:
            value, _ = key_of(record, field)
        row.append(as_stored(field, value, is_plain=is_plain))
    return row
