"""A calendar file (RFC 5545) as the spans in which somebody is out of office.

What counts is decided event by event (`settings.OutOfOffice`), and only series with an event that could count are
expanded. Times: an event in a zone of its own is in that zone, one without (and every all-day event, which runs from
local midnight to local midnight) in the rep's. Overlapping and touching spans become one.

Bounds: a file is refused beyond `MOST_EVENTS`; a series that repeats more than once a day is refused, the others are
expanded within the window only, up to `MOST_OCCURRENCES` in all, and `ran_out` is asked before each series. A rule that
never fits a day makes dateutil walk to the year 9999: the kinds that take it long are refused, the others take a second
or two each.
"""

import datetime
import hashlib
import itertools
import re
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import icalendar
import recurring_ical_events
from icalendar import Calendar, Component

from reps.engine.calendars.settings import OutOfOffice

MOST_BYTES = 5 * 2**20
MOST_EVENTS = 10_000
MOST_OCCURRENCES = 2_000
MOST_TIMES_A_DAY = 4
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
MICROSOFT_BUSY = ("X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-INTENDEDSTATUS")
OUT_OF_OFFICE = ("OOF", "OUTOFOFFICE", "OUT-OF-OFFICE")
MARKS = (*OUT_OF_OFFICE, "OUT_OF_OFFICE")
EVENT = re.compile(r"^BEGIN:VEVENT[ \t]*\r?$.*?^END:VEVENT[ \t]*(?:\r?\n|\Z)", re.I | re.M | re.S)
FOLD = re.compile(r"\r?\n[ \t]")
SUMMARY = re.compile(r"^SUMMARY(?:;[^:\r\n]*)?:(.*)$", re.I | re.M)
UID = re.compile(r"^UID(?:;[^:\r\n]*)?:(.*)$", re.I | re.M)
EARLIEST_YEAR = 1900
NO_START = "it has no start that can be read"
REASONS_BY_WEIGHT = ("sick", "vacation", "other")  # of spans that overlap, the first says why
NOTHING_RAN_OUT: Callable[[], bool] = lambda: False  # noqa: E731


class UnreadableCalendar(ValueError):
    """Not a calendar, or beyond the bounds; the message says what, for people. `plain` quotes nothing of a file that is
    no calendar, for those who may not see it."""

    def __init__(self, plain: str, quoted: str = "") -> None:
        super().__init__(f"{plain} {quoted}".strip())
        self.plain = plain


@dataclass(frozen=True)
class Window:
    """From when to when occurrences are looked for, whose zone floating times are in, and whose invitations."""

    first: datetime.datetime
    last: datetime.datetime
    zone: zoneinfo.ZoneInfo
    email: str = ""


@dataclass(frozen=True)
class Span:
    """Out of office from then until then. `key` names the earliest occurrence in it and stays as long as that does."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    reason: str
    key: str
    title: str = ""


@dataclass(frozen=True)
class SeenEvent:
    """One event as "try it" shows it: when it next is (None: not in the window), and why it counts or does not."""

    title: str
    starts_at: datetime.datetime | None
    ends_at: datetime.datetime | None
    counts: bool
    why: str
    repeats: bool = False


@dataclass(frozen=True)
class Reading:
    spans: tuple[Span, ...]
    events: int
    skipped: tuple[str, ...] = ()  # what could not be read within a good file, in words
    is_partial: bool = False  # whether one of those may have been an absence
    seen: tuple[SeenEvent, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Judgement:
    counts: bool
    why: str
    reason: str = ""


def parse_calendar(content: bytes) -> list[Calendar]:
    """The calendars of a file. Raises UnreadableCalendar, with the line where there is one."""
    return _parse(_text_of(content))


def _text_of(content: bytes) -> str:
    """The text of what is a calendar file at least from outside. Raises UnreadableCalendar."""
    if len(content) > MOST_BYTES:
        raise UnreadableCalendar(f"The calendar is larger than {MOST_BYTES // 2**20} MB.")
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").replace("\x00", "")
    if not text.strip():
        raise UnreadableCalendar("The file is empty.")
    if "BEGIN:VCALENDAR" not in text[:10_000].upper():
        first = text.strip().splitlines()[0][:60]
        raise UnreadableCalendar(
            "This is not a calendar file.", f"It begins with “{first}”, not with BEGIN:VCALENDAR."
        )
    if text.upper().count("BEGIN:VEVENT") > MOST_EVENTS:
        raise UnreadableCalendar(f"The calendar has more than {MOST_EVENTS:,} events.")
    if "END:VCALENDAR" not in text.upper():
        raise UnreadableCalendar("The file ends in the middle: END:VCALENDAR is missing.")
    return text


def _parse(text: str) -> list[Calendar]:
    try:
        found = Calendar.from_ical(text, multiple=True)
    except Exception as error:  # the library raises many kinds
        raise UnreadableCalendar(f"The calendar cannot be read: {_in_words(error, text)}") from error
    return [part for part in found if isinstance(part, Calendar)]


def _in_words(error: Exception, text: str) -> str:
    said = str(error).split("\n")[0][:200]
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare and bare[:40] in said:
            return f"line {number}: {said}"
        if bare and ":" not in bare and not line.startswith((" ", "\t")):
            return f"line {number} has no colon: “{bare[:60]}”"
    return said


def read_calendar(
    content: bytes, window: Window, settings: OutOfOffice, *, ran_out: Callable[[], bool] = NOTHING_RAN_OUT,
    explain: bool = False,
) -> Reading:  # fmt: skip
    """The spans of a file within the window. With `explain`, also what became of each event. Raises
    UnreadableCalendar."""
    text = _text_of(content)
    events = len(EVENT.findall(text))
    calendars = _parse(text if explain else without_what_cannot_count(text, settings))
    total = _SeriesReading()
    for calendar in calendars:
        zones = [part for part in calendar.subcomponents if part.name == "VTIMEZONE"]
        for series in _series(calendar):
            if ran_out():
                raise UnreadableCalendar("The calendar's repeating events take too long to work out.")
            total.add(_read_series(series, zones, window, settings))
            if len(total.spans) > MOST_OCCURRENCES:
                raise UnreadableCalendar(f"The calendar has more than {MOST_OCCURRENCES:,} absences ahead.")
    in_order = sorted(total.seen, key=lambda seen: (seen.starts_at is None, seen.starts_at or window.first))
    skipped = tuple(dict.fromkeys(total.skipped))
    return Reading(merge(total.spans), events, skipped, total.is_partial, tuple(in_order) if explain else ())


@dataclass
class _SeriesReading:
    """What one series gave, or several together."""

    spans: list[Span] = field(default_factory=list)
    seen: list[SeenEvent] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    is_partial: bool = False

    def add(self, other: "_SeriesReading") -> None:
        self.spans += other.spans
        self.seen += other.seen
        self.skipped += other.skipped
        self.is_partial |= other.is_partial


def _read_series(
    series: list[Component], zones: list[Component], window: Window, settings: OutOfOffice
) -> _SeriesReading:
    judged = [(event, judge(event, settings, window)) for event in series]
    wrong = next((text for text in map(_refusal, series) if text), "")
    if not any(judgement.counts for _, judgement in judged):
        return _SeriesReading(
            seen=[_uncounted(event, judgement, wrong, window) for event, judgement in judged]
        )
    if wrong:
        named = f"“{_title(series[0])}”: {wrong}" if settings.keeps_titles else wrong
        return _SeriesReading(skipped=[named], is_partial=wrong == NO_START)
    try:
        spans, seen = _expand(series, zones, window, settings)
    except Exception as error:  # what a file may do to the libraries has no end; the others of it still count
        said = str(error).split("\n")[0][:100] or type(error).__name__
        return _SeriesReading(skipped=[f"an event's times cannot be read ({said})"], is_partial=True)
    return _SeriesReading(spans, seen)


def without_what_cannot_count(text: str, settings: OutOfOffice) -> str:
    """The file without the series of which no event has a word or mark that counts: most of a calendar are meetings,
    and parsing them properly takes a hundred times as long as looking at their titles."""
    unfolded = FOLD.sub("", text)
    blocks = EVENT.findall(unfolded)
    may_count = set()
    for number, block in enumerate(blocks):
        title = SUMMARY.search(block)
        words = title[1].replace("\\", "") if title else ""
        upper = block.upper()
        if settings.reason_of(words) or any(mark in upper for mark in MARKS):
            may_count.add(_uid(block, number))
    numbers = itertools.count()
    return EVENT.sub(lambda found: found[0] if _uid(found[0], next(numbers)) in may_count else "", unfolded)


def _uid(block: str, number: int) -> str:
    found = UID.search(block)
    return found[1].strip() if found else f"without-{number}"


def judge(event: Component, settings: OutOfOffice, window: Window) -> Judgement:
    """Whether an event is one of being out of office, without its length."""
    title = _title(event)
    if _text(event, "STATUS") == "CANCELLED":
        return Judgement(False, "cancelled")
    if _declined(event, window.email):
        return Judgement(False, "declined")
    flagged = settings.counts_flags and _is_flagged(event)
    reason = settings.reason_of(title)
    if not flagged and not reason:
        return Judgement(False, "no word of those that count, and not marked as out of office")
    if not flagged and _text(event, "TRANSP") == "TRANSPARENT":
        return Judgement(False, "shown as free")
    if not flagged and any(_text(event, name) in ("FREE", "WORKINGELSEWHERE") for name in MICROSOFT_BUSY[:1]):
        return Judgement(False, "shown as free")
    tentative = _text(event, "STATUS") == "TENTATIVE" or _text(event, MICROSOFT_BUSY[0]) == "TENTATIVE"
    if tentative and not settings.counts_tentative:
        return Judgement(False, "tentative")
    why = "marked as out of office" if flagged else "its title says so"
    return Judgement(True, why, reason or "other")


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Overlapping and touching spans as one, in order."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.starts_at, span.ends_at, span.key)):
        if merged and span.starts_at <= merged[-1].ends_at:
            before = merged[-1]
            reason = min(before.reason, span.reason, key=REASONS_BY_WEIGHT.index)
            ends_at = max(before.ends_at, span.ends_at)
            merged[-1] = Span(before.starts_at, ends_at, reason, before.key, before.title or span.title)
        else:
            merged.append(span)
    return tuple(merged)


# --- one series ----------------------------------------------------------------------------------------------------


def _series(calendar: Calendar) -> Iterator[list[Component]]:
    """The events of one identifier together: a repeating one with what was changed in single occurrences."""
    found: dict[str, list[Component]] = {}
    for number, part in enumerate(calendar.subcomponents):
        if part.name == "VEVENT":
            found.setdefault(str(part.get("UID") or f"without-{number}"), []).append(part)
    yield from found.values()


def _expand(
    series: list[Component], zones: list[Component], window: Window, settings: OutOfOffice
) -> tuple[list[Span], list[SeenEvent]]:
    holder = Calendar()
    for part in (*zones, *series):
        holder.add_component(part)
    spans, seen = [], []
    # A day more on both sides: the library takes floating times for UTC.
    day = datetime.timedelta(days=1)
    for occurrence in recurring_ical_events.of(holder).between(window.first - day, window.last + day):
        judgement = judge(occurrence, settings, window)
        starts_at, ends_at, all_day = _times(occurrence, window.zone)
        if ends_at <= window.first or starts_at >= window.last:
            continue
        judgement = _by_length(judgement, ends_at - starts_at, all_day, settings)
        title = _title(occurrence)
        seen.append(
            SeenEvent(title, starts_at, ends_at, judgement.counts, judgement.why, "RRULE" in series[0])
        )
        if judgement.counts:
            kept = title[:200] if settings.keeps_titles else ""
            spans.append(Span(starts_at, ends_at, judgement.reason, _key(occurrence, starts_at), kept))
        if len(seen) > MOST_OCCURRENCES:
            break
    return spans, seen


def _by_length(
    judgement: Judgement, length: datetime.timedelta, all_day: bool, settings: OutOfOffice
) -> Judgement:
    if not judgement.counts:
        return judgement
    if settings.only_all_day and not all_day:
        return Judgement(False, "not all day")
    if length <= datetime.timedelta(0) or length < datetime.timedelta(minutes=settings.least_minutes):
        return Judgement(False, f"shorter than {settings.least_minutes} minutes")
    return judgement


def _times(event: Component, zone: zoneinfo.ZoneInfo) -> tuple[datetime.datetime, datetime.datetime, bool]:
    """Start and end in UTC, and whether the event is all day (also as Outlook says it)."""
    fields: Any = event
    start = fields["DTSTART"].dt
    end = fields["DTEND"].dt if "DTEND" in event else None
    if end is None:
        length = fields["DURATION"].dt if "DURATION" in event else None
        if length is None:
            length = datetime.timedelta(0 if isinstance(start, datetime.datetime) else 1)
        end = start + length
    is_date = not isinstance(start, datetime.datetime)
    all_day = is_date or _text(event, "X-MICROSOFT-CDO-ALLDAYEVENT") == "TRUE"
    return _moment(start, zone), _moment(end, zone), all_day


def _moment(value: datetime.date | datetime.datetime, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return value.astimezone(datetime.UTC)


def _refusal(event: Component) -> str:
    """Why the repetition of an event is not worked out; empty where it is."""
    rules: Any = event.get("RRULE")
    for rule in rules if isinstance(rules, list) else [rules] if rules else []:
        frequency = str((rule.get("FREQ") or [""])[0]).upper()
        if frequency not in FREQUENCIES:
            return f"it repeats {frequency.lower() or 'in a way that is not understood'}: not an absence"
        times = 1
        for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
            times *= max(1, len(rule.get(name) or []))
        if times > MOST_TIMES_A_DAY:
            return "it repeats many times a day: not an absence"
        if _is_empty(rule):
            return "it repeats on days that do not exist"
        if frequency != "YEARLY" and any(name in rule for name in ("BYYEARDAY", "BYWEEKNO")):
            return "its rule names days of the year, which it must not"
        if frequency in ("DAILY", "WEEKLY") and "BYSETPOS" in rule:
            return "its rule chooses among a day's or a week's days"
    start: Any = event.get("DTSTART")
    if not isinstance(start, icalendar.vDDDTypes):
        return NO_START
    return "" if getattr(start.dt, "year", 0) >= EARLIEST_YEAR else "it begins before 1900"


LONGEST_MONTH = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))


def _is_empty(rule: Any) -> bool:
    """Whether no month named has a day named: dateutil would look for one until the year 9999."""
    days = [abs(int(day)) for day in rule.get("BYMONTHDAY") or []]
    months = [int(month) for month in rule.get("BYMONTH") or []] or list(LONGEST_MONTH)
    if any(month not in LONGEST_MONTH for month in months) or any(not 1 <= day <= 31 for day in days):
        return True
    return bool(days) and min(days) > max(LONGEST_MONTH[month] for month in months)


def _uncounted(event: Component, judgement: Judgement, wrong: str, window: Window) -> SeenEvent:
    try:
        starts_at, ends_at, _ = _times(event, window.zone)
    except Exception:
        return SeenEvent(_title(event), None, None, False, "its times cannot be read")
    repeats = "RRULE" in event
    inside = ends_at > window.first and starts_at < window.last
    why = wrong or judgement.why
    return SeenEvent(
        _title(event), starts_at if inside else None, ends_at if inside else None, False, why, repeats
    )


def _title(event: Component) -> str:
    return " ".join(str(event.get("SUMMARY") or "").split())


def _text(event: Component, name: str) -> str:
    value: Any = event.get(name)
    return str(value[0] if isinstance(value, list) and value else value or "").strip().upper()


def _is_flagged(event: Component) -> bool:
    """Outlook's busy status, and the event type of Google and others where an export names it."""
    if any(_text(event, name) in OUT_OF_OFFICE for name in MICROSOFT_BUSY):
        return True
    return any(
        name.startswith("X-") and name.replace("-", "").endswith("EVENTTYPE")
        and _text(event, name).replace("_", "") in OUT_OF_OFFICE
        for name in event
    )  # fmt: skip


def _declined(event: Component, email: str) -> bool:
    if not email:
        return False
    attendees: Any = event.get("ATTENDEE") or []
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        address = str(attendee).casefold().removeprefix("mailto:")
        if address == email.casefold() and str(attendee.params.get("PARTSTAT", "")).upper() == "DECLINED":
            return True
    return False


def _key(event: Component, starts_at: datetime.datetime) -> str:
    name = f"{event.get('UID')}\n{starts_at.isoformat()}"
    return hashlib.sha256(name.encode()).hexdigest()[:40]
