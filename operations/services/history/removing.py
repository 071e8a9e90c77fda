"""What the archive has is taken from the tables, piece by piece, and only what the file says word for word.

What stays, so that no number of the product changes with it:

    decisions    a line of each: who, when, how, the facts and the steps. Its inputs, its columns and its reasons are in
                 the archive. Those of opportunities that are open stay whole.
    activities   those of open opportunities and of those closed lately; and of every rep the first one since an
                 assignment or an exposure to an experiment, which is what first touches are made of
    audit log    nothing; its seals do, and prove the file
"""

import datetime
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from django.db import OperationalError, connection, transaction
from psycopg import sql

from operations.queries.histories import HISTORIES, Month, months_of
from operations.services.history import files
from operations.services.history.months import PATIENCE, SETTLED_AFTER

log = logging.getLogger("operations.history")

# {part} is the month's table; %(ids)s are its rows that are in the file as they are here.
THIN_DECISIONS = """
UPDATE {part} d SET state = '', columns = '',
    trace = jsonb_build_object('steps', d.trace -> 'steps', 'archive', %(file)s::text)
FROM crm_opportunity o
WHERE d.id = ANY(%(ids)s) AND o.id = d.opportunity_id AND o.stage <> 'open'
    AND NOT EXISTS (SELECT FROM routing_queueitem q WHERE q.decision_id = d.id AND q.state = 'pending')
"""
DELETE_ACTIVITIES = """
DELETE FROM {part} v USING crm_opportunity o
WHERE v.id = ANY(%(ids)s) AND o.id = v.opportunity_id AND o.stage <> 'open' AND o.closed_at < %(before)s
    AND NOT EXISTS (
        SELECT FROM crm_assignment a
        WHERE a.opportunity_id = v.opportunity_id AND a.rep_id = v.rep_id AND v.happened_at = (
            SELECT min(w.happened_at) FROM crm_activity w
            WHERE w.opportunity_id = a.opportunity_id AND w.rep_id = a.rep_id AND w.happened_at >= a.assigned_at))
    AND NOT EXISTS (
        SELECT FROM experiments_exposure e
        WHERE e.opportunity_id = v.opportunity_id AND v.happened_at = (
            SELECT min(w.happened_at) FROM crm_activity w
            WHERE w.opportunity_id = e.opportunity_id AND w.happened_at >= e.exposed_at))
"""
FORGET_AUDIT = """
WITH switched AS MATERIALIZED (SELECT set_config('routing.forgets_audit', 'on', true))
DELETE FROM {part} e USING switched WHERE e.id = ANY(%(ids)s)
"""
STATEMENTS: Mapping[str, str] = {
    "decisions": THIN_DECISIONS,
    "activities": DELETE_ACTIVITIES,
    "audit": FORGET_AUDIT,
}
Step = Callable[[int, int], None]


def remove(month: Month, path: Path, *, before: datetime.datetime, done: Step) -> None:
    """Tells `done` of each piece how many of its rows went and how many stay whole; each piece is a transaction, and
    one that was done before is passed over."""
    for piece in files.read(path):
        with transaction.atomic():
            done(*_remove_piece(month, piece, path.name, before))


def _remove_piece(month: Month, piece: files.Rows, file: str, before: datetime.datetime) -> tuple[int, int]:
    archived = {row[0]: row for row in piece}
    part = sql.Identifier(month.table)
    with connection.cursor() as cursor:
        found = sql.SQL("SELECT {} FROM {} WHERE id = ANY(%s) ORDER BY id FOR UPDATE")
        cursor.execute(found.format(files.selected(month.table), part), [list(archived)])
        rows = cursor.fetchall()
        same = [row[0] for row in rows if _plain(row) == archived[row[0]]]
        cursor.execute("SELECT set_config('routing.archives_history', 'on', true)")
        statement = sql.SQL(STATEMENTS[month.history.kind]).format(part=part)
        cursor.execute(statement, {"ids": same, "before": before, "file": file})
        gone = cursor.rowcount
        cursor.execute(
            "SELECT set_config('routing.archives_history', '', true), set_config('routing.forgets_audit', '', true)"
        )
        thin = _thin_before(month, rows)
    return gone, len(rows) - gone - thin


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def _thin_before(month: Month, rows: files.Rows) -> int:
    """Of decisions, how many were only a line already."""
    names = [name for name, _ in files.columns_of(month.table)]
    if "state" not in names:
        return 0
    place = names.index("state")
    return sum(not bytes(row[place]) for row in rows)


def give_room_back(month: Month) -> bool:
    """To the disk: an empty month goes, another is written anew without its gaps. Whether the month is gone. Where
    somebody holds its lock, another night does it."""
    if is_empty(month):
        return month.month is not None and _drop(month)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(month.table)))
    return False


def _drop(month: Month) -> bool:
    """Asks again under the lock whether it is empty."""
    names = {"part": sql.Identifier(month.table), "whole": sql.Identifier(month.history.table)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        cursor.execute(sql.SQL("LOCK TABLE {whole} IN ACCESS EXCLUSIVE MODE").format(**names))
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {part})").format(**names))
        if cursor.fetchone()[0]:
            return False
        cursor.execute(sql.SQL("ALTER TABLE {whole} DETACH PARTITION {part}").format(**names))
        cursor.execute(sql.SQL("DROP TABLE {part}").format(**names))
    return True


def drop_empty(*, at: datetime.datetime) -> int:
    """Months that are over and hold nothing (any more), as of changes after 90 days; how many. The one of what was
    before stays: what comes with an id of its own, as from an old backup, has its place there."""
    today, gone = (at.astimezone(datetime.UTC) - SETTLED_AFTER).date(), 0
    months = [one for history in HISTORIES for one in months_of(history) if one.month and one.ends <= today]
    for month in filter(is_empty, months):
        try:
            gone += _drop(month)
        except OperationalError:
            log.warning("%s could not be dropped; the next night tries again", month.table)
    return gone


def is_empty(month: Month) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(sql.Identifier(month.table)))
        return bool(cursor.fetchone()[0])
