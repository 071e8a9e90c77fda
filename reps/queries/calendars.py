"""Calendars as pages and syncs need them."""

import datetime

from django.db.models import QuerySet

from reps.models import CalendarFeed, CalendarSettings, Rep
from reps.queries.holidays import DaysOff

DAYS_OFF_AHEAD = datetime.timedelta(days=120)


def calendar_settings() -> CalendarSettings:
    """The one row, made with its defaults when it is first asked for."""
    return CalendarSettings.objects.get_or_create(pk=1)[0]


def feeds_in_trouble(*, since: datetime.datetime) -> QuerySet[CalendarFeed]:
    """Feeds of reps who are here that have not been readable since that moment."""
    return CalendarFeed.objects.filter(failing_since__lte=since, rep__left_at__isnull=True)


def troubled_feeds(*, limit: int = 50) -> list[CalendarFeed]:
    """Those that cannot be read now, the longest first."""
    failing = CalendarFeed.objects.filter(failures__gt=0, rep__left_at__isnull=True)
    return list(failing.select_related("rep").order_by("failing_since", "pk")[:limit])


def next_days_off(rep: Rep, *, today: datetime.date, limit: int = 5) -> list[tuple[datetime.date, str]]:
    """The next public holidays and closing days of a rep, as date and name."""
    return list(DaysOff(today, today + DAYS_OFF_AHEAD).named(rep).items())[:limit]
