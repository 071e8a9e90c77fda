"""How good predictions are: losses, discrimination, calibration, and whether the better-fitting rep won.

    log loss      −log p of what happened; two models are compared deal by deal
    AUC           P(a won deal was given better odds than a lost one), standard error by DeLong, DeLong and
                  Clarke-Pearson (Biometrics 1988) on midranks (Sun and Xu, IEEE Signal Processing Letters 2014)
    reliability   predicted mean and observed rate by equal-count bins, with Wilson's interval (JASA 1927)
    line          outcome ~ logistic(intercept + slope · log-odds); 0 and 1 are perfect (D. Cox, Biometrika 1958)
    concordance   Σ [1(fit_won > fit_lost) + ½·1(=)] / pairs, over pairs of one won and one lost deal whose own
                  prospects are alike: .5 is chance. It needs no randomised assignment, as prospects are held alike

All log-odds are to be out of fold. What it does not do: decide which model is used (learning.trial).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from reps.engine.unavailable import Unavailable
from routing.engine.estimate import Estimate
from routing.engine.learning.table import Floats
from routing.engine.model import logistic

BINS = 10
WITHIN = 0.2  # log-odds; prospects that differ by less are alike
LEAST_PAIRS = 30


def log_losses(won: Floats, log_odds: Floats) -> Floats:
    """The loss of each deal."""
    return np.asarray(np.logaddexp(0, np.where(won > 0.5, -log_odds, log_odds)))


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences; `low` and `high` bound the 95 % interval."""

    mean: float
    standard_error: float
    low: float
    high: float


def difference(losses: Floats, others: Floats) -> Difference:
    """losses − others, deal by deal; below two deals the standard error is infinite."""
    paired = losses - others
    error = float(paired.std(ddof=1) / np.sqrt(len(paired))) if len(paired) > 1 else np.inf
    found = Estimate.of(float(paired.mean()) if len(paired) else 0.0, error)
    return Difference(found.value, found.standard_error, found.low, found.high)


def discrimination(won: Floats, log_odds: Floats) -> Estimate | Unavailable:
    """AUC, the area under the ROC curve; ties count one half."""
    above, below = log_odds[won > 0.5], log_odds[won <= 0.5]
    if len(above) < 2 or len(below) < 2:
        return Unavailable(
            f"{len(above):,} won and {len(below):,} lost deals; at least two of each are needed"
        )
    ranks = stats.rankdata(np.concatenate([above, below]))
    beats = (ranks[: len(above)] - stats.rankdata(above)) / len(
        below
    )  # share of the lost that each won one beats
    beaten = 1 - (ranks[len(above) :] - stats.rankdata(below)) / len(above)
    variance = beats.var(ddof=1) / len(above) + beaten.var(ddof=1) / len(below)
    return Estimate.of_share(float(beats.mean()), float(np.sqrt(variance)))


@dataclass(frozen=True)
class Bin:
    """Deals of about the same predicted probability; `low` and `high` bound the observed rate's 95 % interval."""

    predicted: float
    observed: float
    count: int
    low: float
    high: float


def reliability(p: Floats, won: Floats, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of about equal counts from the lowest p up. Equal p are never parted, so there may be fewer bins."""
    rank = stats.rankdata(p, method="min").astype(np.int64) - 1
    number = rank * bins // max(len(p), 1)
    found = []
    for one in np.unique(number):
        inside = number == one
        count, wins = int(inside.sum()), round(float(won[inside].sum()))
        interval = stats.binomtest(wins, count).proportion_ci(method="wilson")
        found.append(
            Bin(float(p[inside].mean()), wins / count, count, float(interval.low), float(interval.high))
        )
    return tuple(found)


def expected_calibration_error(p: Floats, won: Floats, bins: int = BINS) -> float:
    """Mean distance of predicted and observed over the deals of the bins. Noise alone makes it more than 0."""
    found = reliability(p, won, bins)
    return sum(one.count * abs(one.predicted - one.observed) for one in found) / max(len(p), 1)


@dataclass(frozen=True)
class CalibrationLine:
    """Intercept and slope of the outcome on the log-odds, with the slope's standard error."""

    intercept: float
    slope: float
    slope_error: float


def calibration_line(won: Floats, log_odds: Floats) -> CalibrationLine | Unavailable:
    """Maximum likelihood, nothing believed beforehand."""
    above, below = log_odds[won > 0.5], log_odds[won <= 0.5]
    if not len(won):
        return Unavailable("there are no deals")
    if not len(above) or not len(below):
        return Unavailable(f"all {len(won):,} deals were {'won' if len(above) else 'lost'}")
    if np.ptp(log_odds) < 1e-9:
        return Unavailable(f"all {len(won):,} deals have the same prediction")
    if above.min() >= below.max() or above.max() <= below.min():
        return Unavailable(
            f"the predictions part the won from the lost of {len(won):,} deals without exception"
        )
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8, max_iter=200)
    model.fit(log_odds[:, None], won > 0.5)
    intercept, slope = float(model.intercept_[0]), float(model.coef_[0, 0])
    p = logistic(intercept + slope * log_odds)
    curve = p * (1 - p)
    centred = log_odds - np.average(log_odds, weights=curve)
    return CalibrationLine(intercept, slope, float(1 / np.sqrt((curve * centred**2).sum())))


def concordance(
    won: Floats, prospects: Floats, fit: Floats, *, within: float = WITHIN
) -> Estimate | Unavailable:
    """`prospects`: log-odds of the lead alone; `fit`: log-odds of its rep against the average rep; both out of fold.

    One window of lost deals, sorted by prospects, for each won deal: never won × lost. Standard error by the
    infinitesimal jackknife over deals: each deal is in many pairs.
    """
    is_won = won > 0.5
    order = np.argsort(prospects[~is_won], kind="stable")
    lost_prospects, lost_fit = prospects[~is_won][order], fit[~is_won][order]
    starts = np.searchsorted(lost_prospects, prospects[is_won] - within, side="right")
    ends = np.searchsorted(lost_prospects, prospects[is_won] + within, side="left")
    ahead, lost_ahead = np.zeros(len(starts)), np.zeros(len(order))
    lost_pairs = np.zeros(len(order))
    for i, (start, end, own) in enumerate(zip(starts, ends, fit[is_won], strict=True)):
        against = lost_fit[start:end]
        score = 0.5 * (own > against) + 0.5 * (own >= against)
        ahead[i] = score.sum()
        lost_ahead[start:end] += score
        lost_pairs[start:end] += 1
    pairs = np.maximum(ends - starts, 0)
    total = int(pairs.sum())
    if total < LEAST_PAIRS:
        return Unavailable(
            f"{LEAST_PAIRS} pairs of a won and a lost deal with prospects alike are needed; found {total:,}"
        )
    share = float(ahead.sum() / total)
    influence = np.concatenate([ahead - share * pairs, lost_ahead - share * lost_pairs]) / total
    return Estimate.of_share(share, float(np.sqrt((influence**2).sum())))


def told(value: Difference | Estimate | CalibrationLine | Unavailable) -> dict[str, Any]:
    """A measure, or why there is none, as plain data."""
    if isinstance(value, Unavailable):
        return {"unavailable": value.reason}
    return {key: round(float(number), 6) for key, number in asdict(value).items()}
