"""One at a time, to whoever is next in turn and may have it: what most teams do today."""

import numpy as np

from routing.engine.batch.greedy import Choice, Slots, choice_of
from routing.engine.batch.instance import make_instance
from routing.engine.batch.problem import Problem
from routing.engine.roster import Ints


def greedy_by_turn(problem: Problem, order: Ints | None = None) -> Choice:
    """`order` is the caller's rows as they arrived, by default in rising order of ids. Next is who was given the
    fewest, ties by id; the match plays no part beyond who may have it."""
    instance = make_instance(problem)
    slots = Slots(instance)
    place = np.argsort(instance.rows)
    given = np.zeros(max(instance.terms.reps, 1), dtype=np.int64)
    arrived = np.arange(len(place)) if order is None else place[order]
    for row in arrived[instance.is_open[arrived]]:
        node = instance.block(np.array([row])).node[0]
        takers = node[slots.takers(row, node)]
        if len(takers):
            who = takers % max(instance.terms.reps, 1)
            first = np.lexsort((who, given[who]))[0]
            given[who[first]] += 1
            slots.give(row, int(takers[first]))
    return choice_of(instance, slots.rep)
