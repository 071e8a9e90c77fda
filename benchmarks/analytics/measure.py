"""How long 500 changes take into the sums, whether sums equal a scan of the records, and what such a scan costs."""

import datetime
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.analytics.command import set_up

CHANGES = 500
REPETITIONS = 3
# Straight from the records, without facts and sums: what was assigned by the model and what closed, by day.
SCAN_ASSIGNED = """
SELECT (a.assigned_at AT TIME ZONE 'UTC')::date AS day, count(*), count(d.score), sum(d.score)
FROM crm_assignment a LEFT JOIN routing_queueitem q ON q.assignment_id = a.id
JOIN routing_decision d ON d.id = coalesce((SELECT id FROM routing_decision WHERE assignment_id = a.id), q.decision_id)
WHERE a.source <> 'import' AND d.via = 'prediction' AND (a.source <> 'person' OR q.state = 'approved')
GROUP BY 1 ORDER BY 1
"""
SUMS_ASSIGNED = """
SELECT day, sum(count)::bigint, sum(scored)::bigint, sum(score_sum) FROM analytics_daysum
WHERE by = 'all' AND event = 'assigned' AND path = 'model' GROUP BY 1 ORDER BY 1
"""
SCAN_CLOSED = """
SELECT (closed_at AT TIME ZONE 'UTC')::date AS day, count(*), count(*) FILTER (WHERE stage <> 'disqualified'),
    count(*) FILTER (WHERE stage = 'won')
FROM crm_opportunity o WHERE stage <> 'open' AND EXISTS (SELECT FROM crm_assignment WHERE opportunity_id = o.id)
GROUP BY 1 ORDER BY 1
"""
SUMS_CLOSED = """
SELECT day, sum(count)::bigint, sum(known)::bigint, sum(hits)::bigint FROM analytics_daysum
WHERE by = 'all' AND event = 'closed' GROUP BY 1 ORDER BY 1
"""
SCAN_TOUCHED = """
SELECT (a.assigned_at AT TIME ZONE 'UTC')::date, count(*) FROM crm_assignment a
JOIN LATERAL (SELECT 1 FROM crm_activity v WHERE v.opportunity_id = a.opportunity_id AND v.rep_id = a.rep_id
    AND v.happened_at >= a.assigned_at LIMIT 1) touched ON true
WHERE a.source <> 'import' AND a.ended_at IS NULL GROUP BY 1 ORDER BY 1
"""
SUMS_TOUCHED = """
SELECT day, sum(hits)::bigint FROM analytics_daysum WHERE by = 'all' AND event = 'assigned' AND path <> 'import'
GROUP BY 1 HAVING sum(hits) > 0 ORDER BY 1
"""
DAYS_BY_MONTH = """
SELECT date_trunc('month', day)::date, by, sum(count)::bigint, sum(hits)::bigint FROM analytics_daysum
GROUP BY 1, 2 ORDER BY 1, 2
"""
MONTHS = """
SELECT month, by, sum(count)::bigint, sum(hits)::bigint FROM analytics_monthsum GROUP BY 1, 2 ORDER BY 1, 2
"""
PAIRS = ((SCAN_ASSIGNED, SUMS_ASSIGNED), (SCAN_CLOSED, SUMS_CLOSED), (SCAN_TOUCHED, SUMS_TOUCHED))


def main() -> int:
    set_up()
    from routing.queries.invariants import check_invariants

    lag = measured_lag()
    equal = all(is_same(rows(scan), rows(sums)) for scan, sums in (*PAIRS, (DAYS_BY_MONTH, MONTHS)))
    scan = seconds(lambda: [rows(one) for one, _ in PAIRS])
    sums = seconds(frames_of_the_page)
    violations = [f"{one.guarantee}: {one.detail}" for one in check_invariants().violations]
    found = {
        "rollup_lag_s": round(lag, 2),
        "rollups_equal": equal,
        "full_scan_ratio": round(scan / sums, 1),
        "violations": violations[:5],
    }
    print(json.dumps(found))
    return 0


def measured_lag() -> float:
    """From 500 changes (touches, outcomes, new owners), all committed, until the sums have them."""
    from django.utils import timezone

    from analytics.services.refresh import refresh
    from crm.models import Assignment, Opportunity
    from crm.services.activities import log_activity
    from reps.models import Rep, User
    from routing.services import overrides
    from routing.services.outcomes import record_outcome

    now, ops, rep = (
        timezone.now(),
        User.objects.get(email="ops@benchmark.example"),
        Rep.objects.order_by("pk").first(),
    )
    assert rep is not None
    imported = set(Assignment.objects.filter(source="import").values_list("opportunity", flat=True))
    owned = Opportunity.objects.filter(stage="open", owner__isnull=False).select_related("owner")
    for place, one in enumerate(owned.order_by("pk")[:CHANGES]):
        if one.pk in imported:  # the others' decisions are too small to be decided again
            overrides.reassign(opportunity_ids=[one.pk], rep_id=rep.pk, by=ops, at=now)
        elif place % 2:
            log_activity(opportunity_id=one.pk, kind="call", rep=one.owner, happened_at=now)
        else:
            record_outcome(opportunity_id=one.pk, stage="won", at=now, by=ops)
    started = time.perf_counter()
    refresh()
    return time.perf_counter() - started


def frames_of_the_page() -> Any:
    """The same by the sums: the frames of Analytics › Routing over the two years."""
    from django.utils import timezone

    from analytics.queries.filters import Filters
    from analytics.queries.routing_page import count

    today = timezone.now().date()
    return count(Filters(today - datetime.timedelta(days=731), today))


def is_same(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    """But for what depends on the order in which numbers were added up."""
    return len(one) == len(other) and all(
        a == b or (isinstance(a, float) and math.isclose(a, b, rel_tol=1e-9))
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )


def rows(text: str) -> list[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(text)
        return list(cursor.fetchall())


def seconds(work: Callable[[], Any]) -> float:
    """The median of a few times."""
    times = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
