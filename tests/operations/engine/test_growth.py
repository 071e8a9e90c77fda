"""How fast something grows: worked examples."""

import datetime

import pytest

from operations.engine.growth import Pace, full_in_days, in_a_year, pace
from reps.engine.unavailable import Unavailable

DAY = datetime.date(2026, 3, 10)


def sizes(*days_ago_and_size: tuple[int, int]) -> dict[datetime.date, int]:
    return {DAY - datetime.timedelta(days=ago): size for ago, size in days_ago_and_size}


def test_the_pace_is_that_of_the_period() -> None:
    measured = sizes((0, 1_000), (7, 300), (20, 100), (40, 0))
    assert pace(measured, 7) == Pace(100.0, 7)
    assert pace(measured, 30) == Pace(45.0, 20)


def test_what_was_measured_for_less_says_over_how_long() -> None:
    assert pace(sizes((0, 90), (2, 30)), 7) == Pace(30.0, 2)


def test_what_shrinks_has_a_pace_below_zero() -> None:
    assert pace(sizes((0, 30), (3, 90)), 7) == Pace(-20.0, 3)


def test_too_little_says_why() -> None:
    assert pace({}, 7) == Unavailable("nothing was measured yet")
    assert pace(sizes((0, 1), (8, 1)), 7) == Unavailable("it was measured on one day only")


@pytest.mark.parametrize(
    ("free", "a_day", "days"), [(300, 10, 30.0), (0, 10, 0.0), (300, 0, None), (300, -5, None)]
)
def test_when_the_disk_is_full(free: int, a_day: int, days: float | None) -> None:
    assert full_in_days(free, a_day) == days


def test_a_year_ahead() -> None:
    assert in_a_year(1_000, 10) == 4_650
    assert in_a_year(1_000, -10) == 0
