"""One at a time, as leads come in: each takes the best that is left. What a batch is compared with."""

import numpy as np

from routing.engine.batch.greedy import Choice, Slots, choice_of
from routing.engine.batch.instance import make_instance
from routing.engine.batch.problem import Problem
from routing.engine.roster import Ints


def greedy_by_arrival(problem: Problem, order: Ints | None = None) -> Choice:
    """`order` is the caller's rows as they arrived, by default in rising order of ids. Same bands, same caps."""
    instance = make_instance(problem)
    slots = Slots(instance)
    place = np.argsort(instance.rows)
    arrived = np.arange(len(place)) if order is None else place[order]
    for row in arrived[instance.is_open[arrived]]:
        block = instance.block(np.array([row]))
        node = block.node[0]
        gain = block.gain[0] - slots.next_price[node % max(instance.terms.reps, 1)]
        gain[~slots.takers(row, node)] = -np.inf
        if len(gain) and gain.max() > -instance.terms.penalty[row]:
            slots.give(row, int(node[np.argmax(gain)]))
    return choice_of(instance, slots.rep)
