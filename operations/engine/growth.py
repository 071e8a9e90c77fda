"""How fast something grows, and when the disk is full at that pace: straight lines, no more than two samples say."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from reps.engine.unavailable import Unavailable

WEEK, MONTH, YEAR = 7, 30, 365


@dataclass(frozen=True)
class Pace:
    """`days`: over how many it was measured, at most as many as were asked for."""

    bytes_per_day: float
    days: int


def pace(sizes: Mapping[datetime.date, int], days: int) -> Pace | Unavailable:
    """From the newest day back to the oldest that is not more than so many days before it."""
    if not sizes:
        return Unavailable("nothing was measured yet")
    last = max(sizes)
    first = min(day for day in sizes if (last - day).days <= days)
    if first == last:
        return Unavailable("it was measured on one day only")
    span = (last - first).days
    return Pace((sizes[last] - sizes[first]) / span, span)


def full_in_days(free_bytes: float, bytes_per_day: float) -> float | None:
    """None for what does not grow."""
    return free_bytes / bytes_per_day if bytes_per_day > 0 else None


def in_a_year(size_bytes: float, bytes_per_day: float) -> float:
    return max(size_bytes + YEAR * bytes_per_day, 0.0)
