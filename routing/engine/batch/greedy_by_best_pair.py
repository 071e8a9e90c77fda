"""The best pair first, then the best of the rest: what a batch is compared with."""

import numpy as np

from routing.engine.batch.greedy import Choice, Slots, choice_of
from routing.engine.batch.instance import make_instance
from routing.engine.batch.kept import everything
from routing.engine.batch.problem import Problem

LOOKED_AT = 50_000  # pairs at a time, without those that are settled by now


def greedy_by_best_pair(problem: Problem) -> Choice:
    """Pairs in falling order of gain, ties by ids; each is made if it still can be. Same bands, same caps."""
    instance = make_instance(problem)
    slots, kept = Slots(instance), everything(instance)
    order = np.lexsort((kept.node, kept.row, -kept.gain))
    for first in range(0, len(order), LOOKED_AT):
        some = order[first : first + LOOKED_AT]
        for pair in some[slots.perhaps(kept.row[some], kept.node[some])]:
            row, node = int(kept.row[pair]), int(kept.node[pair])
            if slots.rep[row] >= 0 or not slots.can_take(row, node):
                continue
            if kept.gain[pair] - slots.next_price[node % instance.terms.reps] > -instance.terms.penalty[row]:
                slots.give(row, node)
    return choice_of(instance, slots.rep)
