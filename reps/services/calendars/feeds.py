"""Calendars of reps: added, changed, removed; and which events count."""

import datetime
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction

from reps.engine.calendars.reading import UnreadableCalendar, parse_calendar
from reps.models import Absence, CalendarFeed, CalendarSettings, ClosingDay, Rep, User
from reps.services.calendars.fetching import FetchError, split
from reps.services.calendars.sealing import SealBroken, seal, seal_bytes, unseal
from reps.services.edits import lock_unchanged
from reps.services.profiles import note_changes

MOST_FEEDS = 10


@dataclass(frozen=True)
class FeedInput:
    """What a person gave. An empty address, password or content keeps what is stored."""

    kind: str
    name: str
    address: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    content: bytes = field(default=b"", repr=False)


@transaction.atomic
def save_feed(
    *, rep: Rep, given: FeedInput, by: User, at: datetime.datetime, feed: CalendarFeed | None = None,
    seen: datetime.datetime | None = None,
) -> CalendarFeed:  # fmt: skip
    """Adds or changes a calendar; it is due for reading at once. Raises ValidationError, EditConflict."""
    if feed is None:
        if Rep.objects.select_for_update(no_key=True).get(pk=rep.pk).feeds.count() >= MOST_FEEDS:
            raise ValidationError(f"A rep has {MOST_FEEDS} calendars at most.")
        feed = CalendarFeed(rep=rep, kind=given.kind)
    else:
        feed = lock_unchanged(feed, seen=seen)
    before = feed_words(rep)
    if feed.kind == CalendarFeed.Kind.UPLOAD:
        _take_file(feed, given.content)
    else:
        _take_address(feed, given)
    feed.name = given.name
    feed.updated_at = feed.next_try_at = at
    feed.etag = feed.last_modified = feed.read_as = ""
    feed.events = 0
    feed.claimed_until = None
    feed.save()
    note_changes(rep=rep, before=before, after=feed_words(rep), by=by)
    return feed


def _take_file(feed: CalendarFeed, content: bytes) -> None:
    if not content and feed.content is None:
        raise ValidationError({"file": "Choose a calendar file (.ics)."})
    if content:
        try:
            parse_calendar(content)
        except UnreadableCalendar as error:
            raise ValidationError({"file": str(error)}) from error
        feed.content = seal_bytes(content)


def _take_address(feed: CalendarFeed, given: FeedInput) -> None:
    """Another server or user never gets a password that was given for the one before."""
    try:
        stored = unseal(feed.sealed) if feed.sealed else {}
    except SealBroken:
        stored = {}
    address = given.address.strip() or stored.get("address", "")
    try:
        parts = split(address) if address else None
    except FetchError as error:
        raise ValidationError({"address": str(error)}) from error
    if parts is None:
        raise ValidationError({"address": "Give the calendar's address."})
    host = parts.netloc
    same = host == feed.host and given.username == feed.username
    password = given.password or (stored.get("password", "") if same else "")
    if feed.kind == CalendarFeed.Kind.CALDAV and not (given.username and password):
        raise ValidationError({"password": "A CalDAV account needs a user name and a password."})
    feed.host, feed.username = host[:255], given.username
    feed.sealed = seal({"address": parts.geturl(), "password": password})


@transaction.atomic
def delete_feed(*, feed: CalendarFeed, by: User, at: datetime.datetime) -> None:
    """Removes a calendar: what it says of the future goes, an absence that holds now ends, the past stays."""
    rep, before = feed.rep, feed_words(feed.rep)
    feed.absences.filter(starts_at__gte=at).delete()
    feed.absences.filter(starts_at__lt=at, ends_at__gt=at).update(ends_at=at)
    feed.delete()
    note_changes(rep=rep, before=before, after=feed_words(rep), by=by)


def feed_words(rep: Rep) -> dict[str, str]:
    """The calendars as the profile's history names them; without what is secret."""
    feeds = rep.feeds.order_by("pk").values_list("name", "host", "username")
    return {"calendars": "; ".join(", ".join(part for part in parts if part) for parts in feeds)}


@transaction.atomic
def save_calendar_settings(
    *, settings: CalendarSettings, seen: datetime.datetime | None = None, by: User
) -> CalendarSettings:
    """Every calendar is read anew at the next occasion, since other events may count now."""
    lock_unchanged(settings, seen=seen)
    settings.save()
    CalendarFeed.objects.filter(failures=0).update(next_try_at=None)
    if not settings.keeps_titles:
        Absence.objects.filter(source=Absence.Source.CALENDAR).exclude(note="").update(note="")
    return settings


@transaction.atomic
def save_closing_day(*, closing: ClosingDay, seen: datetime.datetime | None = None, by: User) -> ClosingDay:
    if closing.pk:
        lock_unchanged(closing, seen=seen)
    closing.save()
    return closing


@transaction.atomic
def delete_closing_day(*, closing: ClosingDay, by: User) -> None:
    closing.delete()
