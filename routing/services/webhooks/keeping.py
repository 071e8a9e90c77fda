"""What is forgotten in time."""

import datetime

from routing.models import WebhookDelivery

KEPT = datetime.timedelta(days=30)
CHUNK = 5_000  # rows deleted in one statement


def forget_old(*, at: datetime.datetime) -> int:
    """Deletes what arrived some weeks ago; returns how many went. What was given up goes with its change."""
    gone = 0
    old = WebhookDelivery.objects.filter(state=WebhookDelivery.State.DELIVERED, settled_at__lt=at - KEPT)
    while ids := list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        gone += WebhookDelivery.objects.filter(pk__in=ids).delete()[0]
    return gone
