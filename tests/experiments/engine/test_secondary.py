"""Secondary metrics. No database."""

import numpy as np
import pytest
from scipy import stats

from experiments.engine.effect import Interval
from experiments.engine.secondary import Secondary, Values, adjusted, compare, revenue
from reps.engine.unavailable import Unavailable


def compared(treatment: Values, control: Values) -> Secondary:
    found = compare("revenue", treatment, control, seed=1)
    assert isinstance(found, Secondary), found
    return found


def stub(name: str, p: float, difference: float = -1.0) -> Secondary:
    return Secondary(name, 1.0, 2.0, difference, Interval(-2.0, 0.0), p, p, 0.0, 0.0)


def test_revenue_is_per_assigned_lead_and_missing_is_not_nil() -> None:
    found = revenue(np.array([True, False, True, False]), np.array([100.0, 70.0, np.nan, np.nan]))
    assert found.value[[0, 1, 3]].tolist() == [100.0, 0.0, 0.0]
    assert np.isnan(found.value[2])
    assert found.share_missing == 0.25
    assert Values(np.array([])).share_missing == 0.0


def test_difference_of_means_with_its_interval() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(10, 3, 300), rng.normal(9, 3, 250)
    found = compared(Values(one), Values(other))
    assert (found.treatment, found.control) == pytest.approx((one.mean(), other.mean()))
    assert found.difference == pytest.approx(one.mean() - other.mean())
    assert found.p == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue, rel=0.1)
    error = np.hypot(one.std() / np.sqrt(300), other.std() / np.sqrt(250))
    assert found.interval.low == pytest.approx(found.difference - 1.96 * error, abs=0.1)
    assert found.interval.high == pytest.approx(found.difference + 1.96 * error, abs=0.1)


def test_same_seed_same_interval() -> None:
    rng = np.random.default_rng(2)
    one, other = Values(rng.exponential(5, 60)), Values(rng.exponential(5, 60))
    assert compared(one, other) == compared(one, other)


def test_missing_values_are_left_out_and_told() -> None:
    known = np.array([4.0, 5.0] * 30)
    found = compared(Values(np.concatenate([known, np.full(20, np.nan)])), Values(known - 1))
    assert (found.treatment, found.control) == pytest.approx((4.5, 3.5))
    assert (found.treatment_missing, found.control_missing) == (0.25, 0.0)


def test_accounts_that_repeat_themselves_tell_little() -> None:
    """Each of 30 accounts has the same value ten times: as much is known as from 30."""
    rng = np.random.default_rng(3)
    one, other = rng.normal(0, 1, 30), rng.normal(0.5, 1, 30)
    ids = np.repeat(np.arange(30), 10)
    clustered = compared(Values(np.repeat(one, 10), ids), Values(np.repeat(other, 10), ids))
    plain = compared(Values(one), Values(other))
    assert clustered.p == pytest.approx(plain.p)
    assert clustered.interval.low == pytest.approx(plain.interval.low)
    naive = compared(Values(np.repeat(one, 10)), Values(np.repeat(other, 10)))
    assert naive.p < clustered.p / 2


def test_holm() -> None:
    """.01 · 3, .02 · 2, then .04."""
    found = adjusted([stub("a", 0.04), stub("b", 0.01), stub("c", 0.02)])
    assert [one.name for one in found] == ["a", "b", "c"]
    assert [one.p_adjusted for one in found] == pytest.approx([0.04, 0.03, 0.04])
    assert all(one.is_worse for one in found)
    assert not stub("d", 0.001, difference=1.0).is_worse
    assert not stub("e", 0.06).is_worse
    assert adjusted([]) == []


def test_too_few_or_all_the_same() -> None:
    few = Values(np.arange(19.0))
    many = Values(np.arange(40.0))
    assert compare("x", few, many, seed=1) == Unavailable("fewer than 20 values in an arm")
    assert compare("x", many, Values(np.full(40, np.nan)), seed=1) == Unavailable(
        "fewer than 20 values in an arm"
    )
    same = Values(np.zeros(40))
    assert compare("x", same, same, seed=1) == Unavailable("all values of both arms are the same")
