"""How many of some opportunities are won, each with a chance of its own: the Poisson binomial distribution.

    X = Σ Bernoulli(pᵢ)        P(X = k) by multiplying (1 − pᵢ + pᵢ z) out, exactly
    mid-p below = P(X < x) + ½ P(X = x), and likewise above    (H. O. Lancaster, JASA 1961)

The mid-p value is uniform on average where counts are small and the exact one far too careful. From a variance of
`LARGE` on the normal distribution with the same mean and variance stands in. What it does not do: dependent outcomes.
"""

import math

import numpy as np
from scipy.special import ndtr, ndtri

from routing.engine.roster import Floats

LARGE = 100.0
MASS = 0.95


def pmf(p: Floats) -> Floats:
    """P(X = 0), …, P(X = n) for n chances."""
    found = np.zeros(len(p) + 1)
    found[0] = 1.0
    for place, chance in enumerate(p, 1):
        found[1 : place + 1] = found[1 : place + 1] * (1 - chance) + found[:place] * chance
        found[0] *= 1 - chance
    return found


def tails(p: Floats, won: int) -> tuple[float, float]:
    """Mid-p of as few wins as these, and of as many."""
    variance = float((p * (1 - p)).sum())
    if variance >= LARGE:
        below = float(ndtr((won - float(p.sum())) / math.sqrt(variance)))
        return below, 1 - below
    return mid_p(pmf(p), won)


def mid_p(chances: Floats, at: int) -> tuple[float, float]:
    """Of a distribution on 0, 1, …: up to there and from there on, half of what lies there in each."""
    half = float(chances[at]) / 2
    below = float(chances[:at].sum()) + half
    return min(below, 1.0), min(float(chances[at + 1 :].sum()) + half, 1.0)


def between(p: Floats, mass: float = MASS) -> tuple[int, int]:
    """From how many to how many are won by luck alone: the shortest ends that leave no more than half of the rest
    outside on each side."""
    outside = (1 - mass) / 2
    variance = float((p * (1 - p)).sum())
    if variance >= LARGE:
        mean, reach = float(p.sum()), float(ndtri(1 - outside)) * math.sqrt(variance)
        return max(math.floor(mean - reach), 0), min(math.ceil(mean + reach), len(p))
    summed = np.cumsum(pmf(p))
    low = int(np.searchsorted(summed, outside, side="right"))
    high = int(np.searchsorted(summed, 1 - outside - 1e-12, side="left"))
    return min(low, len(p)), min(high, len(p))
