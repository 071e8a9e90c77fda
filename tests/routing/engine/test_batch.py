"""The optimum of a batch: a worked example, every plan tried, HiGHS' bound, any order of rows, and nothing at all."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from routing.engine.batch.certificate import verify
from routing.engine.batch.instance import make_instance
from routing.engine.batch.kept import everything
from routing.engine.batch.layout import as_pairs
from routing.engine.batch.optimise import optimise
from routing.engine.batch.pairs import Bands, Pairs, Table
from routing.engine.batch.plan import NOBODY, WhyNot
from routing.engine.batch.problem import Problem
from routing.engine.batch.search import by_prices, solved
from tests.routing.engine.batch_cases import best_of_all, by_id, make_problem, prices_by_id, random_problem

KINDS = ("list", "table", "masked", "settled", "ties")
NO = -1.0


def test_worked_example() -> None:
    """Greedy would give 1 to rep 11 (10) and leave 2 with 1; together 9 + 8 is more."""
    plan = optimise(make_problem([[10, 9], [8, 1], [2, 2]], [[1, 0], [1, 0]]))
    assert plan.rep.tolist() == [1, 0, NOBODY]
    assert (plan.objective, plan.gap, plan.is_proven_optimal) == (17.0, 0.0, True)
    assert plan.why_not.tolist() == [WhyNot.ASSIGNED, WhyNot.ASSIGNED, WhyNot.EVERYBODY_FULL]
    assert (plan.certificate.primal, plan.certificate.bound, plan.bound) == (1_700_000,) * 3
    # one more slot of rep 11: 10 + 8 + nothing for rep 12 but 2; of rep 12: 9 + 8 + 2
    assert plan.slot_price.tolist() == [[3.0, 2.0], [2.0, 1.0]]
    assert plan.worth.tolist() == [7.0, 5.0, 0.0]


def test_the_dear_band_is_used_where_it_pays_and_by_high_matches_only() -> None:
    high = [[True], [True], [False]]
    plan = optimise(make_problem([[5], [0.5], [4]], [[1, 2]], high=high))
    assert plan.rep.tolist() == [0, NOBODY, 0]
    assert plan.objective == 8.0  # 5 in the dear band, and the low match has the free slot
    assert plan.why_not[1] == WhyNot.STAYING_OUT_IS_WORTH_MORE


@pytest.mark.parametrize("kind", ["list", "masked", "table", "ties"])
def test_no_plan_exceeds_it(kind: str) -> None:
    rng = np.random.default_rng(0)
    for seed in range(60):
        problem = random_problem(seed, int(rng.integers(0, 6)), int(rng.integers(1, 4)), kind)
        plan = optimise(problem)
        assert plan.certificate.primal == best_of_all(problem)
        assert (plan.gap, verify(problem, plan)) == (0.0, ())


def test_six_by_six() -> None:
    problem = replace(
        random_problem(1, 6, 6, "masked"), bands=Bands(np.tile([1, 1], (6, 1)), np.array([0.0, 3.0]))
    )
    assert optimise(problem).certificate.primal == best_of_all(problem)


@pytest.mark.parametrize("kind", KINDS)
def test_it_equals_the_bound_of_a_linear_programme(kind: str) -> None:
    for seed in range(6):
        problem = random_problem(seed, 60, 9, kind)
        assert optimise(problem).certificate.primal == round(_linear_bound(problem))


def _linear_bound(problem: Problem) -> float:
    """HiGHS on the same integers, without the network: pairs and slots as variables."""
    pairs = as_pairs(problem.pairs) if isinstance(problem.pairs, Table) else problem.pairs
    (rows, reps), unit = problem.shape, problem.integers_per_unit
    settled = np.zeros(rows, dtype=bool) if problem.held is None else problem.held.copy()
    taken, fixed = np.zeros(reps), 0.0
    if problem.fixed is not None:
        settled[problem.fixed.row] = True
        taken = np.bincount(problem.fixed.rep, minlength=reps).astype(float)
        fixed = float(np.rint(problem.fixed.weight * unit).sum())
    use = ~settled[pairs.row]
    row, rep, gain = pairs.row[use], pairs.rep[use], np.rint(pairs.weight[use] * unit)
    low = np.zeros(len(row), dtype=bool) if pairs.high is None else ~pairs.high[use]
    assert problem.penalty is not None
    penalty = np.rint(np.where(settled, 0.0, problem.penalty) * unit)
    matrix = np.zeros((rows + 2 * reps, len(row) + 2 * reps))
    matrix[row, np.arange(len(row))] = 1
    matrix[rows + rep, np.arange(len(row))] = 1
    matrix[rows + reps + rep[low], np.flatnonzero(low)] = 1
    for one in range(reps):
        matrix[rows + one, len(row) + 2 * one : len(row) + 2 * one + 2] = -1
        matrix[rows + reps + one, len(row) + 2 * one] = -1
    cost = np.concatenate([-(gain + penalty[row]), np.tile(np.rint(problem.bands.price * unit), reps)])
    most = np.concatenate([np.ones(rows), -taken, np.zeros(reps)])
    slots = [(0, int(n)) for n in problem.bands.capacity.ravel()]
    found = linprog(cost, A_ub=matrix, b_ub=most, bounds=[(0, 1)] * len(row) + slots)
    return fixed - float(penalty.sum()) - float(found.fun)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_going_by_prices_gives_the_same_optimum_and_the_same_prices(kind: str, seed: int) -> None:
    problem = random_problem(seed, 500, 60, kind)
    instance = make_instance(problem)
    whole, by_price = solved(everything(instance), instance.terms), by_prices(instance)
    assert by_price.price.tolist() == whole.price.tolist()
    assert by_price.worth.tolist() == whole.worth.tolist()


def test_going_by_prices_where_every_pair_is_alike() -> None:
    """Nothing to choose by: everything near the best would be everything."""
    bands = Bands(np.full((80, 2), 3), np.array([0.0, 0.1]))
    instance = make_instance(Problem(np.arange(600), np.arange(80), Table(np.ones((600, 80))), bands))
    found = by_prices(instance)
    assert np.bincount(found.at % 80, minlength=80)[:80].sum() == 600
    assert (found.at < 160).sum() == 480


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_changes_nothing(kind: str) -> None:
    rng = np.random.default_rng(5)
    for seed in range(5):
        problem = random_problem(seed, 80, 12, kind)
        plan, other = optimise(problem), optimise(_reordered(problem, rng))
        assert by_id(plan) == by_id(other)
        assert prices_by_id(plan) == prices_by_id(other)
        assert (plan.objective, plan.certificate.primal) == (other.objective, other.certificate.primal)


def _reordered(problem: Problem, rng: np.random.Generator) -> Problem:
    rows, reps = (rng.permutation(n) for n in problem.shape)
    back = np.argsort(rows), np.argsort(reps)

    def moved(pairs: Pairs) -> Pairs:
        order = rng.permutation(len(pairs.row))
        high = None if pairs.high is None else pairs.high[order]
        return Pairs(back[0][pairs.row[order]], back[1][pairs.rep[order]], pairs.weight[order], high)

    def table(found: np.ndarray | None) -> np.ndarray | None:
        return None if found is None else found[rows][:, reps]

    pairs = problem.pairs
    return replace(
        problem,
        opportunity_ids=problem.opportunity_ids[rows],
        rep_ids=problem.rep_ids[reps],
        pairs=moved(pairs)
        if isinstance(pairs, Pairs)
        else Table(pairs.weight[rows][:, reps], table(pairs.eligible), table(pairs.high)),
        bands=replace(problem.bands, capacity=problem.bands.capacity[reps]),
        penalty=problem.penalty[rows],
        value=problem.value[rows],
        held=None if problem.held is None else problem.held[rows],
        fixed=None if problem.fixed is None else moved(problem.fixed),
    )


def test_a_table_and_a_list_of_the_same_pairs_are_worth_the_same() -> None:
    for seed in range(5):
        problem = random_problem(seed, 60, 9, "masked")
        assert isinstance(problem.pairs, Table)
        assert problem.pairs.high is not None
        listed = optimise(replace(problem, pairs=as_pairs(problem.pairs)))
        assert listed.certificate.primal == optimise(problem).certificate.primal
        few = replace(problem, pairs=replace(problem.pairs, eligible=problem.pairs.high & (np.arange(9) < 3)))
        assert verify(few, optimise(few)) == ()


def test_limits_hold_whatever_the_batch() -> None:
    for seed in range(20):
        problem = random_problem(seed, 90, 8, KINDS[seed % len(KINDS)])
        plan = optimise(problem)
        counts = np.bincount(plan.rep[plan.rep >= 0], minlength=8)
        assert (counts <= problem.bands.capacity.sum(axis=1)).all()
        if problem.held is not None:
            assert (plan.rep[problem.held] == NOBODY).all()
        if problem.fixed is not None:
            assert plan.rep[problem.fixed.row].tolist() == problem.fixed.rep.tolist()


def test_each_reason_for_staying_out() -> None:
    weight = [[5, NO], [NO, NO], [4, NO], [NO, 3], [2, NO]]
    high = [[True, True]] * 3 + [[True, False], [True, True]]
    problem = make_problem(
        weight, [[2, 0], [0, 2]], high=high, held=np.array([False, False, False, False, True])
    )
    capped = replace(problem, value=np.array([5.0, 1, 5, 1, 1]), value_cap=np.array([5.0, np.inf]), held=None)
    assert [WhyNot(one) for one in optimise(problem).why_not] == [
        WhyNot.ASSIGNED,
        WhyNot.NOBODY_ELIGIBLE,
        WhyNot.ASSIGNED,
        WhyNot.NOT_HIGH_ENOUGH,
        WhyNot.HELD,
    ]
    assert [WhyNot(one) for one in optimise(capped).why_not] == [
        WhyNot.ASSIGNED,
        WhyNot.NOBODY_ELIGIBLE,
        WhyNot.VALUE_CAP,
        WhyNot.NOT_HIGH_ENOUGH,
        WhyNot.VALUE_CAP,
    ]
    assert len({one.label for one in WhyNot}) == len(WhyNot)


@pytest.mark.parametrize(("opportunities", "reps"), [(0, 0), (0, 3), (4, 0), (1, 1)])
@pytest.mark.parametrize("kind", ["list", "table", "masked"])
def test_nothing_at_all_is_answered(opportunities: int, reps: int, kind: str) -> None:
    problem = random_problem(1, opportunities, reps, kind)
    problem = replace(problem, bands=replace(problem.bands, capacity=np.zeros((reps, 2), dtype=np.int64)))
    plan = optimise(problem)
    assert plan.rep.tolist() == [NOBODY] * opportunities
    assert (plan.gap, verify(problem, plan)) == (0.0, ())


def test_weights_of_nothing_and_half_precision() -> None:
    plan = optimise(make_problem([[0, 0], [0, 0]], [[1, 1], [1, 1]]))
    assert (plan.objective, plan.gap) == (0.0, 0.0)
    table: Any = np.random.default_rng(1).random((30, 5)).astype(np.float32)
    bands = Bands(np.full((5, 1), 4), np.zeros(1), 1)
    problem = Problem(np.arange(30), np.arange(5), Table(table), bands)
    plan = optimise(problem)
    assert plan.certificate.primal == round(_linear_of(table))


def _linear_of(table: np.ndarray) -> float:
    problem = Problem(
        np.arange(30), np.arange(5), Table(table.astype(np.float64)),
        Bands(np.tile([4, 0], (5, 1)), np.zeros(2)), penalty=np.zeros(30),
    )  # fmt: skip
    return _linear_bound(problem)


def test_rounding_costs_no_more_than_is_said() -> None:
    """The optimum of the weights themselves, by a unit a thousand times as fine."""
    for seed in range(10):
        problem = random_problem(seed, 40, 6, "table")
        plan = optimise(replace(problem, unit=7.0))  # coarse on purpose
        fine = optimise(replace(problem, unit=1e7))
        assert -1e-9 <= fine.objective - plan.objective <= plan.rounding_cost
