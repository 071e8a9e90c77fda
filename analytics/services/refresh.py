"""Facts and sums follow what happened: what changed is worked out anew, everything else stays.

Which opportunities changed is told by `routing.Change` (owners, holds; numbered after the commit, so none is missed)
and by marks that triggers write. Their facts are deleted and made again in one transaction with the marks that asked
for it, and so are the sums of a day with the note that it is stale: whatever is killed in between is done again. What
commits while facts are read leaves a mark of its own. One refresh at a time; another finds the lock taken and goes.
"""

import datetime
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from analytics.engine.months import month_after
from analytics.models import (
    DaySum,
    Mark,
    MonthSum,
    Refreshed,
    RepMonthSum,
    StaleDay,
    TouchMonthSum,
    TouchSum,
)
from analytics.queries import definition
from analytics.services.chosen import keep_chosen_matches
from reps.queries.people import organisation
from routing.models import Change, ChangeCounter
from routing.services.changes import number_all

AT_ONCE = 10_000  # opportunities in one transaction
DAYS_AT_ONCE = 31
LOCK = 7_202_611  # of PostgreSQL's advisory locks
Say = Callable[[str, int, int], None]


def quiet(stage: str, done: int, total: int) -> None:
    """Tells nobody."""


def refresh(*, say: Say = quiet) -> bool:
    """Brings facts and sums up to date; False where another process is at it."""
    if not _lock():
        return False
    try:
        begun = timezone.now()
        _begin_anew_if_needed()
        number_all()
        _take_changes()
        left = Mark.objects.count()
        done = 0
        while taken := _work_out(AT_ONCE):
            done += taken
            say("Facts", done, max(left, done))
        if done > AT_ONCE:
            _analyze()
        _sum_up_days(say)
        Refreshed.objects.update(at=begun)
        return True
    finally:
        _unlock()


def make_anew() -> None:
    """Everything is to be worked out again by the next refresh. Until then what is there stays."""
    with transaction.atomic(), connection.cursor() as cursor:
        number_all()
        Refreshed.objects.update_or_create(
            pk=1,
            defaults={
                "change_number": ChangeCounter.objects.values_list("last", flat=True).first() or 0,
                "time_zone": organisation().time_zone,
                "definition": definition.VERSION,
            },
        )
        Mark.objects.all().delete()
        cursor.execute(
            "INSERT INTO analytics_mark (opportunity_id) SELECT id FROM crm_opportunity ORDER BY id"
        )
        cursor.execute(
            "INSERT INTO analytics_mark (opportunity_id) SELECT DISTINCT opportunity_id FROM analytics_fact f"
            " WHERE NOT EXISTS (SELECT FROM crm_opportunity o WHERE o.id = f.opportunity_id)"
        )


def _begin_anew_if_needed() -> None:
    """At first, after another definition came with an upgrade, and when the organisation's days begin elsewhere."""
    state = Refreshed.objects.filter(pk=1).first()
    zone = organisation().time_zone
    if state is None or state.definition != definition.VERSION or state.time_zone != zone:
        make_anew()


@transaction.atomic
def _take_changes() -> None:
    """Marks the opportunities of routing's changes since the last look."""
    state = Refreshed.objects.select_for_update().get(pk=1)
    fresh = Change.objects.filter(number__gt=state.change_number)
    last = fresh.order_by("-number").values_list("number", flat=True).first()
    if last is None:
        return
    ids = fresh.filter(number__lte=last, opportunity_id__isnull=False).values_list(
        "opportunity_id", flat=True
    )
    Mark.objects.bulk_create((Mark(opportunity_id=pk) for pk in ids.distinct()), batch_size=AT_ONCE)
    state.change_number = last
    state.save(update_fields=["change_number"])


@transaction.atomic
def _work_out(most: int) -> int:
    """The facts of some marked opportunities; how many marks that was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM analytics_mark WHERE id IN (SELECT id FROM analytics_mark ORDER BY id LIMIT %s)"
            " RETURNING opportunity_id",
            [most],
        )
        marks = [row[0] for row in cursor.fetchall()]
        if not marks:
            return 0
        ids = sorted(set(marks))
        keep_chosen_matches(ids)
        deleted = f"DELETE FROM analytics_fact WHERE opportunity_id = ANY(%s) RETURNING {definition.SUMMED}"
        cursor.execute(deleted, [ids])
        before = Counter(cursor.fetchall())
        cursor.execute(definition.FACTS, {"ids": ids, "zone": organisation().time_zone})
        after = Counter(cursor.fetchall())
    # Most facts of what changed are as they were; the sums of their days need not be made again.
    days = {row[0] for row in (*(before - after), *(after - before))}
    StaleDay.objects.bulk_create(StaleDay(day=day) for day in sorted(days))
    return len(marks)


def _sum_up_days(say: Say) -> None:
    """The sums of every day whose facts changed, and of those days' months."""
    days = sorted(set(StaleDay.objects.values_list("day", flat=True)))
    for first in range(0, len(days), DAYS_AT_ONCE):
        say("Sums", first, len(days))
        _sum_up(days[first : first + DAYS_AT_ONCE])


@transaction.atomic
def _sum_up(days: list[datetime.date]) -> None:
    StaleDay.objects.filter(day__in=days).delete()
    DaySum.objects.filter(day__in=days).delete()
    TouchSum.objects.filter(day__in=days).delete()
    with connection.cursor() as cursor:
        for by, key in definition.KEYS.items():
            cursor.execute(definition.DAY_SUMS.format(key=key), {"by": by, "days": days})
        cursor.execute(definition.TOUCH_SUMS, {"days": days})
        for month in sorted({day.replace(day=1) for day in days}):
            _sum_up_month(cursor, month)


def _sum_up_month(cursor: Any, month: datetime.date) -> None:
    span = {"month": month, "next": month_after(month)}
    for model in (MonthSum, RepMonthSum, TouchMonthSum):
        model._default_manager.filter(month=month).delete()
    cursor.execute(definition.MONTH_SUMS, span)
    cursor.execute(definition.REP_MONTH_SUMS, span)
    for by, key in definition.KEYS.items():
        cursor.execute(definition.TOUCH_MONTH_SUMS.format(key=key), {**span, "by": by})


def _analyze() -> None:
    """Tells the planner of facts that came by the ten thousands, for the sums that follow."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_fact")


def _lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _unlock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
