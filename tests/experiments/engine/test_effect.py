"""Differences, and intervals of one look. No database."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.engine.effect import ArmEstimate, Effect, degrees_of, difference, of_one_look, p_of_one_look


def test_one_look_is_the_normal_interval() -> None:
    found = of_one_look(Effect(0.05, 0.02))
    assert (found.low, found.high) == pytest.approx(
        (0.05 - 1.959964 * 0.02, 0.05 + 1.959964 * 0.02), abs=1e-7
    )
    assert p_of_one_look(Effect(0.05, 0.02)) == pytest.approx(0.012419, abs=1e-6)


def test_few_clusters_follow_t() -> None:
    effect = Effect(-0.05, 0.02, degrees=12.0)
    assert p_of_one_look(effect) == pytest.approx(2 * stats.t.sf(2.5, 12))
    assert of_one_look(effect).low == pytest.approx(-0.05 - stats.t.isf(0.025, 12) * 0.02)


def test_z_of_t_far_out_stays_finite() -> None:
    far = Effect(5.0, 0.01, degrees=30.0)
    assert 10 < far.z < 500
    assert Effect(-5.0, 0.01, degrees=30.0).z == -far.z


def test_degrees_of_freedom() -> None:
    assert degrees_of(None, 20) == math.inf
    assert degrees_of(30, 30) == math.inf
    assert degrees_of(30, 29) == 57
    assert degrees_of(1, 1) == 1


def test_arms_as_large_add_their_variances() -> None:
    assert differing(ArmEstimate(0.25, 0.03, 200), ArmEstimate(0.2, 0.04, 200)) == pytest.approx(0.05)


def test_a_small_arm_that_seems_sure_is_not_believed() -> None:
    """(100² · .02² + 900² · .0133²)/1,000 · (1/100 + 1/900)."""
    small, large = ArmEstimate(0.04, 0.02, 100), ArmEstimate(0.2, 0.0133, 900)
    expected = math.sqrt((4 + 900**2 * 0.0133**2) / 1000 * (1 / 100 + 1 / 900))
    assert differing(small, large) == pytest.approx(expected)
    assert differing(large, small) == pytest.approx(expected)
    assert differing(ArmEstimate(0.0, 0.0, 100), large) > 0.03


def test_a_small_arm_that_is_unsure_is_believed() -> None:
    small, large = ArmEstimate(0.3, 0.05, 100), ArmEstimate(0.05, 0.007, 900)
    assert differing(small, large) == pytest.approx(math.hypot(0.05, 0.007))


@pytest.mark.parametrize(("treated", "control"), [(100, 900), (900, 100), (200, 800)])
def test_uneven_arms_err_no_more_than_they_may(treated: int, control: int) -> None:
    """One look at two binomials of .1; plain errors alone err in 6 to 7 of 100 runs, nearly all on one side."""
    rng = np.random.default_rng(7)
    p1, p0 = rng.binomial(treated, 0.1, 4000) / treated, rng.binomial(control, 0.1, 4000) / control
    called = [
        abs(effect.z) > 1.96
        for a, b in zip(p1.tolist(), p0.tolist(), strict=True)
        if isinstance(effect := difference(share(a, treated), share(b, control)), Effect)
    ]
    assert 0.02 < np.mean(called) < 0.055


def share(p: float, n: int) -> ArmEstimate:
    return ArmEstimate(p, math.sqrt(p * (1 - p) / n), n)


def differing(treatment: ArmEstimate, control: ArmEstimate) -> float:
    found = difference(treatment, control)
    assert isinstance(found, Effect), found
    return found.standard_error


def test_a_tail_beyond_all_numbers_is_still_one() -> None:
    assert 37 < Effect(1e12, 1.0, 58).z < 38
    assert Effect(-1e12, 1.0, 58).z == -Effect(1e12, 1.0, 58).z
