"""What the worker does for analytics. Every one may run twice or be killed in the middle."""

from django.utils import timezone

from analytics.services.loads import keep_loads
from analytics.services.refresh import refresh
from routing.queries.account_transfers import today_here


def refresh_facts() -> bool:
    """Facts and sums follow what happened, and the loads of a day that is over are kept; each minute."""
    keep_loads(today=today_here(timezone.now()))
    return refresh()
