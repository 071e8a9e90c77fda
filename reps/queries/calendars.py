"""Calendars as pages and syncs need them."""

from datetime import datetime

from django.db.models import QuerySet

from reps.models import CalendarFeed, CalendarSettings, User
from reps.queries.people import reps_visible_to


def calendar_settings() -> CalendarSettings:
    """The one row, made with its defaults when it is first asked for."""
    return CalendarSettings.objects.get_or_create(pk=1)[0]


def feeds_editable_by(user: User) -> QuerySet[CalendarFeed]:
    """Those of the reps whose profile the user may see; whether the role may change any is the page's permission."""
    return CalendarFeed.objects.filter(rep__in=reps_visible_to(user)).select_related("rep")


def feeds_in_trouble(*, since: datetime) -> QuerySet[CalendarFeed]:
    """Feeds of reps who are here that have not been readable since that moment, nor before it."""
    return CalendarFeed.objects.filter(failing_since__lte=since, rep__left_at__isnull=True)
