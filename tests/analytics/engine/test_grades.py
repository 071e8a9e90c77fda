"""Choices graded: sums by hand, and reasons that keep winning with all judged together."""

import numpy as np
import pytest

from analytics.engine.grades import grade, keep_winning

NONE = np.zeros(0)


def test_wins_are_held_against_both_forecasts() -> None:
    one = grade(5, np.array([True, True, False]), np.array([0.5, 0.4, 0.2]), np.array([0.6, 0.3, 0.3]))
    assert (one.made, one.closed, one.won) == (5, 3, 2)
    assert (one.chosen, one.router) == pytest.approx((1.1, 1.2))
    assert one.verdict == "within chance"


def test_nothing_closed_says_so() -> None:
    assert grade(4, NONE.astype(bool), NONE, NONE).verdict == "nothing closed yet"


def test_only_clear_and_frequent_reasons_keep_winning() -> None:
    clear = grade(12, np.arange(12) < 10, np.full(12, 0.4), np.full(12, 0.4))
    plain = grade(12, np.arange(12) < 5, np.full(12, 0.4), np.full(12, 0.4))
    few = grade(7, np.ones(7, dtype=bool), np.full(7, 0.3), np.full(7, 0.3))
    assert set(keep_winning({"clear": clear, "plain": plain, "few": few})) == {"clear"}


def test_without_any_truth_few_worlds_have_a_reason() -> None:
    rng = np.random.default_rng(7)
    found = 0
    for _ in range(300):
        p = rng.uniform(0.2, 0.6, (6, 15))
        won = rng.random((6, 15)) < p
        found += bool(keep_winning({n: grade(15, won[n], p[n], p[n]) for n in range(6)}))
    assert found / 300 <= 0.12
