"""What the worker does for analytics. Each may run twice or be killed in the middle: the services are idempotent."""

from analytics.services import backtests


def run_backtest(job_id: int) -> None:
    """Plays a backtest that was asked for."""
    backtests.run_backtest(job_id=job_id)
