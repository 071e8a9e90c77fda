"""The optimum over all pairs of one instance, and the prices that prove it.

Small or sparse instances go to the min-cost flow as they are. Large dense ones go by prices (column generation; M.
Lübbecke and J. Desrosiers, "Selected topics in column generation", Operations Research 2005):

1. solve a sample of the opportunities, everybody's slots scaled alike, and read the reps' prices;
2. keep, for every opportunity, the pairs whose gain less price lies near its best;
3. solve those; price all others; add those that contradict the prices, the worst few of each opportunity, and solve
   again, until none does. Then the prices prove the plan optimal over all pairs, not just those kept.

Once few contradict, pairs far from any use are dropped, which makes the last rounds quick. It happens once; afterwards
the pairs kept only grow, so it ends.
"""

from dataclasses import dataclass, replace

import numpy as np

from routing.engine.batch.instance import Instance, Terms
from routing.engine.batch.kept import Kept, better, everything, near
from routing.engine.batch.network import cheapest
from routing.engine.batch.prices import gains_at, least_prices
from routing.engine.roster import Floats, Ints

FEW_PAIRS = 400_000  # go to the flow as they are,
MANY_PAIRS = 4_000_000  # and so do up to so many of a sparse instance:
SPARSE_DEGREE = 64  # pairs for each opportunity

# Measured on the instances of benchmarks/batch: half the sample gives prices hardly worse in half the time; leads whose
# values are far apart need a number of pairs each, not only a distance from the best.
SAMPLE_SHARE = 0.05
LEAST_SAMPLE = 8  # slots of a rep, on average: fewer are too coarse to scale
KEPT_ON_AVERAGE = 8
KEPT_AT_LEAST = 5
ADDED_AT_MOST = 3
FEW_CONTRADICT = 0.05  # of the opportunities
KEPT_AFTERWARDS = 4
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class Optimum:
    """`at` (L) the node of each row, `price` (2R + 1) the least prices, `worth` (L) what each row adds."""

    at: Ints
    price: Floats
    worth: Floats


def optimum(instance: Instance) -> Optimum:
    """Exact over all pairs of the instance (caps on value aside)."""
    pairs, rows = instance.layout.count, len(instance.rows)
    if pairs <= FEW_PAIRS or pairs <= min(MANY_PAIRS, SPARSE_DEGREE * rows):
        return solved(everything(instance), instance.terms)
    return by_prices(instance)


def solved(kept: Kept, terms: Terms) -> Optimum:
    """Optimal over the pairs kept."""
    at = cheapest(kept, terms)
    price = least_prices(kept, at, terms)
    return Optimum(at, price, gains_at(kept, at, terms) - price[at])


def by_prices(instance: Instance) -> Optimum:
    """The recipe above."""
    kept = _start(instance)
    dropped = False
    while True:
        found = solved(kept, instance.terms)
        added, count = better(instance, found.price, found.worth, ADDED_AT_MOST)
        if not count:
            return found
        if not dropped and count <= FEW_CONTRADICT * len(instance.rows):
            kept, dropped = _without_the_useless(kept, found), True
        kept = kept.joined(added)


def _start(instance: Instance) -> Kept:
    """The pairs near each opportunity's best at the prices of a sample."""
    rows = _sample(instance)
    sample = everything(instance, rows)
    terms = _scaled(instance.terms, rows)
    place = np.searchsorted(rows, sample.row).astype(np.int32)
    sample = Kept(place, sample.node, sample.gain)
    price = solved(sample, terms).price
    return near(instance, price, _slack(sample, price, terms), KEPT_AT_LEAST)


def _sample(instance: Instance) -> Ints:
    """Rows spread evenly (multiples of the golden ratio), so that no order of the ids can mislead."""
    slots = instance.terms.capacity.sum() / max(instance.terms.reps, 1)
    share = min(1.0, max(SAMPLE_SHARE, LEAST_SAMPLE / max(slots, 1.0) * SAMPLE_SHARE))
    return np.flatnonzero(np.arange(len(instance.rows)) * GOLDEN % 1.0 < share)


def _scaled(terms: Terms, rows: Ints) -> Terms:
    """Everybody's free slots cut down to the sample's share, rounded where bands end so that nothing adds up."""
    free = terms.capacity - terms.used(terms.taken)
    ends = np.rint(np.cumsum(free, axis=1) * (len(rows) / len(terms.penalty))).astype(np.int64)
    capacity = np.diff(ends, axis=1, prepend=0)
    return replace(terms, capacity=capacity, taken=np.zeros_like(terms.taken), penalty=terms.penalty[rows])


def _slack(sample: Kept, price: Floats, terms: Terms) -> float:
    """How far from the best a pair may lie, so that KEPT_ON_AVERAGE do."""
    margin = sample.gain - price[sample.node]
    best = -terms.penalty.astype(np.float64)
    np.maximum.at(best, sample.row, margin)
    return _nth_smallest(best[sample.row] - margin, KEPT_ON_AVERAGE * len(best))


def _without_the_useless(kept: Kept, found: Optimum) -> Kept:
    """The pairs nearest to use, KEPT_AFTERWARDS for each row; those in use are among them."""
    distance = found.worth[kept.row] - kept.gain + found.price[kept.node]
    return kept.only(distance <= _nth_smallest(distance, KEPT_AFTERWARDS * len(found.worth)))


def _nth_smallest(values: Floats, n: int) -> float:
    return (
        float(np.partition(values, min(n, len(values) - 1))[min(n, len(values) - 1)]) if len(values) else 0.0
    )
