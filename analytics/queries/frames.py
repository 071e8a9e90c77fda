"""What happened in a period, counted, as pandas frames: from the sums of days where they have it, from facts where not.

A frame covers the period and the one before it; `is_now` tells them apart. Weeks begin on Monday.
"""

import datetime
from dataclasses import replace
from typing import Any

import pandas as pd
from django.db import connection
from django.db.models import Avg, F
from django.db.models.functions import TruncWeek

from analytics.engine.months import month_after
from analytics.models import RepDay
from analytics.queries.definition import TWO_DIGITS
from analytics.queries.filters import Filters

CELLS = ("week", "is_now", "event", "path", "mode", "bin")
COUNTS = ("count", "known", "hits", "scored", "score_sum", "value_sum")
SUM_COLUMNS = ", ".join(f"sum({name})::float8" for name in COUNTS)
FACT_COLUMNS = (
    "count(*)::float8, count(hit)::float8, (count(*) FILTER (WHERE hit))::float8, count(score)::float8, "
    "coalesce(sum(score), 0), coalesce(sum(value), 0)"
)
WEEK = "date_trunc('week', day)::date"


def counted(filters: Filters) -> pd.DataFrame:
    """Events by week, path, mode and tens of the score: columns CELLS and COUNTS."""
    both = replace(filters, first=filters.before.first)
    cells = f"{WEEK}, day >= %(now)s, event, path, mode, bin"
    if both.summed_by is not None:
        where, values = both.of_sums()
        table, sums = "analytics_daysum", SUM_COLUMNS
    else:
        where, values = both.of_facts()
        table, sums = "analytics_fact", FACT_COLUMNS
    text = f"SELECT {cells}, {sums} FROM {table} WHERE {where} GROUP BY 1, 2, 3, 4, 5, 6"
    return frame(text, values | {"now": filters.first}, (*CELLS, *COUNTS))


def touches(filters: Filters) -> pd.DataFrame:
    """First touches by week and mode: week, is_now, mode, seconds (to two digits), count."""
    both = replace(filters, first=filters.before.first)
    cells = f"{WEEK}, day >= %(now)s, mode"
    if both.summed_by == ("all", ""):
        where, values = both.of_sums()
        where = where.replace("by = %(by)s AND key = %(key)s AND ", "")
        text = f"SELECT {cells}, seconds, sum(count)::float8 FROM analytics_touchsum WHERE {where} GROUP BY 1, 2, 3, 4"
    else:
        where, values = both.of_facts()
        text = (
            f"SELECT {cells}, {TWO_DIGITS}, count(*)::float8 FROM analytics_fact WHERE {where}"
            " AND event = 'assigned' AND seconds IS NOT NULL AND path <> 'import' GROUP BY 1, 2, 3, 4"
        )
    return frame(text, values | {"now": filters.first}, ("week", "is_now", "mode", "seconds", "count"))


def rep_tens(filters: Filters, event: str) -> pd.DataFrame:
    """Assignments or closings of the period by rep and tens of the score: rep, bin, count, known, hits."""
    columns = ("rep", "bin", "count", "known", "hits")
    facts = "SELECT rep_id, bin, count(*), count(hit), count(*) FILTER (WHERE hit) FROM analytics_fact"
    facts_where = "event = %(event)s AND rep_id IS NOT NULL"
    if filters.summed_by != ("all", "") or filters.kind:
        where, values = filters.of_facts()
        return frame(
            f"{facts} WHERE {where} AND {facts_where} GROUP BY 1, 2", values | {"event": event}, columns
        )
    parts, values = _months_and_edges(filters)
    text = (
        "SELECT rep_id, bin, sum(count)::float8, sum(known)::float8, sum(hits)::float8 FROM ("
        "  SELECT rep_id, bin, count, known, hits FROM analytics_repmonthsum"
        "  WHERE event = %(event)s AND month >= %(months_from)s AND month < %(months_to)s"
        f"  UNION ALL {facts} WHERE {facts_where} AND ({parts}) GROUP BY 1, 2"
        ") both_of_them (rep_id, bin, count, known, hits) GROUP BY 1, 2"
    )
    return frame(text, values | {"event": event}, columns)


def _months_and_edges(filters: Filters) -> tuple[str, dict[str, Any]]:
    """Whole months come from sums, the days at both ends from facts."""
    first, end = filters.first, filters.last + datetime.timedelta(days=1)
    months_from = first if first.day == 1 else month_after(first)
    months_to = max(end.replace(day=1), months_from)
    values = {"months_from": months_from, "months_to": months_to, "first": first, "end": end}
    if months_from >= end:
        return "day >= %(first)s AND day < %(end)s", values | {"months_to": months_from}
    return (
        "(day >= %(first)s AND day < %(months_from)s) OR (day >= %(months_to)s AND day < %(end)s)",
        values,
    )


def utilisation(filters: Filters) -> pd.DataFrame:
    """Mean load of reps in per cent of their maximum at the end of each day, by week: week, is_now, load, days."""
    days = RepDay.objects.filter(day__gte=filters.before.first, day__lte=filters.last, max_open__gt=0)
    if filters.rep_ids is not None:
        days = days.filter(rep__in=filters.rep_ids)
    now = days.filter(day__gte=filters.first)
    parts = []
    for is_now, rows in ((True, now), (False, days.filter(day__lt=filters.first))):
        by_week = rows.values(week=TruncWeek("day")).annotate(load=Avg(100.0 * F("load") / F("max_open")))
        parts += [(row["week"], is_now, row["load"]) for row in by_week.order_by("week")]
    return pd.DataFrame(parts, columns=["week", "is_now", "load"])


def frame(text: str, values: dict[str, Any], columns: tuple[str, ...]) -> pd.DataFrame:
    """The answer of a statement as a frame."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return pd.DataFrame(cursor.fetchall(), columns=list(columns))
