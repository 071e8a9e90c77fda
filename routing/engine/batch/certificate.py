"""Checking a plan and its proof against the problem, without the solver.

Weak duality: under any prices, no plan gains more than all rows' worth and all slots' margins together (`bound_of`). So
prices under which no pair is worth more than its row has, and whose bound equals what the plan gains, prove the plan
optimal, wherever they came from. Under caps on value the same holds with the value charged; there the bound may lie
above the plan, and the difference is the gap.
"""

from collections.abc import Iterator

import numpy as np

from routing.engine.batch.instance import NO_CAP, Instance, make_instance
from routing.engine.batch.plan import (
    NOBODY,
    Plan,
    bound_of,
    fixed_worth,
    low_counts,
    objective_of,
    value_room,
)
from routing.engine.batch.problem import Problem
from routing.engine.roster import Ints


def verify(problem: Problem, plan: Plan) -> tuple[str, ...]:
    """What does not hold, in sentences; empty for a plan that is allowed and as good as its certificate says."""
    instance = make_instance(problem).at_cap_price(_ordered(problem, plan.certificate.cap_price))
    rank = np.append(np.argsort(instance.reps), NOBODY)
    rep = rank[plan.rep[instance.rows]]
    allowed = tuple(_not_allowed(instance, rep))
    return allowed or tuple(_not_proven(instance, rep, plan))


def _ordered(problem: Problem, by_rep: Ints) -> Ints:
    return by_rep[np.argsort(problem.rep_ids, kind="stable")]


def _not_allowed(instance: Instance, rep: Ints) -> Iterator[str]:
    ids = instance.problem.opportunity_ids[instance.rows]
    people = instance.problem.rep_ids[instance.reps]
    for row in np.flatnonzero(~instance.is_open & (rep != instance.fixed)):
        yield f"opportunity {ids[row]} is settled otherwise"
    inside = np.flatnonzero((rep >= 0) & instance.is_open)
    _, node = instance.layout.at(inside, rep[inside])
    for row in inside[node < 0]:
        yield f"opportunity {ids[row]} with rep {people[rep[row]]} is not eligible"
    terms = instance.terms
    counts = np.bincount(rep[rep >= 0], minlength=terms.reps)
    for who in np.flatnonzero(counts > terms.capacity.sum(axis=1)):
        yield f"rep {people[who]} has more than there is room for"
    for who in np.flatnonzero(
        low_counts(instance, rep) > terms.capacity[:, : terms.reserved_from].sum(axis=1)
    ):
        yield f"rep {people[who]} has matches in reserved bands that are not high"
    for who in np.flatnonzero((value_room(instance, rep) < 0) & (instance.value_cap != NO_CAP)):
        yield f"rep {people[who]} exceeds the cap on value"


def _not_proven(instance: Instance, rep: Ints, plan: Plan) -> Iterator[str]:
    proof = plan.certificate
    price, open_price = (_ordered(instance.problem, found) for found in (proof.price, proof.open_price))
    worth = proof.worth[instance.rows]
    if proof.unit != instance.unit:
        yield "the certificate counts in another unit"
    if objective_of(instance, rep)[1] != proof.primal:
        yield "the plan gains something else than the certificate says"
    if (price < 0).any() or (open_price < price).any() or (proof.cap_price < 0).any():
        yield "a price is negative, or an open slot is cheaper than any"
    if (worth < -instance.terms.penalty)[instance.is_open].any():
        yield "an opportunity is worth less than staying out"
    if (worth != fixed_worth(instance, price))[~instance.is_open].any():
        yield "what is settled is worth something else at these prices"
    nodes = np.concatenate([open_price, price])
    for block in instance.blocks():
        wrong = block.gain - nodes[block.node] > worth[block.rows][:, None]
        for row in block.rows[wrong.any(axis=1)]:
            name = instance.problem.opportunity_ids[instance.rows[row]]
            yield f"opportunity {name} could have more at these prices"
    if bound_of(instance, price, open_price, worth) != proof.bound:
        yield "the prices bound something else than the certificate says"
    if not proof.primal <= plan.bound <= proof.bound:
        yield "the bound lies outside what is proven"
