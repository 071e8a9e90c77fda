"""Alarms of weekly figures: how seldom by chance, how soon where something fell, and when they end."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from analytics.engine.alarms import Week, beyond, off, plateau, turned
from analytics.engine.shares import Share

YEARS = 300
ONE_IN_TEN = 0.1


def weeks_of(values: Iterable[float]) -> list[Week]:
    return [Week(float(value), 1.0) for value in values]


def ever(weeks: Sequence[Any], look: Callable[[Any], object], first: int) -> bool:
    """Whether somebody who looks each week is alarmed in any."""
    return any(look(weeks[:end]) is not None for end in range(first, len(weeks) + 1))


@pytest.mark.parametrize("lift", [0.0, 1.0])
def test_turned_is_rare_while_nothing_changes(lift: float) -> None:
    rng = np.random.default_rng(1)
    alarms = sum(ever(weeks_of(lift + rng.normal(size=52)), turned, 9) for _ in range(YEARS))
    assert alarms / YEARS <= ONE_IN_TEN


def test_off_and_plateau_are_rare_while_nothing_changes() -> None:
    rng = np.random.default_rng(2)
    years = [rng.normal(size=52) for _ in range(YEARS)]
    assert sum(ever(list(year), off, 2) for year in years) / YEARS <= ONE_IN_TEN
    assert sum(ever(weeks_of(year), plateau, 24) for year in years) / YEARS <= ONE_IN_TEN


def test_plateau_is_rare_while_the_lift_grows_on() -> None:
    rng = np.random.default_rng(3)
    grows = 0.2 * np.arange(52)
    alarms = sum(ever(weeks_of(grows + rng.normal(size=52)), plateau, 24) for _ in range(YEARS))
    assert alarms / YEARS <= 0.12


@pytest.mark.parametrize(("drop", "median"), [(2.0, 4), (1.5, 7)])
def test_a_fall_is_found_within_weeks(drop: float, median: int) -> None:
    rng = np.random.default_rng(4)
    delays = []
    for _ in range(150):
        values = 1 + rng.normal(size=60)
        values[26:] -= drop
        weeks = weeks_of(values)
        delays.append(next((end - 26 for end in range(27, 61) if turned(weeks[:end])), 99))
    assert float(np.median(delays)) <= median


def test_turned_by_hand() -> None:
    """Ten weeks at 1, then −3 each: a residual is cut at −3, so each week adds 2.5; above 5 with the third."""
    weeks = weeks_of([1.0] * 10 + [-4.0] * 3)
    assert turned(weeks[:12]) is None
    found = turned(weeks)
    assert found is not None
    assert (found.since, found.before, found.now, found.is_below_nothing) == (10, 1.0, -4.0, True)
    assert found.before_error == pytest.approx(10**-0.5)


def test_turned_ends_when_the_lift_is_back() -> None:
    fell = [2.0] * 10 + [-2.0] * 4
    assert turned(weeks_of(fell)) is not None
    assert turned(weeks_of([*fell, 2.0, 2.0, 2.0])) is not None
    assert turned(weeks_of([*fell, 2.0, 2.0, 2.0, 2.0])) is None


def test_turned_ends_when_the_new_level_has_become_the_usual_one() -> None:
    fell = [4.0] * 10 + [1.0] * 26
    assert turned(weeks_of(fell)) is not None
    assert turned(weeks_of([*fell, *[1.0] * 12])) is None


def test_one_odd_week_does_not_speak_alone() -> None:
    assert turned(weeks_of([1.0] * 12 + [-50.0] + [1.0])) is None


def test_a_lift_below_nothing_from_the_start_is_found() -> None:
    found = turned(weeks_of([-1.5] * 6))
    assert found is not None
    assert found.is_below_nothing


def test_off_either_way_and_since_when() -> None:
    assert off([0.0] * 5 + [2.0] * 4) == 5
    assert off([0.0] * 5 + [-2.0] * 4) == 5
    assert off([0.0] * 5 + [2.0] * 3) is None
    assert off([]) is None


def test_off_ends_when_forecasts_hold_again() -> None:
    wrong = [0.0] * 5 + [2.0] * 10
    assert off(wrong) is not None
    assert off([*wrong, *[0.0] * 20]) is None


def test_plateau_by_hand() -> None:
    grown = [0.5 * week for week in range(20)]
    assert plateau(weeks_of([*grown, *[10.0] * 12])) is not None
    assert plateau(weeks_of([*grown, *[10.0 + 0.5 * week for week in range(12)]])) is None
    assert plateau(weeks_of([5.0] * 32)) is None  # never grew
    assert plateau(weeks_of(grown)) is None  # too few


class TestBeyond:
    over, under, few = Share(60, 200), Share(10, 200), Share(2, 8)

    def test_needs_two_weeks_that_are_not_chance(self) -> None:
        assert beyond([self.under, self.over, self.over], 0.15, above=True, is_open=False)
        assert not beyond([self.over, self.under], 0.15, above=True, is_open=False)
        assert not beyond([self.over, self.few], 0.15, above=True, is_open=False)
        assert not beyond([self.over], 0.15, above=True, is_open=False)

    def test_goes_on_while_both_together_are(self) -> None:
        assert beyond([self.over, self.few], 0.15, above=True, is_open=True)
        assert not beyond([Share(30, 200), Share(30, 200)], 0.15, above=True, is_open=True)

    def test_below(self) -> None:
        assert beyond([self.over, self.over], 0.85, above=False, is_open=False)
        assert not beyond([Share(190, 200), Share(190, 200)], 0.85, above=False, is_open=False)
        assert not beyond([Share(0, 0), Share(0, 0)], 0.85, above=False, is_open=False)
