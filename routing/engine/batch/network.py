"""The cheapest flow over given pairs: each opportunity sends one unit to a rep's node or outside.

    opportunity ─ −gain ─▶ R + r (all bands) ─ 0 ─▶ r (open bands) ─ price, capacity ─▶ sink
                └ penalty ─▶ sink              └ price, capacity of the reserved bands ─▶ sink

Where nothing but high matches is kept, each rep sells all bands at R + r, and the step between is left out.

Solved exactly, in integers, by OR-Tools' cost-scaling push-relabel (A. Goldberg, "An efficient implementation of a
scaling minimum-cost flow algorithm", J. Algorithms 1997). The same arcs in the same order give the same flow.
"""

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from routing.engine.batch.instance import Terms
from routing.engine.batch.kept import Kept
from routing.engine.batch.pairs import Indices
from routing.engine.roster import Ints


class NoFlow(RuntimeError):
    """The solver gave up. A checked problem always has a flow: everything else may stay outside."""


def cheapest(kept: Kept, terms: Terms) -> Ints:
    """The node of each of the L rows, `terms.outside` for those that stay out."""
    at = np.full(len(terms.penalty), terms.outside)
    if not len(kept):
        return at
    rows, first = np.unique(kept.row, return_index=True)
    flow = SimpleMinCostFlow()
    source = np.repeat(np.arange(len(rows)), np.diff(np.append(first, len(kept))))
    _arcs(flow, source, len(rows) + kept.node, np.ones(len(kept), np.int64), -kept.gain)
    _add_outside(flow, terms, rows)
    _add_bands(flow, terms, len(rows), bool((kept.node < terms.reps).any()))
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise NoFlow(f"the min-cost flow ended as {status.name}")
    sent = np.asarray(flow.flows(np.arange(len(kept), dtype=np.int32))) > 0
    at[kept.row[sent]] = kept.node[sent]
    return at


def _add_outside(flow: SimpleMinCostFlow, terms: Terms, rows: Indices) -> None:
    """Rows are nodes 0 to n; then come each rep's open bands, each rep's all bands, and the sink."""
    n, sink = len(rows), len(rows) + 2 * terms.reps
    _arcs(flow, np.arange(n), np.full(n, sink), np.ones(n, np.int64), terms.penalty[rows])
    supply = np.concatenate([np.ones(n), np.zeros(terms.reps), terms.taken, [-n - terms.taken.sum()]])
    flow.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supply.astype(np.int64))


def _add_bands(flow: SimpleMinCostFlow, terms: Terms, first: int, two_steps: bool) -> None:
    every, sink = np.arange(first, first + terms.reps), first + 2 * terms.reps
    if two_steps:
        most = len(terms.penalty) + int(terms.taken.sum())
        _arcs(flow, every + terms.reps, every, np.full(terms.reps, most), np.zeros(terms.reps, np.int64))
    for band, price in enumerate(terms.price):
        sells = np.flatnonzero(terms.capacity[:, band] > 0)
        nodes = terms.band_nodes[:, band] if two_steps else np.arange(terms.reps, 2 * terms.reps)
        capacity = terms.capacity[sells, band]
        _arcs(flow, first + nodes[sells], np.full(len(sells), sink), capacity, np.full(len(sells), price))


def _arcs(flow: SimpleMinCostFlow, tail: Indices, head: Indices, capacity: Ints, cost: Ints) -> None:
    """All at once: one by one, adding takes longer than solving."""
    flow.add_arcs_with_capacity_and_unit_cost(
        tail.astype(np.int32), head.astype(np.int32), capacity.astype(np.int64), cost.astype(np.int64)
    )
