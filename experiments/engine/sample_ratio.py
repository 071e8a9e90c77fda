"""Whether units fell to the arms in the shares that were asked for.

    χ² = Σ (observed − expected)² / expected, with one degree of freedom less than arms; over stages both are summed

F. Fabijan and others, "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019. Warned of below
.01; below .001 no result is shown: units got lost in one arm, and those that are left are no fair comparison. Each look
stands for itself: of healthy experiments with 80 looks a tenth is warned of at some time, one or two in a hundred are
blocked for a while. What it does not do: count opportunities. An account with many of them is one unit, else it would
alarm by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from reps.engine.unavailable import Unavailable

WARN_BELOW, BLOCK_BELOW = 0.01, 0.001
LEAST_EXPECTED = 5.0  # in an arm: below, the distribution is not that of χ²


class Balance(StrEnum):
    OK = "ok"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True)
class Split:
    """Units of each arm in one stage, and the shares that were asked for."""

    units: tuple[int, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.units) != len(self.shares) or len(self.units) < 2:
            raise ValueError("each arm has units and a share")
        if not all(share > 0 for share in self.shares):
            raise ValueError("every share lies above 0")

    @property
    def expected(self) -> tuple[float, ...]:
        whole = sum(self.units) / sum(self.shares)
        return tuple(whole * share for share in self.shares)


@dataclass(frozen=True)
class SampleRatio:
    """`p`: how often chance alone would part the units so unevenly."""

    statistic: float
    p: float
    balance: Balance


def sample_ratio(split: Split) -> SampleRatio | Unavailable:
    """Of one stage."""
    return over_stages([split])


def over_stages(stages: Sequence[Split]) -> SampleRatio | Unavailable:
    """Of several stages with shares of their own, those with too few units left out."""
    told = [stage for stage in stages if min(stage.expected) >= LEAST_EXPECTED]
    if not told:
        return Unavailable(f"fewer than {LEAST_EXPECTED:.0f} units expected in an arm")
    statistic = sum(_statistic(stage) for stage in told)
    p = float(stats.chi2.sf(statistic, sum(len(stage.units) - 1 for stage in told)))
    return SampleRatio(statistic, p, balance_of(p))


def balance_of(p: float) -> Balance:
    if p < BLOCK_BELOW:
        return Balance.BLOCK
    return Balance.WARN if p < WARN_BELOW else Balance.OK


def _statistic(stage: Split) -> float:
    expected = np.array(stage.expected)
    return float((((np.array(stage.units) - expected) ** 2) / expected).sum())
