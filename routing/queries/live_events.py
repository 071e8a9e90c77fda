"""What a page missed between being made and beginning to listen."""

import datetime

from django.db.models import Q

from reps.models import User
from routing.models import Notification, QueueItem
from routing.queries.queue import resolved_visible_to


def missed_since(user: User, since: datetime.datetime, *, sees_queue: bool) -> list[tuple[str, object]]:
    """The events as they would have been told."""
    notes = Notification.objects.filter(user=user, created_at__gt=since, read_at__isnull=True)
    missed: list[tuple[str, object]] = [
        ("notification", {"id": pk}) for pk in notes.values_list("pk", flat=True)[:5]
    ]
    changed = Q(created_at__gt=since) | Q(resolved_at__gt=since)
    if sees_queue and resolved_visible_to(user).filter(changed, state__in=QueueItem.State.values)[:1]:
        missed.append(("queue", {}))
    return missed
