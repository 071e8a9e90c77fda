"""The lift of each week with its variance, from few cases of each week: for `analytics.engine.alarms`.

In each stratum of a week (source and kind) h₁ of n₁ routed by the model and h₂ of n₂ assigned by people were won, of
N = n₁ + n₂ altogether m. Mantel and Haenszel's difference Σ(h₁n₂ − h₂n₁)/N ÷ Σn₁n₂/N, with the variance that it has
where all of a stratum are alike, n₁n₂m(N − m) / (N²(N − 1)): unlike that of an interval it is never 0 with few cases. A
week with too few cases is counted with the next one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.engine.alarms import Week
from analytics.engine.shares import Share

LEAST = 10  # of either way of routing in a week


@dataclass(frozen=True)
class LiftWeek:
    """`place`: the place of the week it ends with."""

    place: int
    week: Week


@dataclass
class _Sums:
    difference: float = 0.0
    weight: float = 0.0
    variance: float = 0.0
    model: int = 0
    people: int = 0

    def add(self, one: Share, other: Share) -> None:
        n1, n2 = one.known, other.known
        whole, won = n1 + n2, one.hits + other.hits
        if not n1 or not n2:
            return
        self.difference += (one.hits * n2 - other.hits * n1) / whole
        self.weight += n1 * n2 / whole
        self.variance += n1 * n2 * won * (whole - won) / (whole * whole * (whole - 1))
        self.model, self.people = self.model + n1, self.people + n2

    @property
    def is_enough(self) -> bool:
        return min(self.model, self.people) >= LEAST and self.variance > 0

    @property
    def week(self) -> Week:
        return Week(self.difference / self.weight, self.variance / self.weight**2)


def weekly_lift(weeks: Sequence[Sequence[tuple[Share, Share]]]) -> list[LiftWeek]:
    """Of each week's strata as (by the model, by people)."""
    found: list[LiftWeek] = []
    sums = _Sums()
    for place, strata in enumerate(weeks):
        for one, other in strata:
            sums.add(one, other)
        if sums.is_enough:
            found.append(LiftWeek(place, sums.week))
            sums = _Sums()
    return found


def together(weeks: Sequence[LiftWeek]) -> tuple[float, float] | None:
    """Their mean and its standard error; None of no weeks."""
    weight = sum(1 / one.week.variance for one in weeks)
    if not weight:
        return None
    return sum(one.week.value / one.week.variance for one in weeks) / weight, 1 / math.sqrt(weight)
