"""What a batch has to decide: which opportunity goes to which rep, within everybody's room.

    maximise   Σ w[l, r]  −  Σ penalty[l] (left out)  −  Σ price[k] (each slot that is used of band k)

Each opportunity goes to one rep or stays out. A rep's slots lie in load bands at prices that do not fall (convex: the
cheap ones are filled first); bands from `reserved_from` on take high matches only. Pairs are what the ladder leaves
(steps 1 to 5 of the decision); what a person or a named account has settled is fixed or held. A cap on pipeline value
is a knapsack row, for which nothing is exact (`value_caps`).

Weights are expected values in any unit; the optimum is searched in integers, `integers_per_unit` of them to one unit of
weight. What it does not do: score, or decide who is eligible.
"""

from dataclasses import dataclass
from functools import cached_property

from routing.engine.batch.checks import check
from routing.engine.batch.pairs import Bands, Pairs, Table
from routing.engine.roster import Floats, Ints, Mask

LARGEST_INTEGER = 10**6  # what the largest weight becomes


@dataclass(frozen=True, eq=False)
class Problem:
    """L opportunities, R reps. Raises ProblemError (a ValueError), which names the pair, opportunity or rep.

    `penalty` (L) what leaving out costs · `fixed` pairs that are settled, eligible or not; they take slots of any band
    · `held` (L) stay out, at no cost · `value` (L) and `value_cap` (R, infinity where there is none) in money;
    compared in hundredths · `unit` pins the integers to those of another problem.
    """

    opportunity_ids: Ints
    rep_ids: Ints
    pairs: Pairs | Table
    bands: Bands
    penalty: Floats | None = None
    fixed: Pairs | None = None
    held: Mask | None = None
    value: Floats | None = None
    value_cap: Floats | None = None
    unit: float | None = None

    def __post_init__(self) -> None:
        check(self)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.opportunity_ids), len(self.rep_ids)

    @cached_property
    def integers_per_unit(self) -> float:
        """Integers to one unit of weight; 1 where every weight is nil."""
        if self.unit is not None:
            return self.unit
        largest = max((float(some.max(initial=0.0)) for some in self.pairs.weights()), default=0.0)
        if self.fixed is not None:
            largest = max(largest, float(self.fixed.weight.max(initial=0.0)))
        return LARGEST_INTEGER / largest if largest > 0 else 1.0
