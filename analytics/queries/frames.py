"""What happened in a period, counted, as pandas frames: from the sums of days where they have it, from facts where not.

A frame covers the period and the one before it; `is_now` tells them apart. A step is a week from
Monday on or, in a long period, a month; `start` is its first day.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    Avg,
    BigIntegerField,
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    FloatField,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, TruncMonth, TruncWeek

from analytics.engine.months import month_after
from analytics.engine.shares import Share
from analytics.models import DaySum, Fact, MonthSum, RepDay, RepMonthSum, TouchMonthSum, TouchSum
from analytics.queries.definition import THREE_DIGITS
from analytics.queries.filters import DAY, Filters

CELLS = ("start", "is_now", "event", "path", "mode", "bin")
COUNTS = ("count", "known", "hits", "scored", "score_sum", "value_sum")
OF_SUMS: dict[str, Any] = {f"n_{name}": Sum(name) for name in COUNTS}
OF_FACTS: dict[str, Any] = {
    "n_count": Count("pk"),
    "n_known": Count("hit"),
    "n_hits": Count("pk", filter=Q(hit=True)),
    "n_scored": Count("score"),
    "n_score_sum": Coalesce(Sum("score"), 0.0, output_field=FloatField()),
    "n_value_sum": Coalesce(Sum("value"), 0.0, output_field=FloatField()),
}
SHARES = ("count", "known", "hits")
TOUCHED = ("start", "is_now", "mode", "rounded")
# The first duration at which half of the counted ones are reached, of each step and of all together.
MEDIANS = """
WITH counted AS (
    SELECT start, is_now, mode, seconds, n::int FROM ({counted}) AS c (start, is_now, mode, seconds, n)
),
both_ways AS (
    SELECT * FROM counted
    UNION ALL SELECT NULL, is_now, mode, seconds, sum(n)::int FROM counted GROUP BY is_now, mode, seconds
),
reached AS (
    SELECT *, sum(n) OVER (PARTITION BY start, is_now, mode ORDER BY seconds) AS upto,
        sum(n) OVER (PARTITION BY start, is_now, mode) AS whole
    FROM both_ways
)
SELECT start::date, is_now, mode, min(seconds) FILTER (WHERE 2 * upto >= whole), max(whole) FROM reached
GROUP BY start, is_now, mode ORDER BY start, is_now, mode
"""
ROUTED = (Fact.Path.MODEL, Fact.Path.PERSON)


def counted(filters: Filters) -> pd.DataFrame:
    """Events by step, path, mode and tens of the score: columns CELLS and COUNTS."""
    both = _with_before(filters)
    if filters.step == "month" and both.summed_by is not None:
        months, edges = _whole_months(filters.before, filters)
        whole = MonthSum.objects.filter(months, both.of_what_is_summed())
        whole = whole.annotate(start=F("month"), is_now=_is_now("month", filters))
        days = _by_step(DaySum.objects.filter(edges, both.of_what_is_summed()), filters)
        figures = {name: OF_SUMS[f"n_{name}"] for name in COUNTS}
        return _together(CELLS, *(_frame(rows, CELLS, figures) for rows in (whole, days)))
    rows, found = _sums_or_facts(both)
    return _frame(_by_step(rows, filters), CELLS, {name: found[f"n_{name}"] for name in COUNTS})


def touches(filters: Filters) -> pd.DataFrame:
    """Lower medians of first touches, to three digits, by mode: of each step, and of the whole period (`start` None):
    start, is_now, mode, median, count. Found in the database: there are many durations and few medians. In a long
    period whole months come from their sums, the days around them from what there is of days."""
    both = _with_before(filters)
    if filters.step == "month" and both.summed_by is not None:
        months, edges = _whole_months(filters.before, filters)
        sums = TouchMonthSum.objects.filter(months, both.of_what_is_summed())
        whole = sums.annotate(start=F("month"), is_now=_is_now("month", filters), rounded=F("seconds"))
        counted = [whole.values(*TOUCHED).annotate(n=Sum("count")), _touched(both, filters, edges)]
    else:
        counted = [_touched(both, filters, Q())]
    found = pd.DataFrame(_medians(counted), columns=["start", "is_now", "mode", "median", "count"])
    return found.astype({"start": object, "is_now": bool, "median": float, "count": float})


def _touched(both: Filters, filters: Filters, days: Q) -> QuerySet[Any, Any]:
    """Durations of these days, counted."""
    if both.is_of_everybody:
        sums = TouchSum.objects.filter(days & both.of_touch_sums())
        return (
            _by_step(sums, filters).annotate(rounded=F("seconds")).values(*TOUCHED).annotate(n=Sum("count"))
        )
    facts = Fact.objects.filter(days & both.of_facts(), event=Fact.Event.ASSIGNED, seconds__isnull=False)
    rounded = RawSQL(THREE_DIGITS, [], output_field=BigIntegerField())
    shown = _by_step(facts.exclude(path=Fact.Path.IMPORT), filters).annotate(rounded=rounded)
    return shown.values(*TOUCHED).annotate(n=Count("pk"))


def _medians(counted: Sequence[QuerySet[Any, Any]]) -> list[tuple[Any, ...]]:
    parts: list[str] = []
    values: list[Any] = []
    for rows in counted:
        with contextlib.suppress(EmptyResultSet):  # of nobody, or without a whole month
            statement, given = rows.order_by().query.sql_with_params()
            parts.append(statement)
            values += given
    if not parts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(MEDIANS.format(counted=" UNION ALL ".join(parts)), values)
        return cursor.fetchall()


def _whole_months(*periods: Filters) -> tuple[Q, Q]:
    """The calendar months that lie in one of the periods, as a condition on `month`, and the days of the periods that
    lie in none, as one on `day`."""
    months, edges = Q(), Q()
    for period in periods:
        first, end = period.first, period.last + DAY
        months_from = min(first if first.day == 1 else month_after(first), end)
        months_to = max(end.replace(day=1), months_from)
        months |= Q(month__gte=months_from, month__lt=months_to)
        edges |= Q(day__gte=first, day__lt=months_from) | Q(day__gte=months_to, day__lt=end)
    return months, edges


def rep_tens(filters: Filters, event: str) -> pd.DataFrame:
    """Assignments or closings of the period by rep and tens of the score: rep, bin and SHARES. Of everybody, whole
    months come from sums, the days at both ends from facts."""
    cells = ("rep", "bin")
    if not filters.is_of_everybody or filters.kind:
        return _rep_facts(filters.of_facts(), event)
    months, edges = _whole_months(filters)
    sums = RepMonthSum.objects.filter(months, event=event)
    whole = _frame(sums, cells, {name: Sum(name) for name in SHARES})
    return _together(cells, whole, _rep_facts(edges, event))


def _rep_facts(where: Q, event: str) -> pd.DataFrame:
    facts = Fact.objects.filter(where, event=event, rep__isnull=False)
    return _frame(facts, ("rep", "bin"), {name: OF_FACTS[f"n_{name}"] for name in SHARES})


def closed_by_stratum(filters: Filters) -> pd.DataFrame:
    """What closed in the period by month, source, kind and path, of what the model routed or a person assigned."""
    cells = ("start", "stratum_source", "kind", "path")
    closed = Q(event=Fact.Event.CLOSED, path__in=ROUTED)
    if filters.is_of_everybody or filters.summed_by == (DaySum.By.SOURCE, filters.source):
        closed &= Q(by=DaySum.By.SOURCE) & filters.of_kind()
        closed &= Q(key=filters.source) if filters.source else Q()
        months, edges = _whole_months(filters)
        whole = MonthSum.objects.filter(months, closed).annotate(start=F("month"))
        days = DaySum.objects.filter(edges, closed).annotate(start=TruncMonth("day"))
        figures: dict[str, Any] = {name: Sum(name) for name in SHARES}
        parts = [rows.annotate(stratum_source=F("key")) for rows in (whole, days)]
        found = _together(cells, *(_frame(rows, cells, figures) for rows in parts))
    else:
        facts = Fact.objects.filter(filters.of_facts(), closed)
        facts = facts.annotate(start=TruncMonth("day"), stratum_source=F("source"))
        found = _frame(facts, cells, {name: OF_FACTS[f"n_{name}"] for name in SHARES})
    return found.rename(columns={"start": "month", "stratum_source": "source"})


def closed_by_path(filters: Filters) -> dict[str, Share]:
    """Won of what was won or lost in the period, by how it came to its owner."""
    rows, figures = _sums_or_facts(filters)
    found = rows.filter(event=Fact.Event.CLOSED).order_by().values_list("path")
    counted = found.annotate(n_hits=figures["n_hits"], n_known=figures["n_known"])
    return {path: Share(hits or 0, known or 0) for path, hits, known in counted}


def utilisation(filters: Filters) -> pd.DataFrame:
    """Mean load of reps in per cent of their maximum at the end of each day, by step: start, is_now, load."""
    days = RepDay.objects.filter(day__range=(filters.before.first, filters.last), max_open__gt=0)
    if filters.rep_ids is not None:
        days = days.filter(rep__in=filters.rep_ids)
    load = Avg(100.0 * F("load") / F("max_open"), output_field=FloatField())
    return _frame(_by_step(days, filters), ("start", "is_now"), {"load": load})


# --- reading -----------------------------------------------------------------------------------------------------


def _with_before(filters: Filters) -> Filters:
    return replace(filters, first=filters.before.first)


def _sums_or_facts(filters: Filters) -> tuple[QuerySet[Any], dict[str, Any]]:
    if filters.summed_by is not None:
        return DaySum.objects.filter(filters.of_sums()), OF_SUMS
    return Fact.objects.filter(filters.of_facts()), OF_FACTS


def _by_step(rows: QuerySet[Any], filters: Filters) -> QuerySet[Any]:
    start = TruncWeek("day") if filters.step == "week" else TruncMonth("day")
    return rows.annotate(start=start, is_now=_is_now("day", filters))


def _is_now(field: str, filters: Filters) -> ExpressionWrapper:
    return ExpressionWrapper(Q(**{f"{field}__gte": filters.first}), output_field=BooleanField())


def _together(cells: Sequence[str], *frames: pd.DataFrame) -> pd.DataFrame:
    """Frames of the same cells as one."""
    return pd.concat(frames).groupby(list(cells), dropna=False, as_index=False).sum()


def _frame(rows: QuerySet[Any], cells: Sequence[str], figures: dict[str, Any]) -> pd.DataFrame:
    """One row for each combination of the cells, with its figures."""
    names = {f"n_{name}": figure for name, figure in figures.items()}
    found = rows.order_by(*cells).values_list(*cells).annotate(**names)
    types: dict[str, Any] = dict.fromkeys(figures, float)  # an empty frame has no types of its own
    if "is_now" in cells:
        types["is_now"] = bool
    return pd.DataFrame(list(found), columns=[*cells, *figures]).astype(types)
