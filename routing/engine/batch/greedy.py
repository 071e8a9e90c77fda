"""What both greedy ways share: slots that fill as opportunities are given away, and what came of it."""

from dataclasses import dataclass

import numpy as np

from routing.engine.batch.instance import Instance
from routing.engine.batch.pairs import Indices
from routing.engine.batch.plan import NOBODY, objective_of, value_room
from routing.engine.roster import Ints, Mask


@dataclass(frozen=True, eq=False)
class Choice:
    """`rep` (L) in the caller's order, NOBODY outside; `objective` in the original weights, `integer` in integers."""

    rep: Ints
    objective: float
    integer: int


def choice_of(instance: Instance, rep: Ints) -> Choice:
    objective, integer = objective_of(instance, rep)
    listed = np.empty_like(rep)
    listed[instance.rows] = np.append(instance.reps, NOBODY)[rep]
    return Choice(listed, objective, integer)


class Slots:
    """Who has what so far, in canonical order. `next_price` (R) is what the next slot of each rep costs."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.rep = np.where(instance.fixed >= 0, instance.fixed, NOBODY)
        terms = instance.terms
        self._room = value_room(instance, self.rep)
        self._left = terms.capacity.sum(axis=1) - terms.taken
        self._open_left = terms.capacity[:, : terms.reserved_from].sum(axis=1)
        self._counts = terms.taken.copy()
        self._ends = np.cumsum(terms.capacity, axis=1)
        self.next_price = np.zeros(terms.reps, dtype=np.int64)
        for rep in range(terms.reps):
            self._reprice(rep)

    def takers(self, row: int, node: Ints) -> Mask:
        """Which nodes can take the row now."""
        who = node % max(self.instance.terms.reps, 1)
        enough = (self._left[who] > 0) & (self.instance.value[row] <= self._room[who])
        return np.asarray(enough & ((node >= self.instance.terms.reps) | (self._open_left[who] > 0)))

    def perhaps(self, row: Indices, node: Indices) -> Mask:
        """Which pairs are not out of the question yet."""
        return np.asarray((self.rep[row] < 0) & (self._left[node % max(self.instance.terms.reps, 1)] > 0))

    def can_take(self, row: int, node: int) -> bool:
        """The same for one node."""
        who = node % self.instance.terms.reps
        is_high = node >= self.instance.terms.reps
        enough = self._left[who] > 0 and self.instance.value[row] <= self._room[who]
        return bool(enough and (is_high or self._open_left[who] > 0))

    def give(self, row: int, node: int) -> None:
        who = node % self.instance.terms.reps
        self.rep[row] = who
        self._left[who] -= 1
        self._open_left[who] -= node < self.instance.terms.reps
        self._room[who] -= self.instance.value[row]
        self._counts[who] += 1
        self._reprice(who)

    def _reprice(self, rep: int) -> None:
        prices = self.instance.terms.price
        band = int((self._ends[rep] <= self._counts[rep]).sum())
        self.next_price[rep] = prices[band] if band < len(prices) else 0
