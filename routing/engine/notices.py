"""When a message may leave: quiet hours, the digest's hour, and how long to wait after a failure.

Local times are what a clock on the wall shows, so a night that loses an hour (summer time) is shorter. A local time
that the clocks skip stands for as much later; one that they show twice for its first occurrence that lies ahead.
Nothing here knows the present: the moment is an argument.
"""

import datetime
import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

FIRST_RETRY = datetime.timedelta(seconds=10)
LONGEST_RETRY = datetime.timedelta(hours=1)
MOST_ATTEMPTS = 32  # 9 that double and 22 hourly waits between them: about a day
JITTER = 0.1  # of the wait, to either side, so that what failed together does not come back together
WEEK = 7


@dataclass(frozen=True)
class Quiet:
    """From `starts` until `ends` (past midnight where `ends` is earlier), and all of the weekdays `days` (Monday 0)."""

    starts: datetime.time | None = None
    ends: datetime.time | None = None
    days: frozenset[int] = frozenset()


def quiet_until(at: datetime.datetime, zone: ZoneInfo, quiet: Quiet) -> datetime.datetime:
    """The first moment from `at` on that is not quiet; `at` itself where it is not. A week that is quiet throughout
    ends after eight days, so that nothing waits for ever."""
    moment = at
    for _ in range(2 * (WEEK + 1)):
        end = _end_of_quiet(moment, zone, quiet)
        if end is None:
            break
        moment = end
    return moment


def _end_of_quiet(at: datetime.datetime, zone: ZoneInfo, quiet: Quiet) -> datetime.datetime | None:
    local = at.astimezone(zone)
    if local.weekday() in quiet.days:
        return _ahead(local.date() + datetime.timedelta(days=1), datetime.time.min, zone, at)
    starts, ends, now = quiet.starts, quiet.ends, local.time()
    if starts is None or ends is None or starts == ends:
        return None
    if starts < ends:
        return _ahead(local.date(), ends, zone, at) if starts <= now < ends else None
    if now >= starts:
        return _ahead(local.date() + datetime.timedelta(days=1), ends, zone, at)
    return _ahead(local.date(), ends, zone, at) if now < ends else None


def _ahead(
    day: datetime.date, time: datetime.time, zone: ZoneInfo, at: datetime.datetime
) -> datetime.datetime:
    """The moment of a local time; its second occurrence where the clocks go back and the first is over."""
    first = datetime.datetime.combine(day, time, zone).astimezone(datetime.UTC)
    if first > at:
        return first
    return datetime.datetime.combine(day, time.replace(fold=1), zone).astimezone(datetime.UTC)


@dataclass(frozen=True)
class Slot:
    """One time at which a digest is due: its moment, and the local day that it belongs to."""

    at: datetime.datetime
    day: datetime.date


def last_slot(
    at: datetime.datetime, zone: ZoneInfo, time: datetime.time, days: Collection[int]
) -> Slot | None:
    """The newest time up to `at` at which a digest was due; None where no weekday is chosen."""
    today = at.astimezone(zone).date()
    for back in range(WEEK + 1):
        day = today - datetime.timedelta(days=back)
        due = datetime.datetime.combine(day, time, zone).astimezone(datetime.UTC)
        if day.weekday() in days and due <= at:
            return Slot(due, day)
    return None


def retry_after(attempts: int, key: uuid.UUID) -> datetime.timedelta:
    """How long to wait after so many failed attempts (from 1 on): doubled each time up to an hour, moved by the key."""
    doubled: int = 2 ** min(max(attempts, 1) - 1, 20)
    wait = min(FIRST_RETRY * doubled, LONGEST_RETRY)
    drawn = hashlib.sha256(f"{key}:{attempts}".encode()).digest()
    share = int.from_bytes(drawn[:4], "big") / 2**32
    return wait * (1 - JITTER + 2 * JITTER * share)
