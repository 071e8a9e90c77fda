"""What a rep is offered who marks himself as unavailable in two clicks: until when, in his own time zone."""

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
