"""Which days, team, source and kind the pages of gaps and credit look at."""

import datetime
from dataclasses import dataclass

from reps.models import Team


@dataclass(frozen=True)
class Chosen:
    """From a day to a day, both inclusive; "" and None are any."""

    first: datetime.date
    last: datetime.date
    team: Team | None = None
    source: str = ""
    kind: str = ""

    @property
    def weeks(self) -> float:
        return ((self.last - self.first).days + 1) / 7


def monday_of(day: datetime.date) -> datetime.date:
    return day - datetime.timedelta(days=day.weekday())


def mondays(first: datetime.date, last: datetime.date) -> list[datetime.date]:
    """Of every week that the days touch."""
    start, weeks = monday_of(first), (monday_of(last) - monday_of(first)).days // 7
    return [start + datetime.timedelta(weeks=week) for week in range(weeks + 1)]
