"""The skill of the reps that control's leads receive. No database."""

import numpy as np
import pytest

from experiments.engine.interference import Received, Shift, shift
from reps.engine.unavailable import Unavailable


def drawn(seed: int, weeks: int, mean: float, first: int = 0) -> Received:
    """50 leads a week; rosters move the week's mean by .01."""
    rng = np.random.default_rng(seed)
    week = np.repeat(np.arange(first, first + weeks), 50)
    return Received(week, rng.normal(mean, 0.1, 50 * weeks) + rng.normal(0, 0.01, weeks)[week - first])


def shifted(before: Received, during: Received) -> Shift:
    found = shift(before, during)
    assert isinstance(found, Shift), found
    return found


def test_worked_example() -> None:
    before = Received(np.array([1, 1, 2, 2, 3, 3]), np.array([0.3, 0.5, 0.4, 0.4, 0.4, 0.4]))
    during = Received(np.array([4, 5, 6]), np.array([0.2, 0.1, 0.3]))
    found = shifted(before, during)
    assert (found.before, found.during, found.difference) == pytest.approx((0.4, 0.2, -0.2))
    assert before.by_week() == [(1, 0.4), (2, 0.4), (3, 0.4)]


def test_no_change_is_seldom_flagged() -> None:
    flags = sum(shifted(drawn(i, 12, 0.4), drawn(1000 + i, 6, 0.4, 12)).is_flagged for i in range(500))
    assert flags <= 14  # 5 are to be expected


def test_a_drop_of_half_a_standard_deviation_is_nearly_always_flagged() -> None:
    flags = sum(shifted(drawn(i, 12, 0.4), drawn(1000 + i, 6, 0.35, 12)).is_flagged for i in range(100))
    assert flags >= 95


def test_a_rise_is_not_flagged() -> None:
    assert not shifted(drawn(1, 12, 0.4), drawn(2, 6, 0.5, 12)).is_flagged


def test_equal_skills_throughout() -> None:
    weeks = np.array([1, 2, 3])
    same = Received(weeks, np.full(3, 0.4))
    assert shifted(same, Received(weeks + 3, np.full(3, 0.4))).is_flagged is False
    assert shifted(same, Received(weeks + 3, np.full(3, 0.3))).is_flagged is True


def test_too_few_weeks() -> None:
    assert shift(drawn(1, 12, 0.4), drawn(2, 2, 0.4)) == Unavailable(
        "2 weeks of leads during the experiment; 3 are needed"
    )
    assert shift(drawn(1, 2, 0.4), drawn(2, 6, 0.4)) == Unavailable(
        "2 weeks of leads before the experiment; 3 are needed"
    )
