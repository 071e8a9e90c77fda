"""Each rep's load at the end of each day, kept for the trend of the capacity used."""

import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max, Min

from analytics.models import RepDay
from crm.models import Assignment
from reps.queries.people import organisation

COUNTED_BACK = datetime.timedelta(days=400)  # when there are none yet
DAY = datetime.timedelta(days=1)

# Open at the end of a day is what was assigned on it or before, and ended or closed on none of these days. Steps up and
# down by day, added up; what was before the first day counts on it.
LOADS = """
WITH spans AS (
    SELECT a.rep_id, (a.assigned_at AT TIME ZONE %(zone)s)::date AS from_day,
        (least(a.ended_at, o.closed_at) AT TIME ZONE %(zone)s)::date AS to_day
    FROM crm_assignment a JOIN crm_opportunity o ON o.id = a.opportunity_id
),
steps AS (
    SELECT rep_id, day, sum(step) AS step FROM (
        SELECT rep_id, greatest(from_day, %(first)s) AS day, 1 AS step FROM spans
        WHERE from_day <= %(last)s AND (to_day IS NULL OR to_day > from_day)
        UNION ALL
        SELECT rep_id, greatest(to_day, %(first)s), -1 FROM spans WHERE to_day <= %(last)s AND to_day > from_day
    ) one GROUP BY 1, 2
)
INSERT INTO analytics_repday (day, rep_id, load, max_open, is_counted_back)
SELECT day, rep_id, load, max_open, %(back)s FROM (
    SELECT d.day::date AS day, r.id AS rep_id, coalesce(r.own_max_open, t.max_open) AS max_open, r.left_at,
        coalesce(sum(s.step) OVER (PARTITION BY r.id ORDER BY d.day), 0) AS load
    FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') d (day)
    CROSS JOIN reps_rep r JOIN reps_roletemplate t ON t.id = r.role_template_id
    LEFT JOIN steps s ON s.rep_id = r.id AND s.day = d.day::date
) counted
WHERE left_at IS NULL OR (left_at AT TIME ZONE %(zone)s)::date > day
ON CONFLICT DO NOTHING
"""


@transaction.atomic
def keep_loads(*, today: datetime.date) -> int:
    """Writes the days that are over and not there yet; how many rows. Many at once are counted back under today's
    maximum, as all are of a rep's first days here."""
    newest: datetime.date | None = RepDay.objects.aggregate(newest=Max("day"))["newest"]
    last = today - DAY
    first = _first_day(today) if newest is None else newest + DAY
    if first is None or first > last:
        return 0
    values: dict[str, Any] = {
        "first": first,
        "last": last,
        "zone": organisation().time_zone,
        "back": first < last,
    }
    with connection.cursor() as cursor:
        cursor.execute(LOADS, values)
        return cursor.rowcount


def _first_day(today: datetime.date) -> datetime.date | None:
    """The first day on which somebody owned something, or as far back as is counted."""
    began: datetime.datetime | None = Assignment.objects.aggregate(began=Min("assigned_at"))["began"]
    if began is None:
        return None
    return max(today - COUNTED_BACK, began.astimezone(ZoneInfo(organisation().time_zone)).date())
