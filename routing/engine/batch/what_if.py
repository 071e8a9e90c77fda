"""Questions to a batch: one more slot, one wall less, a person's edits. Each answers with a problem that can be solved.

A **wall** is what keeps pairs out that would be eligible otherwise: a territory, a language, a cap. At the plan's
prices a pair behind it gains, at most, its weight less the price of the rep's slot less what its opportunity has
already. So

    opening the wall adds at most   Σ over opportunities of the largest such excess        (weak duality)

and nothing where no pair exceeds: most walls are settled without solving. The others are checked by solving again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from routing.engine.batch.checks import ProblemError, named
from routing.engine.batch.layout import as_pairs
from routing.engine.batch.optimise import optimise
from routing.engine.batch.pairs import Pairs, Table
from routing.engine.batch.plan import Plan
from routing.engine.batch.problem import Problem
from routing.engine.roster import Floats, Ints, Mask

# --- one more slot --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlotCheck:
    """What one more slot adds: by the plan's price and by solving again, in integers (equal but for caps on value), and
    in the original weights."""

    by_price: int
    by_solving: int
    adds: float


def with_one_more_slot(problem: Problem, rep_id: int, band: int = 0) -> Problem:
    capacity = problem.bands.capacity.copy()
    capacity[named(problem.rep_ids, rep_id, "rep"), band] += 1
    return replace(problem, bands=replace(problem.bands, capacity=capacity), unit=problem.integers_per_unit)


def check_slot(problem: Problem, plan: Plan, rep_id: int, band: int = 0) -> SlotCheck:
    """Solves again with the slot. A displayed price is the plan's `slot_price`; this is what it is held against."""
    again = optimise(with_one_more_slot(problem, rep_id, band))
    rep = named(problem.rep_ids, rep_id, "rep")
    return SlotCheck(
        by_price=round(float(plan.slot_price[rep, band]) * problem.integers_per_unit),
        by_solving=again.certificate.primal - plan.certificate.primal,
        adds=again.objective - plan.objective,
    )


# --- one wall less --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Wall:
    """A wall by name, and the pairs that it alone forbids."""

    name: str
    pairs: Pairs


@dataclass(frozen=True)
class WallWorth:
    """`at_most` by the prices; `adds` by solving again, None where the prices said nothing already or nobody asked.
    `wanted` the (opportunity id, rep id) behind the wall that exceed, the greatest excess first."""

    name: str
    at_most: float
    adds: float | None
    wanted: tuple[tuple[int, int], ...]


def worth_of_walls(
    problem: Problem, plan: Plan, walls: Sequence[Wall], *, solve: bool = True
) -> list[WallWorth]:
    """What opening each wall, alone, is worth; the dearest first, then by name. The plan is that of the problem."""
    found = [_worth(problem, plan, wall, solve) for wall in walls]
    return sorted(found, key=lambda one: (-(one.at_most if one.adds is None else one.adds), one.name))


def _worth(problem: Problem, plan: Plan, wall: Wall, solve: bool) -> WallWorth:
    excess = _excess(problem, plan, wall.pairs)
    opportunities, reps = problem.opportunity_ids[wall.pairs.row], problem.rep_ids[wall.pairs.rep]
    found = by_excess(wall.name, opportunities, reps, excess)
    if not solve or not found.wanted:
        return found
    return replace(found, adds=optimise(without_wall(problem, wall)).objective - plan.objective)


def by_excess(name: str, opportunities: Ints, reps: Ints, excess: Floats) -> WallWorth:
    """By the prices alone: of each opportunity the pair behind the wall that exceeds most."""
    wanted = np.flatnonzero(excess > 0)
    wanted = wanted[np.lexsort((wanted, -excess[wanted]))]
    _, first = np.unique(opportunities[wanted], return_index=True)
    pairs = zip(opportunities[wanted].tolist(), reps[wanted].tolist(), strict=True)
    return WallWorth(name, float(excess[wanted][first].sum()), None, tuple(pairs))


def _excess(problem: Problem, plan: Plan, pairs: Pairs) -> Floats:
    """By how much each pair exceeds what its opportunity has; what is settled has no use for more."""
    proof = plan.certificate
    high = np.ones(len(pairs.row), dtype=bool) if pairs.high is None else pairs.high
    price = np.where(high, proof.price[pairs.rep], proof.open_price[pairs.rep])
    integer = np.rint(pairs.weight * problem.integers_per_unit) - price - proof.worth[pairs.row]
    return np.where(_settled(problem)[pairs.row], 0.0, np.maximum(integer, 0.0)) / problem.integers_per_unit


def _settled(problem: Problem) -> Mask:
    settled = np.zeros(problem.shape[0], dtype=bool) if problem.held is None else problem.held.copy()
    if problem.fixed is not None:
        settled[problem.fixed.row] = True
    return settled


def without_wall(problem: Problem, wall: Wall) -> Problem:
    """The problem with the pairs behind the wall. Raises ProblemError where one is eligible already."""
    pairs = as_pairs(problem.pairs) if isinstance(problem.pairs, Table) else problem.pairs
    both = Pairs(
        np.append(pairs.row, wall.pairs.row),
        np.append(pairs.rep, wall.pairs.rep),
        np.append(pairs.weight, wall.pairs.weight),
        np.append(_high(pairs), _high(wall.pairs)),
    )
    return replace(problem, pairs=both, unit=problem.integers_per_unit)


def _high(pairs: Pairs) -> Mask:
    return np.ones(len(pairs.row), dtype=bool) if pairs.high is None else pairs.high


# --- a person's edits -----------------------------------------------------------------------------------------------


def with_edits(
    problem: Problem,
    give: Mapping[int, int],
    hold: Collection[int] = (),
    weights: Mapping[tuple[int, int], float] | None = None,
) -> Problem:
    """Around what a person has settled: `give` opportunity id → rep id, `hold` opportunity ids that stay out. Both are
    added to what is fixed and held already, and win over it. `weights` of pairs that are not eligible, which a person
    may choose all the same; raises ProblemError where one is missing."""
    held = np.zeros(problem.shape[0], dtype=bool) if problem.held is None else problem.held.copy()
    kept = _still_fixed(problem, {*give, *hold})
    rows = [named(problem.opportunity_ids, one, "opportunity") for one in give]
    reps = [named(problem.rep_ids, one, "rep") for one in give.values()]
    held[rows] = False
    held[[named(problem.opportunity_ids, one, "opportunity") for one in hold]] = True
    found = [_weight(problem, row, rep, weights or {}) for row, rep in zip(rows, reps, strict=True)]
    fixed = Pairs(
        np.append(kept.row, rows).astype(np.int64),
        np.append(kept.rep, reps).astype(np.int64),
        np.append(kept.weight, found),
    )
    return replace(problem, fixed=fixed, held=held, unit=problem.integers_per_unit)


def _still_fixed(problem: Problem, edited: Collection[int]) -> Pairs:
    if problem.fixed is None:
        nothing: Ints = np.zeros(0, dtype=np.int64)
        return Pairs(nothing, nothing, np.zeros(0))
    stays = ~np.isin(problem.opportunity_ids[problem.fixed.row], list(edited))
    return Pairs(problem.fixed.row[stays], problem.fixed.rep[stays], problem.fixed.weight[stays])


def _weight(problem: Problem, row: int, rep: int, weights: Mapping[tuple[int, int], float]) -> float:
    ids = int(problem.opportunity_ids[row]), int(problem.rep_ids[rep])
    found = weights.get(ids, problem.pairs.weight_of(row, rep))
    if found is None:
        raise ProblemError(f"opportunity {ids[0]} with rep {ids[1]}: what it is worth is not known")
    return found
