"""Some of an instance's pairs as arrays: all of them, those near an opportunity's best at given prices, or those that
contradict the prices.

Whatever is chosen is chosen by values and never by places, so that equal values are all in or all out: the k-th largest
value is the same on every machine, which of several equal ones stands there is not. Where too many are equal (scores
with few levels), a fraction that scatters them by row and node tells them apart; since gains are whole numbers, it
reorders nothing else.
"""

from dataclasses import dataclass

import numpy as np

from routing.engine.batch.instance import Block, Instance
from routing.engine.batch.pairs import Indices
from routing.engine.roster import Floats, Ints, Mask

CROWD = 64  # pairs of one row: more are thinned out
SCATTER = 65_521  # a prime


@dataclass(frozen=True, eq=False)
class Kept:
    """P pairs in rising order of row, then node."""

    row: Indices
    node: Indices
    gain: Ints

    def __len__(self) -> int:
        return len(self.row)

    def only(self, chosen: Mask) -> "Kept":
        return Kept(self.row[chosen], self.node[chosen], self.gain[chosen])

    def joined(self, other: "Kept") -> "Kept":
        """Both, which have no pair in common."""
        row, node = np.append(self.row, other.row), np.append(self.node, other.node)
        order = np.lexsort((node, row))
        return Kept(row[order], node[order], np.append(self.gain, other.gain)[order])


def everything(instance: Instance, rows: Ints | None = None) -> Kept:
    """All pairs, or all of some rows."""
    blocks = instance.blocks() if rows is None else [instance.block(rows)]
    return _gathered([_chosen(block, block.gain > -np.inf) for block in blocks])


def near(instance: Instance, price: Floats, slack: float, least: int) -> Kept:
    """The pairs whose gain less price is within `slack` of the opportunity's best (of staying out, if that is better),
    and at least the `least` best of each."""
    found = []
    for block in instance.blocks():
        margin = block.gain - price[block.node]
        best = np.maximum(margin.max(axis=1, initial=-np.inf), -instance.terms.penalty[block.rows])
        chosen = margin >= (best - slack)[:, None]
        size = chosen.sum(axis=1)
        for rows, most in ((np.flatnonzero(size < least), least), (np.flatnonzero(size > CROWD), CROWD)):
            scattered = margin[rows] + _scatter(block, rows)
            chosen[rows] = scattered >= _nth_largest(scattered, most)
        found.append(_chosen(block, chosen & (block.gain > -np.inf)))
    return _gathered(found)


def within(instance: Instance, price: Floats, worth: Floats, distance: int) -> Kept:
    """All pairs that fall short of what their opportunity has by `distance` at most."""
    found = []
    for block in instance.blocks():
        short = worth[block.rows][:, None] - (block.gain - price[block.node])
        found.append(_chosen(block, short <= distance))
    return _gathered(found)


def better(instance: Instance, price: Floats, worth: Floats, most: int) -> tuple[Kept, int]:
    """Pairs whose gain less price exceeds what the opportunity has (`worth`, L): about the `most` worst of each row,
    and how many there are in all. None at all is the proof."""
    found, count = [], 0
    for block in instance.blocks():
        excess = block.gain - price[block.node]
        excess -= worth[block.rows][:, None]
        some = np.flatnonzero(excess.max(axis=1, initial=-np.inf) > 0)
        if len(some):
            excess = excess[some]
            count += int((excess > 0).sum())
            scattered = np.where(excess > 0, excess + _scatter(block, some), -np.inf)
            chosen = (excess > 0) & (scattered >= _nth_largest(scattered, most))
            node = block.node if len(block.node) == 1 else block.node[some]
            found.append(_chosen(Block(block.rows[some], block.gain[some], node), chosen))
    return _gathered(found), count


def _scatter(block: Block, some: Ints) -> Floats:
    """n × D fractions below a half."""
    node = block.node if len(block.node) == 1 else block.node[some]
    return np.asarray(((block.rows[some][:, None] * 7919 + node * 104_729) % SCATTER) / (2 * SCATTER))


def _nth_largest(values: Floats, n: int) -> Floats:
    """n × 1: of each row; of rows that are too short the smallest."""
    width = values.shape[1]
    place = max(width - n, 0)
    return np.partition(values, place, axis=1)[:, place : place + 1] if width else values


def _chosen(block: Block, chosen: Mask) -> Kept:
    at, place = np.nonzero(chosen)
    node = block.node[0, place] if len(block.node) == 1 else block.node[at, place]
    return Kept(
        block.rows[at].astype(np.int32), node.astype(np.int32), block.gain[at, place].astype(np.int64)
    )


def _gathered(found: list[Kept]) -> Kept:
    nothing = Kept(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))
    found = found or [nothing]
    return Kept(
        np.concatenate([one.row for one in found]),
        np.concatenate([one.node for one in found]),
        np.concatenate([one.gain for one in found]),
    )
