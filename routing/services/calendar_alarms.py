"""A calendar that cannot be read alarms its rep and the team's managers, once for each time it breaks, and once when it
works again. Meanwhile the absences read before stay."""

import datetime
from typing import Any

from django.db import transaction

from reps.models import CalendarFeed
from reps.queries.calendars import calendar_settings, feeds_in_trouble
from routing.services.outbox import tell


@transaction.atomic
def tell_of_calendars(*, at: datetime.datetime) -> int:
    """Returns how many calendars were told of."""
    hours = calendar_settings().alarm_after_hours
    lock: Any = {"skip_locked": True, "of": ("self",), "no_key": True}
    broken = feeds_in_trouble(since=at - datetime.timedelta(hours=hours)).filter(alarmed_at__isnull=True)
    mended = CalendarFeed.objects.filter(alarmed_at__isnull=False, failures=0)
    told = 0
    for feed in broken.select_related("rep").select_for_update(**lock):
        since = feed.failing_since or at
        _tell(
            feed,
            f"{feed.rep}'s calendar “{feed.name}” has not been readable for {_length(at - since)}: {feed.last_error} "
            f"The absences read before stay; new ones are not seen.",
            at,
        )
        CalendarFeed.objects.filter(pk=feed.pk).update(alarmed_at=at)
        told += 1
    for feed in mended.select_related("rep").select_for_update(**lock):
        _tell(feed, f"{feed.rep}'s calendar “{feed.name}” can be read again.", at)
        CalendarFeed.objects.filter(pk=feed.pk).update(alarmed_at=None)
        told += 1
    return told


def _tell(feed: CalendarFeed, text: str, at: datetime.datetime) -> None:
    payload = {"rep_id": feed.rep_id, "team_id": feed.rep.team_id, "text": text}
    tell("calendar.state_changed", payload, at=at)


def _length(span: datetime.timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours} hour{'' if hours == 1 else 's'}" if hours < 48 else f"{hours // 24} days"
