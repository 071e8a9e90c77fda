"""Batches for the tests: random ones of every kind, and every plan there is of a small one."""

from dataclasses import replace
from itertools import product

import numpy as np

from routing.engine.batch.layout import as_pairs
from routing.engine.batch.pairs import Bands, Pairs, Table
from routing.engine.batch.plan import Plan
from routing.engine.batch.problem import Problem


def make_problem(
    weight: list[list[float]],
    capacity: list[list[int]],
    prices: tuple[float, ...] = (0.0, 1.0),
    *,
    high: list[list[bool]] | None = None,
    **more: object,
) -> Problem:
    """A table by hand; opportunities are 1, 2, 3 …, reps 11, 12, 13 …; a negative weight is no pair."""
    table = np.array(weight, dtype=float).reshape(-1, len(capacity))
    bands = Bands(np.array(capacity, dtype=np.int64).reshape(-1, len(prices)), np.array(prices))
    pairs = Table(np.abs(table), table >= 0, None if high is None else np.array(high))
    return Problem(
        1 + np.arange(len(table)), 11 + np.arange(len(capacity)), pairs, bands, **more  # type: ignore[arg-type]
    )  # fmt: skip


def random_problem(seed: int, opportunities: int, reps: int, kind: str = "list") -> Problem:
    """`kind`: list, table, masked (a table with gaps), settled (a list with fixed and held ones), or ties."""
    rng = np.random.default_rng(seed)
    shape = (opportunities, reps)
    weight = rng.lognormal(2, 1, opportunities)[:, None] * rng.random(shape)
    if kind == "ties":
        weight = rng.integers(0, 3, shape).astype(float)
    high, eligible = rng.random(shape) < 0.5, rng.random(shape) < 0.6
    if kind == "table":
        pairs: Pairs | Table = Table(weight)
    elif kind == "masked":
        pairs = Table(weight, eligible, high)
    else:
        pairs = _shuffled(as_pairs(Table(weight, eligible, high)), rng)
    each = max(round(1.1 * opportunities / max(reps, 1)), 1)
    bands = Bands(rng.integers(0, each + 1, (reps, 2)), np.array([0.0, rng.choice([0.0, 1.0, 5.0])]))
    problem = Problem(
        rng.permutation(opportunities) + 10,
        rng.permutation(reps) + 100,
        pairs,
        bands,
        penalty=rng.choice([0.0, 1.0], opportunities),
        value=np.round(rng.lognormal(3, 1, opportunities), 2),
    )
    return _settled(problem, rng) if kind == "settled" else problem


def _shuffled(pairs: Pairs, rng: np.random.Generator) -> Pairs:
    order = rng.permutation(len(pairs.row))
    assert pairs.high is not None
    return Pairs(pairs.row[order], pairs.rep[order], pairs.weight[order], pairs.high[order])


def _settled(problem: Problem, rng: np.random.Generator) -> Problem:
    """One opportunity for each of the first reps is fixed, a tenth of the others held."""
    free = np.flatnonzero(problem.bands.capacity.sum(axis=1) > 0)[: problem.shape[0] // 3]
    rows = rng.permutation(problem.shape[0])[: len(free)]
    held = rng.random(problem.shape[0]) < 0.1
    held[rows] = False
    return replace(problem, fixed=Pairs(rows, free, rng.random(len(rows))), held=held)


def with_caps(problem: Problem, share: float, seed: int = 0) -> Problem:
    """Two in three reps may carry `share` of an even share of the value."""
    assert problem.value is not None
    reps = problem.shape[1]
    capped = np.random.default_rng(seed).random(reps) < 0.67
    return replace(problem, value_cap=np.where(capped, share * problem.value.sum() / max(reps, 1), np.inf))


def integers(problem: Problem, numbers: np.ndarray) -> list[int]:
    return [round(float(number)) for number in np.rint(numbers * problem.integers_per_unit)]


def best_of_all(problem: Problem) -> int:
    """The optimum in integers, by trying every plan. Without fixed and held ones."""
    pairs = as_pairs(problem.pairs) if isinstance(problem.pairs, Table) else problem.pairs
    high = np.ones(len(pairs.row), dtype=bool) if pairs.high is None else pairs.high
    gains = integers(problem, pairs.weight)
    known = {
        (int(row), int(rep)): (gain, bool(is_high))
        for row, rep, gain, is_high in zip(pairs.row, pairs.rep, gains, high, strict=True)
    }
    assert problem.penalty is not None
    penalties, prices = integers(problem, problem.penalty), integers(problem, problem.bands.price)
    choices = [
        [(-1, -penalties[row], False)]
        + [(rep, *known[row, rep]) for rep in range(problem.shape[1]) if (row, rep) in known]
        for row in range(problem.shape[0])
    ]
    return max(found for plan in product(*choices) if (found := _gain(problem, plan, prices)) is not None)


def _gain(problem: Problem, plan: tuple[tuple[int, int, bool], ...], prices: list[int]) -> int | None:
    """None for a plan that is not allowed."""
    total = sum(gain for _, gain, _ in plan)
    for rep in range(problem.shape[1]):
        own = [is_high for who, _, is_high in plan if who == rep]
        free, dear = (int(n) for n in problem.bands.capacity[rep])
        if len(own) > free + dear or own.count(False) > free:
            return None
        total -= min(len(own), free) * prices[0] + max(len(own) - free, 0) * prices[1]
        if problem.value_cap is not None and problem.value is not None:
            carried = sum(
                round(100 * float(v))
                for v, (who, _, _) in zip(problem.value, plan, strict=True)
                if who == rep
            )
            if carried > 100 * problem.value_cap[rep] + 1e-6:
                return None
    return total


def by_id(plan: Plan) -> dict[int, tuple[int | None, int, int]]:
    """Opportunity id → rep id, why not, and worth in integers: the plan whatever its order."""
    people = [None if rep < 0 else int(plan.rep_ids[rep]) for rep in plan.rep]
    return {
        int(one): (rep, int(why), int(worth))
        for one, rep, why, worth in zip(
            plan.opportunity_ids, people, plan.why_not, plan.certificate.worth, strict=True
        )
    }


def prices_by_id(plan: Plan) -> dict[int, tuple[int, int]]:
    proof = plan.certificate
    return {
        int(rep): (int(price), int(open_price))
        for rep, price, open_price in zip(plan.rep_ids, proof.price, proof.open_price, strict=True)
    }
