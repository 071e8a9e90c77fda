"""Forecasts put right before anybody is measured by them, and how far a person lies from them.

    recalibration   logit p' = a + b · logit p, by maximum likelihood over everybody, a ~ N(0, ½²), b ~ N(1, ½²)
    shift           δ that makes Σ expit(logit pᵢ + δ) fit the wins, δ ~ N(0, spread²)

So a model that is too sure of everything blames nobody, and few deals move nothing far (Cox 1958; Steyerberg 2019,
ch. 15). What it does not do: forecasts that are right on average and wrong for a segment; `engine.coaching` does.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from routing.engine.roster import Floats, Mask

SURE = 0.001  # no forecast is taken for surer than that
STEPS = 25
PRIOR = (4.0, 4.0)  # precisions of intercept and slope


@dataclass(frozen=True)
class Calibration:
    """`intercept` and `slope` on the log-odds; as it is made, it changes nothing."""

    intercept: float = 0.0
    slope: float = 1.0

    def log_odds(self, p: Floats) -> Floats:
        return np.asarray(self.intercept + self.slope * log_odds(p))

    def of(self, p: Floats) -> Floats:
        return np.asarray(expit(self.log_odds(p)))


def log_odds(p: Floats) -> Floats:
    return np.asarray(logit(np.clip(np.asarray(p, dtype=float), SURE, 1 - SURE)))


def recalibrated(p: Floats, won: Mask) -> Calibration:
    """From forecasts and what came (n each), by Newton's method; few deals leave them nearly as they are."""
    inputs = np.column_stack([np.ones(len(p)), log_odds(p)])
    prior, found = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    for _ in range(STEPS):
        chance = expit(inputs @ found)
        slope = inputs.T @ (won - chance) - PRIOR * (found - prior)
        curve = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + np.diag(PRIOR)
        step = np.linalg.solve(curve, slope)
        found = found + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return Calibration(float(found[0]), float(found[1]))


def shift_of(odds: Floats, won: Mask, spread: float) -> tuple[float, float]:
    """How much better on the log-odds than `odds` say, shrunken towards nil, and the variance of that."""
    found, precision = 0.0, 1 / spread**2
    curve = precision
    for _ in range(STEPS):
        chance = expit(odds + found)
        curve = float((chance * (1 - chance)).sum()) + precision
        step = (float((won - chance).sum()) - precision * found) / curve
        found += min(max(step, -1.0), 1.0)
        if abs(step) < 1e-9:
            break
    return found, 1 / curve
