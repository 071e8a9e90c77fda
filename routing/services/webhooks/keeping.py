"""What is forgotten in time."""

import datetime

from routing.models import WebhookDelivery
from routing.services.senders import delete_in_parts

KEPT = datetime.timedelta(days=30)


def forget_old(*, at: datetime.datetime) -> int:
    """Deletes what arrived some weeks ago; returns how many went. What was given up goes with its change."""
    old = WebhookDelivery.objects.filter(state=WebhookDelivery.State.DELIVERED, settled_at__lt=at - KEPT)
    return delete_in_parts(old)
