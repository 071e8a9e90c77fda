"""Stages are combined, never pooled. No database."""

import math

import numpy as np
import pytest

from experiments.engine.effect import ArmEstimate, Effect, difference
from experiments.engine.incidence import Followed, won_within
from experiments.engine.stages import Combined, StageEffect, combined
from reps.engine.unavailable import Unavailable

RAMP = [(0.1, 0.18), (0.5, 0.20), (0.9, 0.22)]  # split and base rate of the stage: the treatment does nothing


def together(stages: list[StageEffect]) -> Combined:
    found = combined(stages)
    assert isinstance(found, Combined), found
    return found


def of_shares(n1: int, x1: float, n0: int, x0: float) -> Effect:
    p1, p0 = x1 / n1, x0 / n0
    found = difference(
        ArmEstimate(p1, math.sqrt(p1 * (1 - p1) / n1), n1), ArmEstimate(p0, math.sqrt(p0 * (1 - p0) / n0), n0)
    )
    assert isinstance(found, Effect)
    return found


def test_weights_worked() -> None:
    """Weights 9 and 25: (9 · .10 + 25 · .02) / 34, errors √((9 · .05)² + (25 · .03)²) / 34."""
    found = together(
        [StageEffect(10, 90, Effect(0.10, 0.05)), StageEffect(50, 50, Effect(0.02, 0.03))],
    )
    assert found.effect.value == pytest.approx(1.4 / 34)
    assert found.effect.standard_error == pytest.approx(math.sqrt(0.45**2 + 0.75**2) / 34)
    assert (found.used, found.left_out, found.effect.degrees) == (2, 0, math.inf)


def test_pooling_a_moving_base_misleads_and_stages_do_not() -> None:
    """1,000 in each stage, exactly at the base rates: pooled, treatment is ahead by 2.1 points."""
    stages, totals = [], np.zeros(4)
    for split, base in RAMP:
        n1, n0 = round(1000 * split), round(1000 * (1 - split))
        stages.append(StageEffect(n1, n0, of_shares(n1, base * n1, n0, base * n0)))
        totals += [n1, base * n1, n0, base * n0]
    pooled = of_shares(int(totals[0]), totals[1], int(totals[2]), totals[3])
    assert pooled.value == pytest.approx(0.02133, abs=1e-5)
    found = together(stages).effect
    assert found.value == pytest.approx(0.0, abs=1e-12)


def test_no_more_false_winners_than_asked_for() -> None:
    """1,000 in each stage of a ramp without an effect: pooling declares a winner in 31 % of runs."""
    rng = np.random.default_rng(2)
    pooled = staged = 0
    for _ in range(1000):
        stages, totals = [], np.zeros(4)
        for split, base in RAMP:
            n1, n0 = round(1000 * split), round(1000 * (1 - split))
            x1, x0 = rng.binomial(n1, base), rng.binomial(n0, base)
            stages.append(StageEffect(n1, n0, of_shares(n1, x1, n0, x0)))
            totals += [n1, x1, n0, x0]
        pooled += abs(of_shares(int(totals[0]), totals[1], int(totals[2]), totals[3]).z) > 1.96
        staged += abs(together(stages).effect.z) > 1.96
    assert pooled / 1000 == pytest.approx(0.31, abs=0.04)
    assert staged / 1000 == pytest.approx(0.05, abs=0.02)


def test_one_stage_is_itself() -> None:
    alone = Effect(0.03, 0.02, 17.0)
    assert together([StageEffect(30, 30, alone)]).effect == Effect(
        pytest.approx(0.03),  # type: ignore[arg-type]
        pytest.approx(0.02),  # type: ignore[arg-type]
        pytest.approx(17.0),  # type: ignore[arg-type]
    )


def test_a_stage_that_tells_nothing_yet_is_left_out() -> None:
    young = Followed(np.array([3.0, 4.0]), np.array([1, 0]), np.array([4.0, 4.0]))
    reason = won_within(young, 90)
    assert isinstance(reason, Unavailable)
    told = StageEffect(50, 50, Effect(0.02, 0.03))
    found = together([told, StageEffect(1, 1, reason)])
    assert (found.used, found.left_out) == (1, 1)
    assert found.effect.value == pytest.approx(0.02)
    assert combined([StageEffect(1, 1, reason)]) == reason
    assert combined([]) == Unavailable("there are no opportunities yet")


def test_the_clock_of_stages_goes_by_the_plain_errors() -> None:
    """(.5² · .02² + .5² · .03²) for one stage with groups and one without."""
    stages = [
        StageEffect(100, 100, Effect(0.02, 0.05, 10, plain_error=0.02)),
        StageEffect(100, 100, Effect(0.02, 0.03)),
    ]
    found = combined(stages)
    assert isinstance(found, Combined)
    assert found.effect.information == pytest.approx(4 / (0.02**2 + 0.03**2))
    assert found.effect.standard_error == pytest.approx(math.sqrt(0.05**2 + 0.03**2) / 2)
