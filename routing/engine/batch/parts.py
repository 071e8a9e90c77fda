"""A problem in independent parts, and the plan of the whole from theirs.

Opportunities and reps that no chain of pairs connects do not touch each other (territories without shared reps). Small
components share a part, so that thousands of them cost no thousands of solves. `optimise` goes the same way, so a
caller who spreads parts over workers gets the plan that solving at once gives.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from routing.engine.batch.layout import SPARSE_BELOW, as_pairs
from routing.engine.batch.pairs import Pairs, Table
from routing.engine.batch.plan import NOBODY, Certificate, Plan
from routing.engine.batch.problem import Problem
from routing.engine.roster import Ints

SMALLEST_PART = 20_000  # pairs


def split(problem: Problem) -> list[Problem]:
    """The parts, each a problem by itself in rising order of ids; the problem itself where there is one only.
    Splitting a part again gives that part."""
    pairs = problem.pairs
    if isinstance(pairs, Table):
        if pairs.eligible is None or pairs.eligible.sum() >= SPARSE_BELOW * max(pairs.weight.size, 1):
            return [problem]
        pairs = as_pairs(pairs)
    part_of_row, part_of_rep = _parts(problem, pairs)
    count = int(max(part_of_row.max(initial=0), part_of_rep.max(initial=0))) + 1
    if count == 1:
        return [problem]
    of_pair = part_of_row[pairs.row]
    return [_part(problem, pairs, of_pair == n, part_of_row == n, part_of_rep == n) for n in range(count)]


def _parts(problem: Problem, pairs: Pairs) -> tuple[Ints, Ints]:
    """The part of each row and of each rep: components in order of their first opportunity, together until they have
    SMALLEST_PART pairs. Who is in no pair goes with the first."""
    rows, reps = problem.shape
    row, rep = pairs.row, pairs.rep
    if problem.fixed is not None:
        row, rep = np.append(row, problem.fixed.row), np.append(rep, problem.fixed.rep)
    graph = coo_matrix((np.ones(len(row), dtype=np.int8), (row, rows + rep)), shape=(rows + reps,) * 2)
    components = connected_components(graph, directed=False)[1]
    sizes = np.bincount(components[row], minlength=int(components.max(initial=-1)) + 1)
    by_id = np.argsort(problem.opportunity_ids, kind="stable")
    met, first = np.unique(components[:rows][by_id], return_index=True)
    met = met[np.argsort(first)]
    met = met[sizes[met] > 0]
    part = np.zeros(len(sizes), dtype=np.int64)
    number, filled = 0, 0
    for component in met:
        if filled >= SMALLEST_PART:
            number, filled = number + 1, 0
        part[component] = number
        filled += int(sizes[component])
    of = part[components]
    return of[:rows], of[rows:]


def _part(problem: Problem, pairs: Pairs, chosen: Ints, in_rows: Ints, in_reps: Ints) -> Problem:
    rows = np.flatnonzero(in_rows)
    rows = rows[np.argsort(problem.opportunity_ids[rows], kind="stable")]
    reps = np.flatnonzero(in_reps)
    reps = reps[np.argsort(problem.rep_ids[reps], kind="stable")]
    places = [np.full(n, -1, dtype=np.int64) for n in problem.shape]
    places[0][rows], places[1][reps] = np.arange(len(rows)), np.arange(len(reps))

    def own(some: Pairs, at: Ints) -> Pairs:
        high = None if some.high is None else some.high[at]
        return Pairs(places[0][some.row[at]], places[1][some.rep[at]], some.weight[at], high)

    return Problem(
        opportunity_ids=problem.opportunity_ids[rows],
        rep_ids=problem.rep_ids[reps],
        pairs=own(pairs, np.flatnonzero(chosen)),
        bands=replace(problem.bands, capacity=problem.bands.capacity[reps]),
        penalty=None if problem.penalty is None else problem.penalty[rows],
        fixed=None
        if problem.fixed is None
        else own(problem.fixed, np.flatnonzero(in_rows[problem.fixed.row])),
        held=None if problem.held is None else problem.held[rows],
        value=None if problem.value is None else problem.value[rows],
        value_cap=None if problem.value_cap is None else problem.value_cap[reps],
        unit=problem.integers_per_unit,
    )


def join(problem: Problem, plans: Sequence[Plan]) -> Plan:
    """The plan of the whole from its parts' plans, in any order."""
    if len(plans) == 1 and len(plans[0].rep) == problem.shape[0]:
        return _as_listed(problem, plans[0])
    plans = sorted(plans, key=lambda plan: plan.opportunity_ids.min(initial=np.iinfo(np.int64).max))
    rep_ids = np.concatenate([plan.rep_ids for plan in plans])
    starts = np.cumsum([0, *(len(plan.rep_ids) for plan in plans)])
    together = Plan(
        opportunity_ids=np.concatenate([plan.opportunity_ids for plan in plans]),
        rep_ids=rep_ids,
        rep=np.concatenate(
            [
                np.where(plan.rep < 0, NOBODY, plan.rep + start)
                for plan, start in zip(plans, starts, strict=False)
            ]
        ),
        why_not=np.concatenate([plan.why_not for plan in plans]),
        objective=sum(plan.objective for plan in plans),
        bound=sum(plan.bound for plan in plans),
        rounding_cost=sum(plan.rounding_cost for plan in plans),
        certificate=_joined([plan.certificate for plan in plans]),
        slot_price=np.concatenate([plan.slot_price for plan in plans]),
        worth=np.concatenate([plan.worth for plan in plans]),
    )
    return _as_listed(problem, together)


def _joined(proofs: Sequence[Certificate]) -> Certificate:
    arrays = {
        name: np.concatenate([getattr(proof, name) for proof in proofs])
        for name in ("price", "open_price", "worth", "cap_price")
    }
    primal, bound = sum(proof.primal for proof in proofs), sum(proof.bound for proof in proofs)
    return Certificate(unit=proofs[0].unit, primal=primal, bound=bound, **arrays)


def _as_listed(problem: Problem, plan: Plan) -> Plan:
    """The plan in the order in which the problem lists its opportunities and reps."""
    rows, reps = (
        _places(plan.opportunity_ids, problem.opportunity_ids),
        _places(plan.rep_ids, problem.rep_ids),
    )
    back = np.append(np.argsort(reps), NOBODY)
    proof = plan.certificate
    return replace(
        plan,
        opportunity_ids=problem.opportunity_ids,
        rep_ids=problem.rep_ids,
        rep=back[plan.rep[rows]],
        why_not=plan.why_not[rows],
        certificate=replace(
            proof,
            price=proof.price[reps],
            open_price=proof.open_price[reps],
            worth=proof.worth[rows],
            cap_price=proof.cap_price[reps],
        ),
        slot_price=plan.slot_price[reps],
        worth=plan.worth[rows],
    )


def _places(have: Ints, wanted: Ints) -> Ints:
    """For each wanted id its place among those there are. Raises KeyError where the parts are of another problem."""
    order = np.argsort(have, kind="stable")
    if not np.array_equal(have[order], np.sort(wanted)):
        raise KeyError("the plans are not of all the problem's parts")
    return order[np.searchsorted(have[order], wanted)] if len(wanted) else np.zeros(0, dtype=np.int64)
