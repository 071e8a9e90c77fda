"""The whole batch at once: the plan that nothing exceeds, with its proof (formula and words: `problem`)."""

import numpy as np

from routing.engine.batch.instance import make_instance
from routing.engine.batch.parts import join, split
from routing.engine.batch.plan import NOBODY, Plan, make_plan, value_room
from routing.engine.batch.problem import Problem
from routing.engine.batch.search import optimum
from routing.engine.batch.value_caps import within_caps


def optimise(problem: Problem) -> Plan:
    """Exact without caps on value, and the same for the same problem in any order of its lists. With caps that bind,
    a plan within them and a proven gap."""
    return join(problem, [optimise_part(part) for part in split(problem)])


def optimise_part(problem: Problem) -> Plan:
    """One part of a split problem; `join` makes the whole from them."""
    instance = make_instance(problem)
    found = optimum(instance)
    rep = np.where(found.at < instance.terms.outside, found.at % max(instance.terms.reps, 1), NOBODY)
    rep = np.where(instance.fixed >= 0, instance.fixed, rep)
    if (value_room(instance, rep) < 0).any():
        return within_caps(instance, found)
    return make_plan(instance, rep, found.price, found.worth)
