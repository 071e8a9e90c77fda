"""Experiments without an effect, looked at all the time, from leads to the decision. No database."""

import numpy as np
import numpy.typing as npt
import pytest

from experiments.engine.effect import Effect, difference
from experiments.engine.incidence import Floats, Followed, won_within
from experiments.engine.sequential import Decision, Look, look, standing

Mask = npt.NDArray[np.bool_]

HORIZON, ACCRUAL, BASE = 42, 56, 0.2
END = HORIZON + ACCRUAL + 1


def looked_at(rng: np.random.Generator, per_arm: int, every: int) -> tuple[list[Look], bool]:
    """All looks of one experiment of 8 weeks, and whether a plain test would have called a winner at one of them."""
    start, won = rng.uniform(0, ACCRUAL, 2 * per_arm), rng.random(2 * per_arm) < BASE
    exit_at = rng.gamma(2, np.where(won, 9, 6))
    treated = np.arange(2 * per_arm) < per_arm
    looks: list[Look] = []
    is_fooled = False
    for day in [*range(HORIZON, END, every), END]:
        effect = difference(*(followed(start, won, exit_at, arm, day) for arm in (treated, ~treated)))
        if not isinstance(effect, Effect):
            continue
        is_fooled |= abs(effect.z) > 1.96
        planned = per_arm / (2 * BASE * (1 - BASE))
        found = look(looks, effect, planned_information=planned, is_last=day == END)
        if isinstance(found, Look):
            looks.append(found)
        if looks and looks[-1].time >= 1:
            break
    return looks, is_fooled


def followed(start: Floats, won: Mask, exit_at: Floats, arm: Mask, day: int):
    mine = arm & (start < day)
    age, left = day - start[mine], exit_at[mine]
    outcome = np.where(left > age, 0, np.where(won[mine], 1, 2))
    return won_within(Followed(np.minimum(left, age), outcome, age), HORIZON)


def rates(seed: int, runs: int, every: int) -> tuple[float, float, float]:
    """Shares of runs: declared different, fooled by plain tests, and with nil in the last interval."""
    rng = np.random.default_rng(seed)
    found = [looked_at(rng, 400, every) for _ in range(runs)]
    declared = [standing(looks) in (Decision.UPWARD, Decision.DOWNWARD) for looks, _ in found]
    covered = [looks[-1].low <= 0 <= looks[-1].high for looks, _ in found]
    return float(np.mean(declared)), float(np.mean([fooled for _, fooled in found])), float(np.mean(covered))


def test_weekly_looks_err_no_more_than_they_may() -> None:
    """5 % ± 1.5 in so few runs."""
    declared, fooled, covered = rates(1, 200, every=7)
    assert declared <= 0.09
    assert fooled > declared
    assert covered >= 0.92


@pytest.mark.slow
def test_daily_looks_err_five_times_in_a_hundred() -> None:
    declared, fooled, covered = rates(2, 1000, every=1)
    assert 0.03 <= declared <= 0.075
    assert fooled >= 0.12
    assert covered >= 0.93
