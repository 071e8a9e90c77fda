"""The tables that only grow, in partitions by month (docs/growth.md): which they are, and which months they have."""

import datetime
import re
from dataclasses import dataclass

from django.db import connection, models

from crm.models import Activity
from operations.models import Retention
from reps.models import AuditEntry
from routing.models import Change, Decision

BEFORE = "before"  # the partition of everything from before there were partitions


@dataclass(frozen=True)
class History:
    """`moment`: the column that says when a row was written, which never changes. `least_months`: no fewer are kept, or
    None where how long they are kept is settled elsewhere, which `kept` says."""

    kind: str
    label: str
    model: type[models.Model]
    moment: str
    least_months: int | None
    kept: str = ""

    @property
    def table(self) -> str:
        return self.model._meta.db_table


# Thirteen months: training learns from the last twelve, and analytics compares a year with the months before it.
DECISIONS = History("decisions", "Decisions", Decision, "made_at", 13)
ACTIVITIES = History("activities", "Activities", Activity, "created_at", 13)
AUDIT = History("audit", "Audit log", AuditEntry, "at", 13)
CHANGES = History("changes", "Changes", Change, "at", None, "Kept for 90 days, as integrators are told.")
HISTORIES = (DECISIONS, ACTIVITIES, AUDIT, CHANGES)
BY_KIND = {one.kind: one for one in HISTORIES}


@dataclass(frozen=True)
class Month:
    """A partition. `month`: its first day, None for what was before; `ends`: the first day after it. `rows` is the
    database's estimate; `is_bounded`: closed, so that queries for other times leave it out."""

    history: History
    table: str
    month: datetime.date | None
    ends: datetime.date
    rows: int
    size_bytes: int
    is_bounded: bool

    @property
    def name(self) -> str:
        return f"{self.month:%Y-%m}" if self.month else BEFORE


MONTHS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid),
    EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = %s AND k.convalidated)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname
"""
BOUND = "history_month"  # the name of a closed month's constraint
ENDS = re.compile(r"TO \('?(\d{4})(\d\d)0{9}'?\)")
NAMED = re.compile(r"_(\d{4})(\d\d)$")


def months_of(history: History) -> list[Month]:
    """The oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(MONTHS, [BOUND, history.table])
        found = [_month(history, *row) for row in cursor.fetchall()]
    return sorted(found, key=lambda one: one.ends)


def _month(history: History, table: str, bounds: str, rows: int, size: int, is_bounded: bool) -> Month:
    ends = ENDS.search(bounds)
    assert ends is not None, f"{table} is no partition of a month"
    named = NAMED.search(table)
    month = datetime.date(int(named[1]), int(named[2]), 1) if named else None
    return Month(history, table, month, datetime.date(int(ends[1]), int(ends[2]), 1), rows, size, is_bounded)


def retentions() -> dict[str, int | None]:
    """For how many months each kind is kept whole, where that was settled."""
    return dict(Retention.objects.values_list("kind", "months"))
