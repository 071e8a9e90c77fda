"""Which backups are kept: the newest of each of the last days and of the last weeks that have one, by UTC."""

import datetime
from collections.abc import Iterable


def kept(made: Iterable[datetime.datetime], *, daily: int, weekly: int) -> frozenset[datetime.datetime]:
    """The newest of all is kept whatever the numbers are."""
    newest_first = sorted(made, reverse=True)
    days: dict[datetime.date, datetime.datetime] = {}
    weeks: dict[tuple[int, int], datetime.datetime] = {}
    for one in newest_first:
        days.setdefault(one.date(), one)
        weeks.setdefault(one.isocalendar()[:2], one)
    return frozenset([*newest_first[:1], *list(days.values())[:daily], *list(weeks.values())[:weekly]])
