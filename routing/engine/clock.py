"""When a first touch is due: so many minutes after the assignment, on the wall's clock or in the rep's working time.

Working time is what `routing.engine.roster.works_now` calls so, minute for minute, without the rep's absences: hours
may run into the next morning, public holidays and closing days begin none, and where the clock on the wall is put
forward or back it is the wall that counts. A rep without any working hours is measured by the wall, since nothing would
ever be due.
What it does not do: know the time, or whether somebody was touched.
"""

import datetime
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from routing.engine.roster import DAYS

UTC = datetime.UTC
DAY = datetime.timedelta(days=1)
MINUTE = datetime.timedelta(minutes=1)
AROUND = datetime.timedelta(hours=3)  # no zone moves its clock by more at once
HORIZON_DAYS = 800  # twice 90 days of working hours, the longest target and the longest delay after it
ESCALATE, REROUTE = "escalate", "reroute"
Span = tuple[datetime.datetime, datetime.datetime]
Away = tuple[datetime.datetime, datetime.datetime | None]


@dataclass(frozen=True)
class Terms:
    """What a policy asks of a first touch. `remind_pct` of the target's time; `reroute_after_minutes` after the target
    was missed; `accept_minutes`: within which the rep says yes or no, and `unanswered` what follows if neither
    (escalate or reroute); `named_accounts`: whether an owner's lead is taken away as well."""

    target_minutes: int | None = None
    in_working_hours: bool = False
    remind_pct: int | None = None
    escalates: bool = False
    reroute_after_minutes: int | None = None
    accept_minutes: int | None = None
    unanswered: str = ESCALATE
    named_accounts: bool = False

    @property
    def is_used(self) -> bool:
        """Whether there is anything to do but to measure by the wall's clock."""
        reacts = self.in_working_hours or self.remind_pct is not None or self.escalates
        measures = self.target_minutes is not None
        return (
            measures and (reacts or self.reroute_after_minutes is not None)
        ) or self.accept_minutes is not None

    def to_json(self) -> dict[str, Any]:
        """Plain data, without what is at its default."""
        plain = Terms()
        return {name: value for name, value in asdict(self).items() if value != getattr(plain, name)}


@dataclass(frozen=True)
class WorkingCalendar:
    """When a rep works, in the own time zone; `away` are absences, those without an end included."""

    zone: ZoneInfo
    hours: Mapping[str, Sequence[Sequence[str]]]
    days_off: Collection[datetime.date] = ()
    away: Sequence[Away] = ()

    @cached_property
    def works_at_all(self) -> bool:
        return any(self.hours.get(day) for day in DAYS)

    def spans(self, start: datetime.datetime) -> Iterator[Span]:
        """What is worked from `start` on, in order, without gaps counted and nothing twice."""
        until = start.astimezone(UTC)
        for begin, end in self._raw_spans(start):
            yield from _without(max(begin, until), end, self.away)
            until = max(until, end)

    def _raw_spans(self, start: datetime.datetime) -> Iterator[Span]:
        first = start.astimezone(self.zone).date() - DAY  # a night shift of the day before
        for number in range(HORIZON_DAYS):
            day = first + number * DAY
            if day in self.days_off:
                continue
            for begins, ends in sorted(map(tuple, self.hours.get(DAYS[day.weekday()], ()))):
                yield from self._on(day, begins, ends)

    def _on(self, day: datetime.date, begins: str, ends: str) -> Iterator[Span]:
        """One shift as moments; two or more where the clock is put back or forward within it."""
        begin, end = _wall(day, begins), _wall(day, ends)
        if ends < begins:
            end += DAY
        first = begin.replace(tzinfo=self.zone).astimezone(UTC)
        last = end.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        if self._offset(first - AROUND) == self._offset(last + AROUND):
            yield first, last
            return
        minutes = [
            moment
            for number in range(int((last - first + 2 * AROUND) / MINUTE))
            if begin
            <= (moment := first - AROUND + number * MINUTE).astimezone(self.zone).replace(tzinfo=None)
            < end
        ]
        yield from _joined(minutes)

    def _offset(self, moment: datetime.datetime) -> datetime.timedelta | None:
        return moment.astimezone(self.zone).utcoffset()


def _wall(day: datetime.date, text: str) -> datetime.datetime:
    hour, minute = int(text[:2]), int(text[3:])
    midnight = datetime.datetime.combine(day, datetime.time())
    return midnight + datetime.timedelta(hours=hour, minutes=minute)


def _joined(minutes: Sequence[datetime.datetime]) -> Iterator[Span]:
    begin = previous = None
    for minute in minutes:
        if begin is None or previous is None or minute - previous > MINUTE:
            if begin is not None and previous is not None:
                yield begin, previous + MINUTE
            begin = minute
        previous = minute
    if begin is not None and previous is not None:
        yield begin, previous + MINUTE


def _without(begin: datetime.datetime, end: datetime.datetime, away: Sequence[Away]) -> Iterator[Span]:
    """The parts of a span in which the rep is not away."""
    for starts, ends in sorted(away, key=lambda one: one[0]):
        if starts >= end or (ends is not None and ends <= begin):
            continue
        if begin < starts:
            yield begin, starts.astimezone(UTC)
        if ends is None:
            return
        begin = max(begin, ends.astimezone(UTC))
    if begin < end:
        yield begin, end


def due_after(
    start: datetime.datetime, minutes: float, calendar: WorkingCalendar | None
) -> datetime.datetime | None:
    """The moment at which so many minutes have passed since `start`: all of them, or (with a calendar) those worked.
    None where the rep works too little ahead, as when away without an end: the clock stands still."""
    left, start = datetime.timedelta(minutes=minutes), start.astimezone(UTC)  # in UTC an hour is an hour
    if calendar is None or not calendar.works_at_all:
        return start + left
    for begin, end in calendar.spans(start):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return None


@dataclass(frozen=True)
class Moments:
    """When what is to happen, as things stand. None: never, or not as long as the clock stands still."""

    due_at: datetime.datetime | None = None
    remind_at: datetime.datetime | None = None
    reroute_at: datetime.datetime | None = None
    accept_by: datetime.datetime | None = None


def moments(terms: Terms, start: datetime.datetime, calendar: WorkingCalendar | None) -> Moments:
    """All moments of a clock that started at `start`."""
    calendar = calendar if terms.in_working_hours else None
    accept_by = None if terms.accept_minutes is None else due_after(start, terms.accept_minutes, calendar)
    target = terms.target_minutes
    if target is None:
        return Moments(accept_by=accept_by)
    after, share = terms.reroute_after_minutes, terms.remind_pct
    return Moments(
        due_at=due_after(start, target, calendar),
        remind_at=None if share is None else due_after(start, target * share / 100, calendar),
        reroute_at=None if after is None else due_after(start, target + after, calendar),
        accept_by=accept_by,
    )


def age_pct(since: datetime.datetime, due: datetime.datetime, now: datetime.datetime) -> int:
    """Age against target: how much of the time from `since` to `due` is over, in per cent; above 100 when late."""
    whole = (due - since).total_seconds()
    return 100 if whole <= 0 else math.floor(100 * max((now - since).total_seconds(), 0) / whole)


def left_words(due: datetime.datetime, now: datetime.datetime) -> str:
    """ "12 min left", "32 min late", "3 h left", "2 days late"."""
    seconds = (due - now).total_seconds()
    size, word = abs(seconds), "left" if seconds >= 0 else "late"
    if size < 60:
        return f"less than a minute {word}"
    if size < 3600:
        return f"{int(size // 60)} min {word}"
    if size < 2 * 86_400:
        return f"{int(size // 3600)} h {word}"
    return f"{int(size // 86_400)} days {word}"
