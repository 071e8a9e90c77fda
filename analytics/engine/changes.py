"""Whether a figure of this week differs from that of another one by more than chance.

Shares by Newcombe's hybrid of two Wilson intervals (R. Newcombe, Statistics in Medicine 1998, method 10), medians by
the ranks that a binomial share of ½ can lie at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.engine.shares import Z95, Share


@dataclass(frozen=True)
class Change:
    """From before to now, with the 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def could_be_chance(self) -> bool:
        return self.low <= 0 <= self.high


def change(now: Share, before: Share) -> Change | None:
    """None where either knows nothing."""
    p, p_low, p_high = now.value, now.low, now.high
    q, q_low, q_high = before.value, before.low, before.high
    if p is None or p_low is None or p_high is None or q is None or q_low is None or q_high is None:
        return None
    down, up = math.hypot(p - p_low, q_high - q), math.hypot(p_high - p, q - q_low)
    return Change(p - q, p - q - down, p - q + up)


@dataclass(frozen=True)
class Median:
    """With its 95 % interval; `cases` it is of."""

    value: float
    low: float
    high: float
    cases: int


def median_with_bounds(seconds: Sequence[float], counts: Sequence[float]) -> Median | None:
    """Of values that occur so often; None of none."""
    pairs = sorted(zip(seconds, counts, strict=True))
    n = int(sum(counts))
    if not n:
        return None
    reach = Z95 * math.sqrt(n) / 2
    low, middle, high = (
        _at_rank(pairs, min(max(rank, 1), n)) for rank in (n / 2 - reach, n / 2, n / 2 + reach + 1)
    )
    return Median(middle, low, high, n)


def _at_rank(pairs: Sequence[tuple[float, float]], rank: float) -> float:
    reached = 0.0
    for value, count in pairs:
        reached += count
        if reached >= rank:
            return value
    return pairs[-1][0]
