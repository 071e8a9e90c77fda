"""What a page missed between being made and beginning to listen."""

import datetime

from reps.models import User
from routing.models import Notification


def missed_since(user: User, since: datetime.datetime) -> list[tuple[str, object]]:
    """The notifications as they would have been told."""
    notes = Notification.objects.filter(user=user, created_at__gt=since, read_at__isnull=True)
    return [("notification", {"id": pk}) for pk in notes.values_list("pk", flat=True)[:5]]
