"""Deal velocity: how soon is won, without forgetting what is not won.

    area under the incidence curve    A(H) = ∫ F(t) dt from 0 to H = Σ over wins' times t ≤ H of (H − t) S(t−) d₁/n

The restricted mean time lost to winning (P. Andersen, Statistics in Medicine 2013): H less the mean of the time until
a win, at most H. The difference of two arms reads "days gained per opportunity": a lead won ten days sooner gains
ten, one more lead won on day 30 of 90 gains sixty. Its error is that of `incidence`, with weights H − t. What it does
not do: part winning sooner from winning more; the curves are shown for that. The median of days among won is
descriptive only: an arm that wins more of the slow ones looks slower by it.
"""

import numpy as np

from experiments.engine.effect import ArmEstimate, Effect, difference
from experiments.engine.incidence import WON, Followed, weighted
from reps.engine.unavailable import Unavailable


def compare(treatment: Followed, control: Followed, horizon_days: float) -> Effect | Unavailable:
    """Days gained per opportunity."""
    return difference(days_gained(treatment, horizon_days), days_gained(control, horizon_days))


def days_gained(arm: Followed, horizon_days: float) -> ArmEstimate | Unavailable:
    """Days of the horizon that lie after a win, per opportunity."""
    return weighted(arm, horizon_days, lambda days: horizon_days - days)


def median_days_to_win(arm: Followed) -> float | None:
    """Among won, for a glance."""
    won = arm.days[arm.outcome == WON]
    return float(np.median(won)) if len(won) else None
