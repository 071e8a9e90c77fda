"""The Poisson binomial distribution: by hand, against the binomial, and against enumeration."""

import itertools

import numpy as np
import pytest
from scipy.stats import binom

from analytics.engine.win_counts import between, pmf, tails


def test_two_chances_by_hand() -> None:
    assert pmf(np.array([0.5, 0.2])) == pytest.approx([0.4, 0.5, 0.1])


def test_equal_chances_are_the_binomial() -> None:
    assert pmf(np.full(20, 0.3)) == pytest.approx(binom.pmf(range(21), 20, 0.3))


def test_unequal_chances_are_what_enumeration_gives() -> None:
    p = np.array([0.1, 0.35, 0.5, 0.9, 0.62])
    counted = np.zeros(6)
    for outcome in itertools.product((0, 1), repeat=5):
        counted[sum(outcome)] += np.prod([q if won else 1 - q for q, won in zip(p, outcome, strict=True)])
    assert pmf(p) == pytest.approx(counted)


def test_tails_share_what_lies_on_the_count() -> None:
    assert tails(np.array([0.5, 0.2]), 0) == pytest.approx((0.2, 0.8))
    assert tails(np.array([0.5, 0.2]), 1) == pytest.approx((0.65, 0.35))


def test_many_chances_are_as_the_exact_ones() -> None:
    p = np.full(600, 0.4)  # a variance of 144: the normal distribution stands in
    assert tails(p, 215)[0] == pytest.approx(
        float(binom.cdf(214, 600, 0.4) + binom.pmf(215, 600, 0.4) / 2), abs=0.001
    )


@pytest.mark.parametrize("n", [1, 7, 40, 500])
def test_between_leaves_no_more_than_its_rest_outside(n: int) -> None:
    low, high = between(np.full(n, 0.3))
    assert binom.cdf(low - 1, n, 0.3) <= 0.026
    assert binom.sf(high, n, 0.3) <= 0.026


def test_between_of_nothing_is_nothing() -> None:
    assert between(np.zeros(0)) == (0, 0)
