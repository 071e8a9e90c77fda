"""Guardrails: worked figures, false alarms at small numbers. No database."""

import math

import numpy as np
import pytest

from experiments.engine.anytime import lower_bound
from experiments.engine.guardrails import BadEvents, Guardrail, Watched, breaches, watch, watch_all
from reps.engine.unavailable import Unavailable


def watched(events: BadEvents, guardrails: int = 4, planned_units: float = 1000) -> Watched:
    found = watch(events, guardrails=guardrails, planned_units=planned_units)
    assert isinstance(found, Watched), found
    return found


def test_worked_example() -> None:
    """60 of 200 against 20 of 200: p̃ 61/202 and 21/202; in common 81/402."""
    found = watched(BadEvents(60, 200, 20, 200))
    apart = 61 / 202 * 141 / 202 / 200 + 21 / 202 * 181 / 202 / 200
    common = 81 / 402 * 321 / 402 * 2 / 200
    assert common > apart
    assert (found.treated_share, found.control_share, found.excess) == pytest.approx((0.3, 0.1, 0.2))
    assert found.least == pytest.approx(
        lower_bound(0.2, math.sqrt(common), 400, narrowest_at=250, error=0.0125)
    )
    assert found.is_breached
    assert not watched(BadEvents(40, 200, 20, 200)).is_breached


def test_more_guardrails_are_each_watched_more_carefully() -> None:
    events = BadEvents(60, 200, 20, 200)
    assert watched(events, guardrails=1).least > watched(events, guardrails=4).least


def test_better_is_never_a_breach() -> None:
    assert watched(BadEvents(0, 500, 250, 500)).is_breached is False


def test_too_few_say_nothing() -> None:
    assert watch(BadEvents(19, 19, 0, 100), guardrails=4, planned_units=400) == Unavailable(
        "fewer than 20 treated"
    )
    assert watch(BadEvents(20, 20, 0, 19), guardrails=4, planned_units=400) == Unavailable(
        "fewer than 20 in control"
    )
    with pytest.raises(ValueError, match="no more events than units"):
        BadEvents(5, 4, 0, 10)


def test_all_bad_against_none_is_a_breach_at_once() -> None:
    assert watched(BadEvents(20, 20, 0, 20)).is_breached


def test_all_together() -> None:
    found = watch_all(
        {
            Guardrail.FIRST_TOUCH_MISSED: BadEvents(60, 200, 20, 200),
            Guardrail.NEVER_TOUCHED: BadEvents(5, 200, 5, 200),
            Guardrail.UNASSIGNED: BadEvents(1, 10, 0, 10),
        },
        planned_units=1000,
    )
    assert breaches(found) == [Guardrail.FIRST_TOUCH_MISSED]
    assert found[Guardrail.FIRST_TOUCH_MISSED] == watched(BadEvents(60, 200, 20, 200), guardrails=3)
    assert found[Guardrail.UNASSIGNED] == Unavailable("fewer than 20 treated")


@pytest.mark.parametrize(("share", "split"), [(0.02, 0.9), (0.05, 0.9), (0.2, 0.5), (0.3, 0.1)])
def test_false_alarms_at_small_numbers(share: float, split: float) -> None:
    """500 units that come one by one, looked at after every tenth; 1.25 % are allowed."""
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(200):
        treated, bad = rng.random(500) < split, rng.random(500) < share
        counts = np.cumsum([treated & bad, treated, ~treated & bad, ~treated], axis=1)[:, 9::10]
        found = (watch(BadEvents(*map(int, row)), guardrails=4, planned_units=1000) for row in counts.T)
        alarms += any(isinstance(one, Watched) and one.is_breached for one in found)
    assert alarms <= 6
