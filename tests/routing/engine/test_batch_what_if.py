"""Questions to a batch: a slot more, a wall less, a person's edits."""

from dataclasses import replace

import numpy as np
import pytest

from routing.engine.batch.certificate import verify
from routing.engine.batch.checks import ProblemError
from routing.engine.batch.optimise import optimise
from routing.engine.batch.pairs import Pairs
from routing.engine.batch.plan import NOBODY, WhyNot
from routing.engine.batch.problem import Problem
from routing.engine.batch.what_if import (
    SlotCheck,
    Wall,
    WallWorth,
    check_slot,
    with_edits,
    without_wall,
    worth_of_walls,
)
from tests.routing.engine.batch_cases import make_problem, random_problem

NO = -1.0


def a_batch() -> Problem:
    """Opportunities 1 to 3, reps 11 and 12; only rep 11 is in their territory, with one slot."""
    return make_problem([[10, NO], [8, NO], [2, NO]], [[1, 0], [1, 0]])


def test_a_slot_is_worth_what_solving_again_says() -> None:
    problem = a_batch()
    assert check_slot(problem, optimise(problem), 11) == SlotCheck(800_000, 800_000, 8.0)
    assert check_slot(problem, optimise(problem), 12) == SlotCheck(0, 0, 0.0)
    with pytest.raises(ProblemError, match="rep 5 is not in the batch"):
        check_slot(problem, optimise(problem), 5)


def test_walls_by_what_opening_them_adds() -> None:
    problem = a_batch()
    north = Wall("North", Pairs(np.array([0, 1, 2]), np.array([1, 1, 1]), np.array([9.0, 3.0, 1.0])))
    german = Wall("German", Pairs(np.array([2]), np.array([1]), np.array([1.5])))
    nothing = Wall("Cap", Pairs(np.array([0]), np.array([1]), np.array([1.0])))
    # 2 has nothing and would get 3; 1 has 2 beyond its rep's price of 8, and would have 9 with rep 12
    assert worth_of_walls(problem, optimise(problem), [nothing, german, north]) == [
        WallWorth("North", 11.0, 7.0, ((1, 12), (2, 12), (3, 12))),
        WallWorth("German", 1.5, 1.5, ((3, 12),)),
        WallWorth("Cap", 0.0, None, ()),
    ]
    unsolved = worth_of_walls(problem, optimise(problem), [north], solve=False)
    assert unsolved == [WallWorth("North", 11.0, None, ((1, 12), (2, 12), (3, 12)))]


def test_no_wall_adds_more_than_the_prices_say() -> None:
    rng = np.random.default_rng(3)
    for seed in range(8):
        problem = random_problem(seed, 40, 6, ("list", "masked", "settled")[seed % 3])
        eligible = problem.pairs.weight_of
        behind = [(row, rep) for row in range(40) for rep in range(6) if eligible(row, rep) is None]
        row, rep = np.array(behind).T
        wall = Wall("W", Pairs(row, rep, rng.random(len(row)) * 20, rng.random(len(row)) < 0.5))
        plan = optimise(problem)
        found = worth_of_walls(problem, plan, [wall])[0]
        opened = without_wall(problem, wall)
        assert (found.adds or 0.0) <= found.at_most + 1e-4
        assert optimise(opened).objective == pytest.approx(plan.objective + (found.adds or 0.0))


def test_a_wall_in_front_of_what_is_eligible_is_no_wall() -> None:
    problem = a_batch()
    with pytest.raises(ProblemError, match="opportunity 1 with rep 11 is listed twice"):
        without_wall(problem, Wall("W", Pairs(np.array([0]), np.array([0]), np.array([1.0]))))


def test_around_a_persons_edits_the_rest_is_best_again() -> None:
    problem = make_problem([[10, 9], [8, 1], [2, 2]], [[1, 0], [1, 0]])
    edited = with_edits(problem, {3: 11}, hold=[2])
    plan = optimise(edited)
    assert plan.rep.tolist() == [1, NOBODY, 0]
    assert plan.why_not.tolist() == [WhyNot.ASSIGNED, WhyNot.HELD, WhyNot.ASSIGNED]
    assert (plan.objective, verify(edited, plan)) == (11.0, ())
    again = with_edits(edited, {2: 12})
    assert optimise(again).rep.tolist() == [NOBODY, 1, 0]
    released = with_edits(again, {}, hold=[3])
    assert optimise(released).rep.tolist() == [0, 1, NOBODY]


def test_a_person_may_choose_whom_no_rule_would() -> None:
    problem = a_batch()
    with pytest.raises(ProblemError, match="opportunity 1 with rep 12: what it is worth is not known"):
        with_edits(problem, {1: 12})
    plan = optimise(with_edits(problem, {1: 12}, weights={(1, 12): 6.0}))
    assert (plan.rep.tolist(), plan.objective) == ([1, 0, NOBODY], 14.0)
    with pytest.raises(ProblemError, match="opportunity 9 is not in the batch"):
        with_edits(problem, {9: 11})
    with pytest.raises(ProblemError, match="rep 11: 2 opportunities are fixed, and there is room for 1"):
        with_edits(problem, {1: 11, 2: 11})


def test_edits_that_agree_with_the_plan_cost_nothing() -> None:
    for seed in range(5):
        problem = random_problem(seed, 40, 6, "table")
        plan = optimise(problem)
        rows = np.flatnonzero(plan.rep >= 0)[::3]
        give = {int(problem.opportunity_ids[row]): int(problem.rep_ids[plan.rep[row]]) for row in rows}
        kept = optimise(with_edits(problem, give))
        assert kept.certificate.primal == plan.certificate.primal
        dear = replace(problem, penalty=None)
        assert optimise(with_edits(dear, {}, hold=[int(dear.opportunity_ids[0])])).rep[0] == NOBODY
