"""Who could have what, at which weight: as a list of pairs, or as a full table that is never copied whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from routing.engine.roster import Floats, Ints, Mask

Indices = npt.NDArray[np.signedinteger[Any]]  # 64 bits, or 32 where there may be millions
CELLS_AT_ONCE = 1_000_000  # of a table: what is looked at in one go


@dataclass(frozen=True, eq=False)
class Pairs:
    """P eligible pairs, in any order, each at most once. `row` and `rep` index the problem's ids; `high` (None: all)
    marks matches at or above the high-match bound, the others reach the bands below `reserved_from` only."""

    row: Ints
    rep: Ints
    weight: Floats
    high: Mask | None = None

    def weight_of(self, row: int, rep: int) -> float | None:
        """None where the pair is not eligible."""
        found = np.flatnonzero((self.row == row) & (self.rep == rep))
        return float(self.weight[found[0]]) if len(found) else None

    def weights(self) -> Iterator[Floats]:
        yield self.weight


@dataclass(frozen=True, eq=False)
class Table:
    """The same as a full table: `weight`, `eligible` (None: all are) and `high` are L × R. It is never copied whole."""

    weight: Floats
    eligible: Mask | None = None
    high: Mask | None = None

    def weight_of(self, row: int, rep: int) -> float | None:
        """None where the pair is not eligible."""
        if self.eligible is not None and not self.eligible[row, rep]:
            return None
        return float(self.weight[row, rep])

    def weights(self) -> Iterator[Floats]:
        """Those of the eligible pairs, some rows at a time."""
        rows, reps = self.weight.shape
        step = max(1, CELLS_AT_ONCE // max(reps, 1))
        for first in range(0, rows, step):
            some = slice(first, first + step)
            yield self.weight[some] if self.eligible is None else self.weight[some][self.eligible[some]]


@dataclass(frozen=True, eq=False)
class Bands:
    """`capacity` R × K free slots of each rep in each load band; `price` (K) of a slot, in the unit of the weights."""

    capacity: Ints
    price: Floats
    reserved_from: int = 1
