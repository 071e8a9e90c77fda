"""Differences, and intervals of one look. No database."""

import math

import pytest
from scipy import stats

from experiments.engine.effect import Effect, degrees_of, of_one_look, p_of_one_look


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
