"""Absences in a rep's own time zone: until when one is offered with a click, and how a span is said."""

import datetime
from dataclasses import dataclass

TODAY, TOMORROW, MONDAY, WEEK, OPEN = KEYS = ("today", "tomorrow", "monday", "week", "open")


@dataclass(frozen=True)
class Until:
    """One choice; without an end the rep says when he is back."""

    key: str
    label: str
    ends_at: datetime.datetime | None

    @property
    def back_on(self) -> datetime.date | None:
        return None if self.ends_at is None else self.ends_at.date()


def until_choices(local: datetime.datetime) -> tuple[Until, ...]:
    """The choices at a moment in the rep's own time zone; ends are midnights there. Of two that end alike, the first
    is offered."""
    days_to_monday = 7 - local.weekday()
    offered = (
        Until(TODAY, "Rest of today", _midnight(local, 1)),
        Until(TOMORROW, "Today and tomorrow", _midnight(local, 2)),
        Until(MONDAY, "Until Monday", _midnight(local, days_to_monday)),
        Until(WEEK, "One week", _midnight(local, 7)),
        Until(OPEN, "Open-ended", None),
    )
    found: dict[datetime.datetime | None, Until] = {}
    for until in offered:
        found.setdefault(until.ends_at, until)
    return tuple(found.values())


def _midnight(local: datetime.datetime, days: int) -> datetime.datetime:
    """Midnight so many days on; the zone's own rules say how long the day is."""
    day = local.date() + datetime.timedelta(days=days)
    return datetime.datetime(day.year, day.month, day.day, tzinfo=local.tzinfo)


def span_words(starts: datetime.datetime, ends: datetime.datetime | None, *, today: datetime.date) -> str:
    """“Tue 8 Dec to Wed 16 Dec” for whole days, with clocks where it begins or ends within one. Both local to the rep;
    the year is said where it is not today's."""
    first, clock = _day(starts.date(), today), f"{starts:%H:%M}"
    begins = first if _is_midnight(starts) else f"{first}, {clock}"
    if ends is None:
        return f"from {begins} until further notice"
    if not _is_midnight(ends):
        if ends.date() == starts.date():
            return f"{first}, {clock} to {ends:%H:%M}"
        return f"{begins} to {_day(ends.date(), today)}, {ends:%H:%M}"
    last = ends.date() - datetime.timedelta(days=1)
    if last == starts.date():
        return first if _is_midnight(starts) else f"{first} from {clock}"
    if _is_midnight(starts):
        return f"{first} to {_day(last, today)}"
    return f"{begins} to the end of {_day(last, today)}"


def _is_midnight(moment: datetime.datetime) -> bool:
    return moment.time() == datetime.time(0)


def _day(day: datetime.date, today: datetime.date) -> str:
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day:%a} {day.day} {day:%b}{year}"
