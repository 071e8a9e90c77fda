"""Sequences that hold at every look: GrowthBook's published figures, coverage over simulated runs. No database."""

import math

import numpy as np
import pytest

from experiments.engine.anytime import lower_bound, tightest_at, two_sided


def test_published_figures_of_growthbook() -> None:
    """Means .46533 of 3,000 and .69980 of 3,461, relative lift by the delta method, narrowest at 5,000."""
    a, n_a, b, n_b = 1396 / 3000, 3000, 2422 / 3461, 3461
    lift = (b - a) / a
    variance = b * (1 - b) / n_b / a**2 + a * (1 - a) / n_a * b**2 / a**4
    found = two_sided(lift, math.sqrt(variance), n_a + n_b, narrowest_at=5000)
    assert (a, b) == pytest.approx((0.46533, 0.69980), abs=5e-6)
    assert lift == pytest.approx(0.50386, abs=5e-5)
    assert (found.low, found.high) == pytest.approx((0.40098, 0.60675), abs=5e-5)


def test_the_formulae_by_hand() -> None:
    """n = 400, n* = 100: r² = (5.99146 + ln 6.99146)/100 = .0793617, n r² + 1 = 32.74469."""
    rho = (5.991465 + math.log(6.991465)) / 100
    width = math.sqrt(2 * (400 * rho + 1) / (400**2 * rho) * math.log(math.sqrt(400 * rho + 1) / 0.05))
    found = two_sided(0.0, 1.0, 400, narrowest_at=100)
    assert found.high == pytest.approx(width * math.sqrt(400))
    assert found.high == pytest.approx(3.127, abs=1e-3)
    one = (-2 * math.log(0.1) + math.log(-2 * math.log(0.1) + 1)) / 100
    width = math.sqrt(2 * (400 * one + 1) / (400**2 * one) * math.log(1 + math.sqrt(400 * one + 1) / 0.1))
    assert lower_bound(0.0, 1.0, 400, narrowest_at=100) == pytest.approx(-width * math.sqrt(400))


def test_two_sided_is_narrowest_near_n_star() -> None:
    """In standard errors of that many units."""
    widths = [two_sided(0.0, 1.0, n, narrowest_at=1000).high for n in range(50, 8000, 50)]
    assert 900 <= 50 * (1 + int(np.argmin(widths))) <= 1100


def test_one_sided_is_closer_than_two_sided() -> None:
    assert lower_bound(0.0, 1.0, 500, narrowest_at=500) > two_sided(0.0, 1.0, 500, narrowest_at=500).low


@pytest.mark.parametrize("is_one_sided", [False, True])
def test_holds_at_every_look_of_a_run(is_one_sided: bool) -> None:
    """Means of 20 to 2,000 normal draws, looked at after each."""
    rng = np.random.default_rng(4)
    n = range(20, 2001)
    means = (np.cumsum(rng.normal(size=(2000, 2000)), axis=1) / np.arange(1, 2001))[:, 19:]
    if is_one_sided:
        reach = np.array([-lower_bound(0.0, 1 / math.sqrt(k), k, narrowest_at=500) for k in n])
        missed = (means > reach).any(axis=1).mean()
    else:
        reach = np.array([two_sided(0.0, 1 / math.sqrt(k), k, narrowest_at=500).high for k in n])
        missed = (np.abs(means) > reach).any(axis=1).mean()
    assert 0.005 < missed < 0.05


def test_narrowest_at_a_quarter_of_the_plan_and_nonsense_is_refused() -> None:
    assert tightest_at(2000) == 500
    assert tightest_at(0) == 1
    with pytest.raises(ValueError, match="units lie above 0"):
        two_sided(0.0, 1.0, 0, narrowest_at=5)
    with pytest.raises(ValueError, match="within 0 and 1"):
        lower_bound(0.0, 1.0, 10, narrowest_at=5, error=0.5)
