"""Shares with their intervals, and what may be said of them.

Intervals are Wilson's (E. B. Wilson, JASA 1927), which hold their level with few cases; whether a share rises with the
score is asked by the Cochran-Armitage test for trend; two ways of routing are compared stratum by stratum, and put
together by Mantel and Haenszel's risk difference (variance: S. Greenland, J. Robins, Biometrics 1985).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy import stats

Z95 = 1.959964
ENOUGH = 30  # below, a comparison is not drawn
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Share:
    """`hits` of `known`, with the 95 % interval; nothing known: all None."""

    hits: int
    known: int

    @property
    def value(self) -> float | None:
        return self.hits / self.known if self.known else None

    @property
    def low(self) -> float | None:
        return self._bound(-1)

    @property
    def high(self) -> float | None:
        return self._bound(1)

    def _bound(self, side: int) -> float | None:
        if not self.known:
            return None
        n, p, z2 = self.known, self.hits / self.known, Z95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        reach = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return min(max(centre + side * reach, 0.0), 1.0)

    def __add__(self, other: "Share") -> "Share":
        return Share(self.hits + other.hits, self.known + other.known)


@dataclass(frozen=True)
class Trend:
    """Whether a share rises along ordered groups: `z` above 0 where it does; `p` two-sided."""

    z: float
    p: float

    @property
    def rises(self) -> bool | None:
        """None where it cannot be told."""
        return None if self.p > SIGNIFICANT else self.z > 0


def trend(groups: Sequence[tuple[float, Share]]) -> Trend | None:
    """Of groups as (place, share). None where nothing or everything was hit, or all lie in one place."""
    n = sum(share.known for _, share in groups)
    hits = sum(share.hits for _, share in groups)
    if not n or hits in (0, n):
        return None
    p = hits / n
    centre = sum(place * share.known for place, share in groups) / n
    spread = sum(share.known * (place - centre) ** 2 for place, share in groups)
    if spread <= 0:
        return None
    score = sum((place - centre) * (share.hits - share.known * p) for place, share in groups)
    z = score / math.sqrt(p * (1 - p) * spread)
    return Trend(z, float(2 * stats.norm.sf(abs(z))))


@dataclass(frozen=True)
class Difference:
    """Share of the first less that of the second, like compared with like. `strata` with both; `left_out` cases of
    those with one only."""

    value: float
    low: float
    high: float
    strata: int
    cases: int
    left_out: int


def adjusted_difference(strata: Iterable[tuple[Share, Share]]) -> Difference | None:
    """None where the strata that have both hold fewer than ENOUGH cases of either."""
    total = weight_sum = variance = 0.0
    used, left_out, first, second = 0, 0, 0, 0
    for one, other in strata:
        n1, n2 = one.known, other.known
        if not n1 or not n2:
            left_out += n1 + n2
            continue
        weight = n1 * n2 / (n1 + n2)
        total += (one.hits * n2 - other.hits * n1) / (n1 + n2)
        weight_sum += weight
        missed1, missed2 = n1 - one.hits, n2 - other.hits
        variance += (one.hits * missed1 * n2**3 + other.hits * missed2 * n1**3) / (n1 * n2 * (n1 + n2) ** 2)
        used, first, second = used + 1, first + n1, second + n2
    if min(first, second) < ENOUGH:
        return None
    value, error = total / weight_sum, math.sqrt(variance) / weight_sum
    return Difference(value, value - Z95 * error, value + Z95 * error, used, first + second, left_out)
