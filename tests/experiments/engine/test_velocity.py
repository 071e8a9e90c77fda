"""Days gained per opportunity. No database."""

import numpy as np
import pytest

from experiments.engine.effect import ArmEstimate, Effect
from experiments.engine.incidence import Curve, Followed, curve
from experiments.engine.velocity import compare, days_gained, median_days_to_win
from reps.engine.unavailable import Unavailable


def drawn(seed: int, days_to_win: float, n: int = 400, accounts: int | None = None) -> Followed:
    rng = np.random.default_rng(seed)
    age = rng.uniform(0, 150, n)
    won = rng.random(n) < 0.3
    exit_at = rng.exponential(np.where(won, days_to_win, 25))
    outcome = np.where(exit_at > age, 0, np.where(won, 1, 2))
    cluster = None if accounts is None else rng.integers(0, accounts, n)
    return Followed(np.minimum(exit_at, age), outcome, age, cluster)


def gained(arm: Followed, horizon: float) -> ArmEstimate:
    found = days_gained(arm, horizon)
    assert isinstance(found, ArmEstimate), found
    return found


def test_worked_example() -> None:
    """Of 100 leads 10 are won on day 30 and 10 on day 80: (10 · 60 + 10 · 10) / 100 days of 90."""
    days = np.array([30.0] * 10 + [80.0] * 10 + [20.0] * 80)
    outcome = np.array([1] * 20 + [2] * 80)
    found = gained(Followed(days, outcome, np.full(100, 100.0)), 90)
    assert found.value == pytest.approx(7.0)
    each = np.array([60.0] * 10 + [10.0] * 10 + [0.0] * 80)
    assert found.standard_error == pytest.approx(each.std() / 10)


def test_is_the_area_under_the_incidence_curve() -> None:
    arm = drawn(1, 40)
    steps = curve(arm)
    assert isinstance(steps, Curve)
    inside = steps.days <= 90
    edges = np.append(steps.days[inside], 90.0)
    assert gained(arm, 90).value == pytest.approx(float(np.diff(edges) @ steps.share[inside]))


@pytest.mark.parametrize("accounts", [None, 200])
def test_error_is_that_of_repeated_draws(accounts: int | None) -> None:
    found = [gained(drawn(seed, 40, accounts=accounts), 90) for seed in range(400)]
    spread = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.1)


def test_sooner_gains_days() -> None:
    found = compare(drawn(1, 20, 3000), drawn(2, 60, 3000), 90)
    assert isinstance(found, Effect)
    assert found.z > 4


def test_nothing_to_say_of_young_ones() -> None:
    young = Followed(np.full(60, 5.0), np.ones(60, int), np.full(60, 20.0))
    assert isinstance(days_gained(young, 90), Unavailable)
    assert compare(young, young, 90) == Unavailable(
        "in treatment 0 opportunities are 90 days old; at least 50 are needed"
    )


def test_median_among_won_only() -> None:
    arm = Followed(np.array([10.0, 20, 40, 1, 2]), np.array([1, 1, 1, 2, 0]), np.full(5, 50.0))
    assert median_days_to_win(arm) == 20
    assert median_days_to_win(Followed(np.array([1.0]), np.array([0]), np.array([1.0]))) is None
