"""Whether treatment takes the good reps from control.

    shift = mean past skill of the reps that control's leads went to, during, less that before the experiment

Skills are those of the time before, frozen, so that only the choice of reps can move them. Weeks are the clusters:
leads of one week share its roster. A drop at a one-sided .01 flags. It shows interference far sooner than control's
win rate does, which is noisier by much. What it does not do: tell interference from another reason why good reps were
missing, such as absence; nor correct the effect.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reps.engine.unavailable import Unavailable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_WEEKS = 3  # in each of before and during
LEVEL = 0.01


@dataclass(frozen=True)
class Received:
    """n leads of control, or of everybody before: the `week` and the past `skill` of the rep that each went to."""

    week: Ints
    skill: Floats

    def by_week(self) -> list[tuple[int, float]]:
        """Mean skill of each week."""
        return [(int(week), float(self.skill[self.week == week].mean())) for week in np.unique(self.week)]


@dataclass(frozen=True)
class Shift:
    """In units of skill; below nil control gets weaker reps than before."""

    before: float
    during: float
    difference: float
    p: float
    is_flagged: bool


def shift(before: Received, during: Received) -> Shift | Unavailable:
    """The change, with its one-sided p for a drop."""
    for part, name in ((before, "before"), (during, "during")):
        if (weeks := len(np.unique(part.week))) < LEAST_WEEKS:
            return Unavailable(f"{weeks} weeks of leads {name} the experiment; {LEAST_WEEKS} are needed")
    (was, first, g), (now, second, h) = _mean(before), _mean(during)
    change, error = now - was, math.hypot(first, second)
    if not error > 0:
        return Shift(was, now, change, 0.0 if change < 0 else 1.0, is_flagged=change < 0)
    degrees = error**4 / (first**4 / (g - 1) + second**4 / (h - 1))  # Welch, over weeks
    p = float(stats.t.cdf(change / error, degrees))
    return Shift(was, now, change, p, is_flagged=p < LEVEL)


def _mean(part: Received) -> tuple[float, float, int]:
    """Mean over leads, its error with weeks as clusters, and their number."""
    _, member = np.unique(part.week, return_inverse=True)
    total, count = np.bincount(member, weights=part.skill), np.bincount(member)
    mean, weeks = float(total.sum() / count.sum()), len(total)
    variance = weeks / (weeks - 1) * float(((total - mean * count) ** 2).sum()) / float(count.sum()) ** 2
    return mean, math.sqrt(variance), weeks
