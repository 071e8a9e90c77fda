"""Notifications in the page."""

import datetime

from reps.models import User
from routing.models import Notification


def mark_read(*, user: User, at: datetime.datetime) -> int:
    """Marks all of the user's as read; returns how many were new."""
    return Notification.objects.filter(user=user, read_at__isnull=True).update(read_at=at)
