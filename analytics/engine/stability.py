"""How far a distribution has moved: the population stability index, and a test of whether that could be chance.

    PSI = Σ (q − p) ln(q / p),   p the share of a level before, q now; below 0.1 little, above 0.25 much

(as in credit scoring: N. Siddiqi, Credit Risk Scorecards, 2006). With few cases the index is above nought by chance
alone, about (levels − 1)(1/n + 1/m); so it counts only where Pearson's χ² of the two columns is significant as well.
Levels with fewer than LEAST of both together are one level.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

LEAST = 10
MOVED_FROM = 0.1
SIGNIFICANT = 0.01  # of three columns asked
REST = "others"


@dataclass(frozen=True)
class Level:
    name: str
    before: float
    now: float


@dataclass(frozen=True)
class Shift:
    """`levels`: those that moved most first."""

    psi: float
    p: float
    before: int
    now: int
    levels: tuple[Level, ...]

    @property
    def has_moved(self) -> bool:
        return self.psi >= MOVED_FROM and self.p < SIGNIFICANT


def shift(before: Mapping[str, int], now: Mapping[str, int]) -> Shift | None:
    """None where either holds nothing, or all lie in one level."""
    pairs: dict[str, list[int]] = {}
    for name in {*before, *now}:
        one, other = before.get(name, 0), now.get(name, 0)
        pair = pairs.setdefault(name if one + other >= LEAST else REST, [0, 0])
        pair[0], pair[1] = pair[0] + one, pair[1] + other
    n, m = sum(pair[0] for pair in pairs.values()), sum(pair[1] for pair in pairs.values())
    if not n or not m or len(pairs) < 2:
        return None
    p_value = float(stats.chi2_contingency(list(zip(*pairs.values(), strict=True)), correction=False)[1])
    levels = [Level(name, one / n, other / m) for name, (one, other) in pairs.items()]
    # Half a case more in each level, so that one that is new does not make the index infinite.
    size = len(pairs)
    psi = sum(
        (q - p) * math.log(q / p)
        for one, other in pairs.values()
        for p, q in [((one + 0.5) / (n + size / 2), (other + 0.5) / (m + size / 2))]
    )
    ordered = sorted(levels, key=lambda level: (-abs(level.now - level.before), level.name))
    return Shift(psi, p_value, n, m, tuple(ordered))
