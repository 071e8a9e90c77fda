"""A problem in the form that is solved: in integers, and everything in rising order of ids.

Nothing that decides depends on the order in which the caller lists opportunities, reps or pairs. Gains are whole
numbers held in floats (exact below 2^53); a pair that is not there gains −∞.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from routing.engine.batch.layout import Layout, laid_out
from routing.engine.batch.pairs import Indices
from routing.engine.batch.problem import Problem
from routing.engine.roster import Floats, Ints, Mask

CAP_PRICE_BITS = 30  # a price of value is counted in 2^-30 integers for each hundredth
NO_CAP = -1


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows: `gain` n × D, −∞ where there is no pair, and the `node` of each (n × D or 1 × D)."""

    rows: Ints
    gain: Floats
    node: Ints


@dataclass(frozen=True, eq=False)
class Terms:
    """What holds beside the pairs: `capacity` R × K and `price` (K) of the bands, `taken` (R) slots by what is fixed,
    `penalty` (L) of leaving out."""

    capacity: Ints
    price: Ints
    reserved_from: int
    taken: Ints
    penalty: Ints

    @property
    def reps(self) -> int:
        return len(self.capacity)

    @property
    def outside(self) -> int:
        """The node of those who stay out."""
        return 2 * self.reps

    @cached_property
    def filled_before(self) -> Ints:
        """R × K: slots in the cheaper bands."""
        return np.asarray(np.cumsum(self.capacity, axis=1) - self.capacity)

    @property
    def band_nodes(self) -> Ints:
        """R × K: which of a rep's two nodes sells the slots of the band."""
        reserved = np.arange(len(self.price)) >= self.reserved_from
        return np.asarray(np.arange(self.reps)[:, None] + self.reps * reserved)

    def counts(self, at: Ints) -> Ints:
        """R: how many each rep has when row l is at node at[l], with what is fixed."""
        inside = at[at < self.outside]
        return np.asarray(self.taken + np.bincount(inside % max(self.reps, 1), minlength=self.reps))

    def used(self, counts: Ints) -> Ints:
        """R × K slots used of each band, the cheap ones first."""
        return np.asarray(np.clip(counts[:, None] - self.filled_before, 0, self.capacity))


@dataclass(frozen=True, eq=False)
class Instance:
    """`rows` and `reps` lead to the caller's indices. `fixed` (L) the rep or −1, `is_open` (L) what is to be decided,
    `value` (L) and `value_cap` (R, NO_CAP) in hundredths, `cap_price` (R): what each hundredth of value costs with a
    rep, taken off the gains (CAP_PRICE_BITS)."""

    problem: Problem
    rows: Ints
    reps: Ints
    unit: float
    layout: Layout
    terms: Terms
    fixed: Ints
    fixed_gain: Ints
    is_open: Mask
    value: Ints
    value_cap: Ints
    cap_price: Ints

    def block(self, rows: Ints) -> Block:
        """All pairs of these rows; none where nothing is to be decided."""
        found = self.layout.of(rows)
        gain = np.multiply(found.weight, self.unit, dtype=np.float64)
        np.rint(gain, out=gain)
        if self.cap_price.any():
            gain -= self.charged(rows, found.node)
        if found.there is not None:
            gain[~found.there] = -np.inf
        closed = ~self.is_open[rows]
        if closed.any():
            gain[closed] = -np.inf
        return Block(rows, gain, found.node)

    def blocks(self) -> Iterator[Block]:
        """All rows, some at a time."""
        step = self.layout.at_once
        for first in range(0, len(self.rows), step):
            yield self.block(np.arange(first, min(first + step, len(self.rows))))

    def charged(self, rows: Indices, node: Indices) -> Ints:
        """n × D: what the value of each row costs at each node."""
        price = self.cap_price[node % max(len(self.reps), 1)]
        return np.asarray((price * self.value[rows][:, None]) >> CAP_PRICE_BITS)

    def at_cap_price(self, price: Ints) -> "Instance":
        return replace(self, cap_price=price)

    def within(self, terms: Terms, is_open: Mask) -> "Instance":
        return replace(self, terms=terms, is_open=is_open)


def make_instance(problem: Problem) -> Instance:
    rows, reps = (np.argsort(ids, kind="stable") for ids in (problem.opportunity_ids, problem.rep_ids))
    unit = problem.integers_per_unit
    fixed, fixed_weight = _fixed(problem)
    held = np.zeros(len(rows), dtype=bool) if problem.held is None else problem.held
    penalty = np.zeros(len(rows)) if problem.penalty is None else np.where(held, 0.0, problem.penalty)
    value = np.zeros(len(rows)) if problem.value is None else problem.value
    rank = np.empty(len(reps) + 1, dtype=np.int64)  # the last is for −1
    rank[reps], rank[-1] = np.arange(len(reps)), -1
    fixed = rank[fixed[rows]]
    return Instance(
        problem=problem,
        rows=rows,
        reps=reps,
        unit=unit,
        layout=laid_out(problem.pairs, rows, reps),
        terms=Terms(
            capacity=problem.bands.capacity[reps].astype(np.int64),
            price=_integers(problem.bands.price * unit),
            reserved_from=problem.bands.reserved_from,
            taken=np.bincount(fixed[fixed >= 0], minlength=len(reps)),
            penalty=_integers(penalty[rows] * unit),
        ),
        fixed=fixed,
        fixed_gain=_integers(fixed_weight[rows] * unit),
        is_open=~held[rows] & (fixed < 0),
        value=_integers(value[rows] * 100),
        value_cap=_hundredths(problem.value_cap, reps),
        cap_price=np.zeros(len(reps), dtype=np.int64),
    )


def _fixed(problem: Problem) -> tuple[Ints, Floats]:
    """The rep or −1, and the weight, of every opportunity, in the caller's order."""
    rep, weight = np.full(problem.shape[0], -1), np.zeros(problem.shape[0])
    if problem.fixed is not None:
        rep[problem.fixed.row], weight[problem.fixed.row] = problem.fixed.rep, problem.fixed.weight
    return rep, weight


def _hundredths(cap: Floats | None, reps: Ints) -> Ints:
    if cap is None:
        return np.full(len(reps), NO_CAP)
    return np.where(np.isfinite(cap), np.floor(np.nan_to_num(cap, posinf=0.0) * 100 + 1e-6), NO_CAP)[
        reps
    ].astype(np.int64)


def _integers(numbers: Floats) -> Ints:
    return np.rint(numbers).astype(np.int64)
