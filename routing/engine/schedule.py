"""When a batch runs: every full hour, or at times of day in a time zone; on every day or from Monday to Friday.

The next run is the earliest moment after the one given whose wall clock shows one of the times. A time that the clocks
skip in spring runs as much later as they jump (02:30 at 03:30); one that they show twice in autumn runs at its first.
No holidays: whoever is away on one is not proposed anything, and the proposals wait for the next morning anyway.
"""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

HOURLY, TWICE_DAILY, DAILY = "hourly", "twice_daily", "daily"
CADENCES = (HOURLY, TWICE_DAILY, DAILY)
SATURDAY = 5
HOURS_AHEAD = 24 * 4  # past any weekend
DAYS_AHEAD = 5


@dataclass(frozen=True)
class BatchSchedule:
    """`times` of day in `zone`, for all cadences but hourly. `expiry_hours`: after so many hours a proposal that nobody
    confirmed is withdrawn and waits for the next batch, or where the batch `confirms` itself is confirmed; None: it
    stays. `objective`: what the plan makes as large as it can."""

    cadence: str
    zone: str
    times: tuple[datetime.time, ...] = ()
    weekdays_only: bool = False
    expiry_hours: int | None = None
    objective: str = "value"
    confirms: bool = False

    def __post_init__(self) -> None:
        if self.cadence not in CADENCES:
            raise ValueError(f"there is no cadence “{self.cadence}”")
        if self.cadence != HOURLY and not self.times:
            raise ValueError("say at which times of day the batch runs")
        if self.cadence == TWICE_DAILY and len(set(self.times)) != 2:
            raise ValueError("twice a day takes two times")


def next_run(schedule: BatchSchedule, after: datetime.datetime) -> datetime.datetime:
    """The first run later than `after` (aware), in UTC."""
    zone = ZoneInfo(schedule.zone)
    if schedule.cadence == HOURLY:
        return _next_hour(schedule, after, zone)
    first = after.astimezone(zone).date()
    days = (first + datetime.timedelta(days=offset) for offset in range(DAYS_AHEAD))
    runs = (
        datetime.datetime.combine(day, time, zone).astimezone(datetime.UTC)
        for day in days
        if _runs_on(schedule, day)
        for time in schedule.times
    )
    return min(run for run in runs if run > after)


def _next_hour(schedule: BatchSchedule, after: datetime.datetime, zone: ZoneInfo) -> datetime.datetime:
    """Full hours of the wall clock, also where a zone lies half an hour off or jumps by half an hour."""
    moment = after.astimezone(datetime.UTC)
    for _ in range(HOURS_AHEAD):
        moment = _to_full_hour(moment, zone)
        if _runs_on(schedule, moment.astimezone(zone).date()):
            break
    return moment


def _to_full_hour(moment: datetime.datetime, zone: ZoneInfo) -> datetime.datetime:
    """The next moment at which the wall clock shows a full hour."""
    local = moment.astimezone(zone)
    past = datetime.timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    there = moment + datetime.timedelta(hours=1) - past
    off = there.astimezone(zone).minute  # the clock jumped by half an hour in between
    return there + datetime.timedelta(minutes=(60 - off) % 60)


def _runs_on(schedule: BatchSchedule, day: datetime.date) -> bool:
    return not schedule.weekdays_only or day.weekday() < SATURDAY


def in_words(schedule: BatchSchedule) -> str:
    """ "on weekdays at 09:00 and 14:00"."""
    days = "on weekdays" if schedule.weekdays_only else "daily"
    if schedule.cadence == HOURLY:
        return f"every hour{' on weekdays' if schedule.weekdays_only else ''}"
    times = [f"{time:%H:%M}" for time in sorted(schedule.times)]
    said = times[0] if len(times) == 1 else f"{', '.join(times[:-1])} and {times[-1]}"
    return f"{days} at {said}"
