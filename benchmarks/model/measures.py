"""How well scores do against the truth, and how honest probabilities are.

    share = (mean truth of the chosen − mean truth of all) / (mean truth of the best − mean truth of all)

The truth being known, slope and calibration error are expectations over every pairing, without drawing outcomes.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from routing.engine.learning.table import Floats, Ints
from routing.engine.model import logistic

BINS = 10


def best_choice(scores: Floats, rng: np.random.Generator) -> Ints:
    """The rep with the highest score for each lead; ties are broken at random."""
    return np.argmax(scores + 1e-9 * rng.random(scores.shape), axis=1)


def gain_of(truth: Floats, chosen: Ints) -> float:
    """Chosen minus random, in win probability."""
    return float(truth[np.arange(len(truth)), chosen].mean() - truth.mean())


def share_of_oracle(truth: Floats, gain: float) -> float | None:
    """None where all reps are alike: there is no lift to have a share of."""
    lift = float(truth.max(axis=1).mean() - truth.mean())
    return gain / lift if lift > 1e-9 else None


def calibration_slope(truth: Floats, log_odds: Floats) -> float | None:
    """Slope of the outcome on the predicted log-odds over all pairings. None where the prediction is constant."""
    x, p = log_odds.ravel(), truth.ravel()
    if x.std() < 1e-9:
        return None
    model = LogisticRegression(C=1e6)
    model.fit(
        np.concatenate([x, x])[:, None],
        np.repeat([1, 0], len(x)),
        sample_weight=np.concatenate([p, 1 - p]),
    )
    return float(model.coef_[0, 0])


def expected_calibration_error(truth: Floats, log_odds: Floats) -> float:
    """Mean distance between predicted and true probability over ten bins of all pairings."""
    p, q = logistic(log_odds).ravel(), truth.ravel()
    bins = np.array_split(np.argsort(p), BINS)
    return float(np.mean([abs(p[b].mean() - q[b].mean()) for b in bins]))


def match_scores(log_odds: Floats) -> Floats:
    """0 to 100: this rep's odds of winning against those of the average of the reps; equal odds are 50."""
    return 100 * logistic(2 * (log_odds - log_odds.mean(axis=1, keepdims=True)))
