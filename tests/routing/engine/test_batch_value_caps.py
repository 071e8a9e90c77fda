"""Caps on pipeline value: kept, close to the best there is, proven, and the same every time."""

from dataclasses import replace

import numpy as np

from routing.engine.batch.certificate import verify
from routing.engine.batch.optimise import optimise
from routing.engine.batch.pairs import Pairs
from tests.routing.engine.batch_cases import best_of_all, by_id, make_problem, random_problem, with_caps


def test_worked_example() -> None:
    """Rep 11 may carry 10: the two of 5, worth 4 each, beat the one of 10, worth 7."""
    problem = make_problem(
        [[7], [4], [4]], [[3, 0]], value=np.array([10.0, 5.0, 5.0]), value_cap=np.array([10.0])
    )
    plan = optimise(problem)
    assert (plan.rep.tolist(), plan.objective, plan.gap) == ([-1, 0, 0], 8.0, 0.0)


def test_a_cap_that_does_not_bind_changes_nothing() -> None:
    problem = random_problem(1, 40, 6)
    assert by_id(optimise(with_caps(problem, 100.0))) == by_id(optimise(problem))


def test_small_ones_are_solved_and_bounded() -> None:
    """Against every plan there is: within the bound always, and the best itself."""
    rng = np.random.default_rng(2)
    for seed in range(40):
        problem = with_caps(random_problem(seed, int(rng.integers(1, 6)), int(rng.integers(1, 4))), 0.5, seed)
        plan = optimise(problem)
        best = best_of_all(problem)
        assert verify(problem, plan) == ()
        assert plan.certificate.primal == best <= plan.bound


def test_a_larger_one_is_within_its_caps_and_near_its_bound() -> None:
    problem = with_caps(random_problem(4, 120, 10, "table"), 0.8)
    plan = optimise(problem)
    assert problem.value is not None
    assert problem.value_cap is not None
    carried = np.bincount(plan.rep[plan.rep >= 0], problem.value[plan.rep >= 0], minlength=10)
    assert (carried <= problem.value_cap + 1e-6).all()
    assert verify(problem, plan) == ()
    assert 0 <= plan.gap < 0.02
    assert by_id(optimise(problem)) == by_id(plan)


def test_what_is_fixed_counts() -> None:
    problem = make_problem(
        [[9], [4], [4]], [[3, 0]], value=np.array([6.0, 5.0, 4.0]), value_cap=np.array([10.0])
    )
    plan = optimise(replace(problem, fixed=Pairs(np.array([1]), np.array([0]), np.array([4.0]))))
    assert plan.rep.tolist() == [-1, 0, 0]
    assert plan.objective == 8.0
