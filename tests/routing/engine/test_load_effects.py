"""First touch and win rate by load: worked examples, known truths, and what must not be said."""

import itertools

import numpy as np
import pytest

from reps.engine.capacity import BandBounds, room_this_week
from reps.engine.unavailable import Unavailable
from routing.engine.load_effects import (
    Assignments,
    Supported,
    by_band,
    by_load,
    loads_before,
    maximum_for,
    median_touch,
    supported_load,
    win_rate,
)


def made(n: int, seed: int, *, slower_from: int = 99, worse_from: int = 99, most: int = 30) -> Assignments:
    """Loads 0 to `most`; touch 2 h at the median, 6 h from a load on; half won, a fifth from a load on."""
    rng = np.random.default_rng(seed)
    load = rng.integers(0, most + 1, n)
    hours = rng.exponential(2 / np.log(2), n) * np.where(load >= slower_from, 3, 1)
    won = (rng.random(n) < np.where(load >= worse_from, 0.2, 0.5)).astype(float)
    return Assignments(load, np.minimum(hours, 48), hours < 48, won)


def test_loads_before_are_counted_per_rep() -> None:
    start = np.array([0.0, 1.0, 2.0, 5.0, 0.0, 3.0])
    end = np.array([4.0, np.inf, 3.0, np.inf, np.inf, np.inf])
    rep = np.array([1, 1, 1, 1, 2, 2])
    # rep 1: none, one, two; at 5 the first (over at 4) and the third (over at 3) are gone
    assert loads_before(start, end, rep).tolist() == [0, 1, 2, 1, 0, 1]


def test_median_counts_the_untouched_as_longer() -> None:
    hours = np.array([1.0, 2.0, 3.0, 4.0, 9.0, 9.0])
    touched = np.array([True, True, True, True, False, False])
    part = Assignments(np.zeros(6, dtype=np.int64), hours, touched, np.full(6, np.nan))
    assert median_touch(part).value == 3.0  # half of six within 3 hours, though only four were ever touched
    never = Assignments(part.load, hours, np.zeros(6, dtype=bool), part.won)
    assert (median_touch(never).value, median_touch(never).of) == (None, 6)


def test_median_interval_covers_the_truth() -> None:
    inside = 0
    for seed in range(200):
        found = median_touch(made(80, seed))
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 2.0 <= found.high
    assert 180 <= inside <= 199


def test_win_rate_is_wilsons() -> None:
    won = np.array([1.0] * 9 + [0.0] * 5 + [np.nan] * 6)
    part = Assignments(np.zeros(20, dtype=np.int64), np.ones(20), np.ones(20, dtype=bool), won)
    found = win_rate(part)
    assert found.of == 14
    assert found.value == pytest.approx(9 / 14)
    assert found.low == pytest.approx(0.3876, abs=1e-3)  # E. B. Wilson, JASA 1927
    assert found.high == pytest.approx(0.8366, abs=1e-3)


def test_bands_follow_the_maximum_that_is_tried() -> None:
    load = np.arange(0, 31)
    part = Assignments(load, np.ones(31), np.ones(31, dtype=bool), np.ones(31))
    assert [group.count for group in by_band(part, 20, BandBounds())] == [15, 4, 2, 10]
    assert [group.count for group in by_band(part, 30, BandBounds())] == [22, 6, 3, 0]


def test_groups_cover_everything_in_order() -> None:
    part = made(1000, 3)
    groups = by_load(part)
    assert sum(group.count for group in groups) == 1000
    assert all(a.most < b.least for a, b in itertools.pairwise(groups))
    assert by_load(part.part(np.zeros(1000, dtype=bool))) == []


@pytest.mark.parametrize("seed", range(5))
def test_finds_where_the_first_touch_gets_slower(seed: int) -> None:
    found = supported_load(made(2000, seed, slower_from=20))
    assert isinstance(found, Supported)
    assert found.because == "touch"
    assert 15 <= found.load <= 23  # the groups are four loads wide


@pytest.mark.parametrize("seed", range(5))
def test_finds_where_less_is_won(seed: int) -> None:
    found = supported_load(made(2000, seed, worse_from=16))
    assert isinstance(found, Supported)
    assert found.because == "wins"
    assert 11 <= found.load <= 19


@pytest.mark.slow
def test_seldom_finds_anything_where_there_is_nothing() -> None:
    found = [supported_load(made(1000, seed)) for seed in range(200)]
    wrong = sum(isinstance(one, Supported) and one.because != "" for one in found)
    assert wrong <= 10


def test_too_little_says_so() -> None:
    assert isinstance(supported_load(made(60, 1)), Unavailable)
    assert isinstance(supported_load(made(0, 1)), Unavailable)


def test_the_maximum_for_a_load_lets_it_in_and_the_next_not() -> None:
    assert maximum_for(18, BandBounds()) == 20  # 18 of 20 is 90 %
    assert maximum_for(19, BandBounds()) == 22  # 19 of 21 is past it
    assert maximum_for(0, BandBounds()) == 1


@pytest.mark.parametrize(
    ("committed", "maximum", "week", "cap", "room"),
    [
        (0, 10, 0, 15, 10),  # 9 of 10 is 90 %: that load still takes one
        (9, 10, 0, 15, 1),
        (10, 10, 0, 15, 0),
        (0, 25, 14, 15, 1),
        (0, 25, 20, 15, 0),
        (22, 24, 0, 15, 0),  # 91.7 %
        (0, 0, 0, 15, 0),
    ],
)
def test_room_this_week(committed: int, maximum: int, week: int, cap: int, room: int) -> None:
    assert room_this_week(committed, maximum, week, cap) == room
