"""Pairs in rising order of ids, some rows at a time: the one form in which both kinds of input are read.

Rows are opportunities. A rep has two **nodes**: r leads to the bands that are open to every match, R + r to all of his
bands. High matches enter at R + r, others at r.
"""

from dataclasses import dataclass

import numpy as np

from routing.engine.batch.pairs import CELLS_AT_ONCE, Indices, Pairs, Table
from routing.engine.roster import Floats, Ints, Mask

SPARSE_BELOW = 0.25  # of a table's cells eligible: it is read as a list


@dataclass(frozen=True, eq=False)
class Rows:
    """`weight` n × D, `node` n × D or 1 × D, and which are `there` (None: all)."""

    weight: Floats
    node: Ints
    there: Mask | None


@dataclass(frozen=True, eq=False)
class Listed:
    """Row i has the pairs start[i] to start[i + 1]."""

    start: Ints
    rep: Indices
    weight: Floats
    high: Mask | None
    reps: int

    @property
    def count(self) -> int:
        return len(self.rep)

    @property
    def at_once(self) -> int:
        """Rows in one block."""
        widest = int(np.diff(self.start).max(initial=0))
        return max(1, CELLS_AT_ONCE // max(widest, 1))

    def at(self, rows: Ints, reps: Ints) -> tuple[Floats, Ints]:
        """Weight and node of n pairs; node −1 where there is no such pair."""
        keys = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start)) * self.reps + self.rep
        wanted = rows * self.reps + reps
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        if not len(keys):
            return np.zeros(len(rows)), np.full(len(rows), -1)
        node = reps + (self.reps if self.high is None else self.reps * self.high[at])
        return self.weight[at].astype(np.float64), np.where(keys[at] == wanted, node, -1)

    def of(self, rows: Ints) -> Rows:
        first, degree = self.start[rows], self.start[rows + 1] - self.start[rows]
        place = np.arange(int(degree.max(initial=0)))
        there = place < degree[:, None]
        at = np.where(there, first[:, None] + place, 0)
        node = self.rep[at].astype(np.int64)
        node += self.reps if self.high is None else self.reps * self.high[at]
        return Rows(self.weight[at], node, there)


@dataclass(frozen=True, eq=False)
class Tabled:
    """`row` and `column` (None: as they stand) lead to the caller's table."""

    table: Table
    row: Ints | None
    column: Ints | None
    reps: int

    @property
    def count(self) -> int:
        eligible = self.table.eligible
        return self.table.weight.size if eligible is None else int(eligible.sum())

    @property
    def at_once(self) -> int:
        """Rows in one block."""
        return max(1, CELLS_AT_ONCE // max(self.reps, 1))

    def at(self, rows: Ints, reps: Ints) -> tuple[Floats, Ints]:
        """Weight and node of n pairs; node −1 where there is no such pair."""
        row = rows if self.row is None else self.row[rows]
        column = reps if self.column is None else self.column[reps]
        high, eligible = self.table.high, self.table.eligible
        node = reps + (self.reps if high is None else self.reps * high[row, column])
        if eligible is not None:
            node = np.where(eligible[row, column], node, -1)
        return self.table.weight[row, column].astype(np.float64), node

    def of(self, rows: Ints) -> Rows:
        node = (self.reps + np.arange(self.reps))[None, :]
        if self.table.high is not None:
            node = np.where(self._some(self.table.high, rows), node, node - self.reps)
        there = None if self.table.eligible is None else self._some(self.table.eligible, rows)
        return Rows(self._some(self.table.weight, rows), node, there)

    def _some(self, table: Floats | Mask, rows: Ints) -> np.ndarray:
        if self.row is None and len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            some = table[rows[0] : rows[-1] + 1]  # neighbours: looked at without a copy
        else:
            some = table[rows if self.row is None else self.row[rows]]
        return some if self.column is None else some[:, self.column]


Layout = Listed | Tabled


def laid_out(pairs: Pairs | Table, rows: Ints, reps: Ints) -> Layout:
    """The pairs in the order of `rows` (L) and `reps` (R), which are the caller's indices by rising id."""
    if isinstance(pairs, Pairs):
        return _listed(pairs, rows, reps)
    cells = max(pairs.weight.size, 1)
    if pairs.eligible is not None and pairs.eligible.sum() < SPARSE_BELOW * cells:
        return _listed(as_pairs(pairs), rows, reps)
    return Tabled(pairs, _unless_rising(rows), _unless_rising(reps), len(reps))


def as_pairs(table: Table) -> Pairs:
    """The eligible cells as a list."""
    eligible = np.ones(table.weight.shape, dtype=bool) if table.eligible is None else table.eligible
    row, rep = np.nonzero(eligible)
    high = None if table.high is None else table.high[row, rep]
    return Pairs(row, rep, table.weight[row, rep], high)


def _listed(pairs: Pairs, rows: Ints, reps: Ints) -> Listed:
    row, rep = _places(rows)[pairs.row], _places(reps)[pairs.rep]
    weight, high = pairs.weight, pairs.high
    key = row.astype(np.int64) * len(reps) + rep
    if not (np.diff(key) > 0).all():
        order = np.argsort(key, kind="stable")
        row, rep, weight = row[order], rep[order], weight[order]
        high = None if high is None else high[order]
    start = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(np.bincount(row, minlength=len(rows)), out=start[1:])
    return Listed(start, rep, weight, high, len(reps))


def _places(order: Ints) -> Indices:
    """Where each of the caller's indices stands in the order; half as wide as usual, for there may be millions."""
    places = np.empty(len(order), dtype=np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    return places


def _unless_rising(order: Ints) -> Ints | None:
    return None if (np.diff(order) == 1).all() else order
