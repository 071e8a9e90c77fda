"""First touch: rank test, quantiles, the share in time. No database."""

import numpy as np
import pytest
from scipy import stats

from experiments.engine.effect import ArmEstimate, Effect
from experiments.engine.first_touch import (
    Quantile,
    RankTest,
    Untouched,
    compare,
    quantile,
    rank_test,
    touched_within,
    untouched,
)
from experiments.engine.incidence import Floats, Followed, Ints
from reps.engine.unavailable import Unavailable


def waited(minutes: Floats, outcome: Ints) -> Followed:
    """All assigned long ago."""
    days = minutes / 1440
    return Followed(days, outcome, np.maximum(days, 30.0))


def ranked(found: RankTest | Unavailable) -> RankTest:
    assert isinstance(found, RankTest), found
    return found


def test_published_log_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """R, by way of statsmodels' tests. So few say nothing by our own rule."""
    one = waited(np.array([3, 1, 2, 3, 2, 1, 5, 3.0]), np.array([0, 1, 1, 1, 0, 0, 1, 0]))
    other = waited(np.array([1, 1, 2, 3, 7, 1, 5, 3, 9.0]), np.array([0, 1, 0, 0, 1, 0, 1, 0, 1]))
    assert rank_test(one, other) == Unavailable("fewer than 5 touched in an arm")
    monkeypatch.setattr("experiments.engine.first_touch.LEAST_EVENTS", 1)
    found = ranked(rank_test(one, other, weight=None))
    assert found.statistic == pytest.approx(2.14673, abs=5e-6)
    assert found.p == pytest.approx(0.14287, abs=5e-6)


def test_rank_test_without_censoring_is_wilcoxons() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.exponential(30, 80), rng.exponential(45, 90)
    found = ranked(rank_test(waited(one, np.ones(80, int)), waited(other, np.ones(90, int))))
    theirs = stats.mannwhitneyu(one, other, use_continuity=False, method="asymptotic")
    assert found.p == pytest.approx(theirs.pvalue, rel=0.1)


def test_share_in_time_counts_the_untouched() -> None:
    """60 within the bound, 20 after it, 20 ended untouched."""
    minutes = np.array([5.0] * 60 + [500.0] * 20 + [100.0] * 20)
    arm = waited(minutes, np.array([1] * 80 + [2] * 20))
    found = touched_within(arm, 240)
    assert isinstance(found, ArmEstimate)
    assert (found.value, found.standard_error) == pytest.approx((0.6, np.sqrt(0.6 * 0.4 / 100)))
    assert untouched(arm) == Untouched(20, 100)
    assert untouched(arm).share == 0.2


def test_sooner_is_above_nil() -> None:
    rng = np.random.default_rng(2)
    sooner, later = rng.exponential(100, 300), rng.exponential(200, 300)
    arms = waited(sooner, np.ones(300, int)), waited(later, np.ones(300, int))
    found = compare(*arms, 240)
    assert isinstance(found, Effect)
    assert found.value == pytest.approx(np.mean(sooner <= 240) - np.mean(later <= 240))
    assert found.value > 0.1
    assert ranked(rank_test(*arms)).p < 0.001


def test_all_waited_equally_long() -> None:
    same = waited(np.full(60, 5.0), np.ones(60, int))
    assert rank_test(same, same) == Unavailable("all waited equally long")


def test_quantiles_in_minutes() -> None:
    arm = waited(np.arange(1.0, 100.0), np.ones(99, int))
    found = quantile(arm)
    assert (found.minutes, found.low, found.high) == pytest.approx((50, 40, 60), abs=1)
    assert quantile(arm, 0.9).minutes == pytest.approx(90, abs=1)


def test_quantile_beyond_the_data() -> None:
    arm = waited(np.full(100, 50.0), np.array([1] * 20 + [2] * 80))
    assert quantile(arm).minutes is None
    assert quantile(waited(np.full(5, 50.0), np.zeros(5, int))) == Quantile(0.5, None, None, None)
    assert untouched(waited(np.full(5, 50.0), np.zeros(5, int))).share is None
