"""What the optimum is compared with: one min-cost flow over all pairs, its arcs added some rows at a time."""

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from routing.engine.batch.pairs import Table
from routing.engine.batch.problem import Problem

ROWS_AT_ONCE = 1000


def dense_flow(problem: Problem) -> int:
    """The optimum in the same integers: with all bands open and no penalties."""
    assert isinstance(problem.pairs, Table)
    (rows, reps), unit = problem.shape, problem.integers_per_unit
    sink, flow = rows + reps, SimpleMinCostFlow()

    def add(tail: np.ndarray, head: np.ndarray, capacity: np.ndarray, cost: np.ndarray) -> None:
        flow.add_arcs_with_capacity_and_unit_cost(
            tail.astype(np.int32), head.astype(np.int32), capacity.astype(np.int64), cost.astype(np.int64)
        )

    for first in range(0, rows, ROWS_AT_ONCE):
        some = np.arange(first, min(first + ROWS_AT_ONCE, rows))
        gain = np.rint(problem.pairs.weight[some] * unit).ravel()
        tail, head = np.repeat(some, reps), np.tile(rows + np.arange(reps), len(some))
        add(tail, head, np.ones(len(tail)), -gain)
    add(np.arange(rows), np.full(rows, sink), np.ones(rows), np.zeros(rows))
    for band, price in enumerate(np.rint(problem.bands.price * unit)):
        capacity = problem.bands.capacity[:, band]
        add(rows + np.arange(reps), np.full(reps, sink), capacity, np.full(reps, price))
    supply = np.concatenate([np.ones(rows), np.zeros(reps), [-rows]]).astype(np.int64)
    flow.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supply)
    assert flow.solve() == flow.OPTIMAL
    np.asarray(flow.flows(np.arange(rows * reps, dtype=np.int32)))
    return -int(flow.optimal_cost())
