"""Dual prices from an optimal plan: the least ones, by longest paths in the residual graph.

A price p per node says what one more slot there is worth. They belong to an optimal plan exactly when (complementary
slackness, in the form of reduced costs; Ahuja, Magnanti and Orlin, "Network Flows", 1993, section 9.3)

    p[b] ≥ p[a] + gain[l, b] − gain[l, a]         for each row l that is at node a, and every other pair of it
    p[b] ≥ gain[l, b] + penalty[l]                for each row that stays outside, where the price is 0
    p[node of band k] ≥ price[k]                  where a slot of the band is used
    p[r] ≥ p[R + r], and equal where a high match sits in an open band

Rows need no nodes of their own: each gives an edge from where it is to where it could be, so the graph has 2R + 1
nodes whatever the number of opportunities. Solutions of such a system have a least one, which longest paths from the
fixed price outside find (the same book, section 5.3). It depends on the problem alone and not on which of several
optimal plans was found, and with whole capacities p − price[k] is exactly what one more slot of a band adds (L.
Shapley, "Complements and substitutes in the optimal assignment problem", Naval Research Logistics Quarterly 1962):
hence the least. The other side of it: `worth`, gain less price, is exactly what an opportunity adds.
"""

from dataclasses import dataclass

import numpy as np

from routing.engine.batch.instance import Terms
from routing.engine.batch.kept import Kept
from routing.engine.roster import Floats, Ints

LARGEST_SQUARE = 4_000_000  # cells


class NotOptimal(RuntimeError):
    """The plan is not optimal over the pairs it was found on."""


@dataclass(frozen=True, eq=False)
class Edges:
    """E constraints p[head] ≥ p[tail] + length, the strongest of each two nodes, in rising order of head."""

    tail: Ints
    head: Ints
    length: Floats


def gains_at(kept: Kept, at: Ints, terms: Terms) -> Floats:
    """L: what each row gains where it is; outside minus the penalty."""
    gain = -terms.penalty.astype(np.float64)
    here = kept.node == at[kept.row]
    gain[kept.row[here]] = kept.gain[here]
    return gain


def least_prices(kept: Kept, at: Ints, terms: Terms) -> Floats:
    """2R + 1 prices, the last of them (outside) nil. Raises NotOptimal where the plan could be bettered."""
    counts = terms.counts(at)
    edges = _edges(kept, at, terms, counts)
    price = _least_by_bands(terms, counts)
    starts = np.flatnonzero(np.diff(edges.head, prepend=-1))
    heads = edges.head[starts]
    for _ in range(len(price) + 1):
        risen = price.copy()
        if len(starts):
            reached = np.maximum.reduceat(price[edges.tail] + edges.length, starts)
            risen[heads] = np.maximum(price[heads], reached)
        if risen[-1] > 0:
            break
        if np.array_equal(risen, price):
            return price
        price = risen
    raise NotOptimal("prices rise without end: some exchange would gain")


def _least_by_bands(terms: Terms, counts: Ints) -> Floats:
    """Where a slot of a band is used, its node is worth the band's price at least."""
    price = np.zeros(terms.outside + 1)
    used = terms.used(counts) > 0
    np.maximum.at(price, terms.band_nodes[used], np.broadcast_to(terms.price, used.shape)[used])
    return price


def _edges(kept: Kept, at: Ints, terms: Terms, counts: Ints) -> Edges:
    here = gains_at(kept, at, terms)
    tail = at[kept.row]
    moves = np.flatnonzero(tail != kept.node)
    inside = np.flatnonzero(at < terms.outside)
    used, bands = terms.used(counts), terms.band_nodes
    unused = used < terms.capacity
    every = np.arange(terms.reps)
    back = every[_high_in_open_bands(at, terms, used) > 0]
    cheap = np.broadcast_to(terms.price, used.shape)
    return _strongest(
        terms,
        np.concatenate([tail[moves], at[inside], bands[unused], every + terms.reps, back]),
        np.concatenate([
            kept.node[moves],
            np.full(len(inside) + int(unused.sum()), terms.outside),
            every,
            back + terms.reps,
        ]),
        np.concatenate([
            kept.gain[moves] - here[kept.row[moves]],
            -terms.penalty[inside] - here[inside],
            -cheap[unused],
            np.zeros(terms.reps + len(back)),
        ]),
    )  # fmt: skip


def _high_in_open_bands(at: Ints, terms: Terms, used: Ints) -> Ints:
    """R: how many that could have a reserved slot sit in an open one."""
    low = np.bincount(at[at < terms.reps], minlength=terms.reps)
    return np.asarray(used[:, : terms.reserved_from].sum(axis=1) - low)


def _strongest(terms: Terms, tail: Ints, head: Ints, length: Floats) -> Edges:
    """Of all edges between two nodes the longest: in a square of nodes where that is small, else by sorting."""
    nodes = terms.outside + 1
    key = head.astype(np.int64) * nodes + tail
    if nodes * nodes <= LARGEST_SQUARE:
        square = np.full(nodes * nodes, -np.inf)
        np.maximum.at(square, key, length)
        found = np.flatnonzero(square > -np.inf)
        return Edges(found % nodes, found // nodes, square[found])
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    return Edges(key[starts] % nodes, key[starts] // nodes, np.maximum.reduceat(length[order], starts))
