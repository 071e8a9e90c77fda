"""What the worker does for analytics. All may run twice or be killed in the middle: the services are idempotent."""

from django.utils import timezone

from analytics.services import backtests, credit_checks, gaps, reports
from analytics.services.alarms import check_alarms
from analytics.services.coaching import look_for_coaching
from analytics.services.loads import keep_loads
from analytics.services.refresh import refresh
from routing.queries.account_transfers import today_here


def refresh_facts() -> bool:
    """Facts and sums follow what happened, and the loads of a day that is over are kept; each minute."""
    keep_loads(today=today_here(timezone.now()))
    return refresh()


def note_fall_throughs() -> int:
    """Why what was decided since the last time fell through."""
    return gaps.note_fall_throughs(at=timezone.now())


def check_quota_credit() -> int:
    """Holds what was assigned since the last time against the crediting table; all of it where the table is new."""
    return credit_checks.check_assignments(at=timezone.now())


def make_reports() -> int:
    """Daily and weekly reports whose hour has come where their readers are; each minute."""
    return reports.make_due(at=timezone.now())


def look_for_alarms() -> list[str]:
    """Begins and ends alarms by the weeks that are over."""
    now = timezone.now()
    return check_alarms(at=now, today=today_here(now))


def look_for_coaching_findings() -> int:
    """Where reps do clearly worse or better than forecast; each night."""
    now = timezone.now()
    return look_for_coaching(today=today_here(now), at=now)


def run_backtest(job_id: int) -> None:
    """Plays a backtest that was asked for."""
    backtests.run_backtest(job_id=job_id)
