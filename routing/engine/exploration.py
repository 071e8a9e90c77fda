"""Exploration: for a share of decisions anybody who comes close to the best, so that what the others would have won can
be measured; each choice with its probability (propensity).

With share e and the k who score at least max(best - within, threshold), each of them is chosen with e/k, and the best
with 1 - e besides. What it does not do: choose anybody below the threshold, or outside the pool.
"""

import hashlib

import numpy as np

from routing.engine.configuration import Policy
from routing.engine.roster import Floats, Mask


def explored(
    pool: Mask, score: Floats, best: int, policy: Policy, seed: int
) -> tuple[int, Floats, dict[str, float] | None]:
    """Who is chosen from the pool (n) whose best is `best`; everybody's propensity (n); and, where it is not the best,
    among how many and within how many points of score it was chosen."""
    propensities = np.zeros(len(pool))
    propensities[best] = 1.0
    if policy.exploration_share <= 0 or score[best] < policy.threshold:
        return best, propensities, None
    least = max(float(score[best]) - policy.exploration_within, policy.threshold)
    near = np.flatnonzero(pool & (score >= least))
    share, place = draws(seed, 2)
    propensities[near] = policy.exploration_share / len(near)
    propensities[best] += 1 - policy.exploration_share
    if share >= policy.exploration_share or len(near) == 1:
        return best, propensities, None
    chosen = int(near[int(place * len(near))])
    return chosen, propensities, {"among": len(near), "within": policy.exploration_within}


def draws(seed: int, count: int) -> list[float]:
    """Numbers from 0 up to 1 that follow from the seed on any machine and with any version of any library."""
    digests = (hashlib.sha256(f"{seed}:{i}".encode()).digest() for i in range(count))
    return [int.from_bytes(digest[:6], "big") / 2**48 for digest in digests]
