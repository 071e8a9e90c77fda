"""Partitions made ahead, ids lifted at a month's turn, and months closed once they are over.

All of it may be late, run twice or be killed: rows go into the month before as long as ids are not lifted, partitions
are there two months ahead, and a month that is not closed only costs queries a look at its indexes.
"""

import datetime
import logging
from dataclasses import dataclass
from typing import Any, LiteralString

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg import sql

from operations.queries.histories import BOUND, HISTORIES, Month, months_of

log = logging.getLogger("operations.history")

# A transaction that drew its id in a month may commit in the next, but none lasts a day.
SETTLED_AFTER = datetime.timedelta(days=1)
PATIENCE = "2s"  # for a lock; whoever writes waits behind us meanwhile


@dataclass(frozen=True)
class Kept:
    made: int
    turned: int


def are_there() -> bool:
    """Whether the migration that divides history was applied: migrating to an earlier one ends here as well."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('make_history_months') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def keep_months(*, at: datetime.datetime) -> Kept:
    """Makes the partitions of this month and the next two, then lifts ids to this month's: in this order, each
    committed, so that nobody draws an id that has no place yet. Where somebody holds a lock for long, the next run
    makes them."""
    try:
        made = _asked("SELECT make_history_months(%s)", at)
    except OperationalError:
        log.warning("the months ahead could not be made; the next run tries again")
        made = 0
    return Kept(made, _asked("SELECT turn_history(%s)", at))


@transaction.atomic(durable=True)
def _asked(statement: str, at: datetime.datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        cursor.execute(statement, [at])
        return int(cursor.fetchone()[0])


def close_months(*, at: datetime.datetime) -> list[Month]:
    """Says of each month that is over between which moments its rows lie, so that a query bounded by time leaves it
    out; returns those closed now. An empty month has nothing to leave out."""
    today = (at.astimezone(datetime.UTC) - SETTLED_AFTER).date()
    over = [one for history in HISTORIES for one in months_of(history) if one.ends <= today]
    return [one for one in over if not one.is_bounded and _close(one)]


def _close(month: Month) -> bool:
    """Written under a short lock, checked under one that lets others write."""
    with connection.cursor() as cursor:
        cursor.execute(_said(month, "SELECT min({moment}), max({moment}) FROM {part}"))
        first, last = cursor.fetchone()
        if first is None:
            return False
        try:
            _bound(cursor, month, first, last)
        except (OperationalError, IntegrityError):
            log.warning("%s could not be closed; the next night tries again", month.table)
            return False
    return True


def _bound(cursor: Any, month: Month, first: datetime.datetime, last: datetime.datetime) -> None:
    with transaction.atomic():
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        cursor.execute(_said(month, "ALTER TABLE {part} DROP CONSTRAINT IF EXISTS {bound}"))
        add = "ALTER TABLE {part} ADD CONSTRAINT {bound} CHECK ({moment} >= {first} AND {moment} <= {last}) NOT VALID"
        cursor.execute(_said(month, add, first=sql.Literal(first), last=sql.Literal(last)))
    cursor.execute(_said(month, "ALTER TABLE {part} VALIDATE CONSTRAINT {bound}"))


def _said(month: Month, statement: LiteralString, **more: sql.Composable) -> sql.Composed:
    names = {"part": month.table, "moment": month.history.moment, "bound": BOUND}
    return sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}, **more)


def tell_planner() -> None:
    """What is known of a history as a whole, which PostgreSQL gathers of each month by itself only."""
    with connection.cursor() as cursor:
        for history in HISTORIES:
            cursor.execute(sql.SQL("ANALYZE ONLY {}").format(sql.Identifier(history.table)))
