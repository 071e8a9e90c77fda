"""Bad problems are refused with the name of the pair, opportunity or rep; slots by band; both greedy ways."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reps.engine.capacity import BandBounds, room_this_week
from routing.engine.batch.checks import ProblemError
from routing.engine.batch.greedy_by_arrival import greedy_by_arrival
from routing.engine.batch.greedy_by_best_pair import greedy_by_best_pair
from routing.engine.batch.optimise import optimise
from routing.engine.batch.pairs import Bands, Pairs, Table
from routing.engine.batch.plan import NOBODY
from routing.engine.batch.problem import Problem
from routing.engine.batch.room import free_slots
from tests.routing.engine.batch_cases import make_problem, random_problem, with_caps

NAN, INF = float("nan"), float("inf")


def a_problem(**changes: Any) -> Problem:
    """Opportunities 7, 8, 9; reps 21, 22."""
    whole: dict[str, Any] = {
        "opportunity_ids": np.array([7, 8, 9]),
        "rep_ids": np.array([21, 22]),
        "pairs": pairs([0, 1, 2], [0, 1, 0], [1.0, 2.0, 3.0]),
        "bands": Bands(np.array([[1, 1], [1, 0]]), np.array([0.0, 1.0])),
    }
    return Problem(**(whole | changes))


def pairs(row: list[int], rep: list[int], weight: list[float], high: list[bool] | None = None) -> Pairs:
    return Pairs(np.array(row), np.array(rep), np.array(weight), None if high is None else np.array(high))


def table(bad: float) -> Table:
    weight = np.ones((3, 2))
    weight[1, 1] = bad
    return Table(weight)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pairs": pairs([0, 1], [0, 1], [1.0, NAN])}, "opportunity 8 with rep 22: the weight is nan"),
        ({"pairs": pairs([0, 1], [0, 1], [1.0, INF])}, "opportunity 8 with rep 22: the weight is inf"),
        ({"pairs": pairs([0, 1], [0, 1], [-1.0, 1.0])}, "opportunity 7 with rep 21: the weight is -1.0"),
        ({"pairs": table(NAN)}, "opportunity 8 with rep 22: the weight is nan"),
        ({"pairs": table(-2.0)}, "opportunity 8 with rep 22: the weight is -2.0"),
        ({"pairs": pairs([2, 1, 2], [0, 1, 0], [1.0, 1.0, 2.0])}, "opportunity 9 with rep 21 is listed twice"),
        ({"pairs": pairs([3], [0], [1.0])}, "pair 0 has row 3, and there are 3"),
        ({"pairs": pairs([0, 0], [1, -1], [1.0, 1.0])}, "pair 1 has rep -1, and there are 2"),
        ({"pairs": pairs([0], [1], [1.0, 2.0])}, "differ in length"),
        ({"pairs": Table(np.ones((2, 2)))}, "weight is opportunities × reps"),
        ({"opportunity_ids": np.array([7, 8, 7])}, "opportunity 7 is listed twice"),
        ({"rep_ids": np.array([21, 21])}, "rep 21 is listed twice"),
        ({"bands": Bands(np.array([[1, 1], [1, -1]]), np.array([0.0, 1.0]))}, "rep 22: the capacity"),
        ({"bands": Bands(np.array([[1, 1]]), np.array([0.0, 1.0]))}, "the capacity is reps × bands"),
        ({"bands": Bands(np.ones((2, 2), dtype=int), np.array([1.0, 0.5]))}, "do not fall"),
        ({"bands": Bands(np.ones((2, 2), dtype=int), np.array([0.0, NAN]))}, "do not fall"),
        ({"bands": Bands(np.ones((2, 1), dtype=int), np.zeros(1), 2)}, "bands are reserved from 2"),
        ({"bands": Bands(np.ones((2, 1), dtype=int), np.array([1e9]))}, "out of all proportion"),
        ({"penalty": np.array([0.0, NAN, 0.0])}, "opportunity 8: the penalty is nan"),
        ({"penalty": np.array([0.0, 0.0, 1e9])}, "opportunity 9: the penalty is more than"),
        ({"penalty": np.zeros(2)}, "`penalty` has one entry"),
        ({"fixed": pairs([0, 0], [0, 1], [1.0, 1.0])}, "opportunity 7 is fixed twice"),
        ({"fixed": pairs([0, 1], [1, 1], [1.0, 1.0])}, "rep 22: 2 opportunities are fixed, and there is room for 1"),
        ({"fixed": pairs([0], [0], [NAN])}, "opportunity 7 with rep 21: the weight is nan"),
        ({"fixed": pairs([0], [0], [1.0]), "held": np.array([True, False, False])}, "opportunity 7 is both"),
        ({"held": np.array([True])}, "`held` has one entry"),
        ({"value_cap": np.array([1.0, 2.0])}, "need the opportunities' values"),
        ({"value": np.ones(3), "value_cap": np.array([1.0, -2.0])}, "one cap on value"),
        ({"value": np.array([1.0, -1.0, 1.0])}, "opportunity 8: the value is -1.0"),
        (
            {"value": np.ones(3), "value_cap": np.array([0.5, INF]), "fixed": pairs([0], [0], [1.0])},
            "rep 21: what is fixed exceeds the cap on value",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProblemError, match=re.escape(said)):
        a_problem(**changes)


def test_a_weight_that_is_not_eligible_may_be_anything() -> None:
    weight = np.array([[0.5, NAN], [2.0, -3.0], [INF, 1.0]])
    plan = optimise(a_problem(pairs=Table(weight, np.isfinite(weight) & (weight >= 0))))
    assert plan.rep.tolist() == [NOBODY, 0, 1]


# --- slots ----------------------------------------------------------------------------------------------------------


def test_slots_by_band() -> None:
    """Of 20 at most: free until the load is past 14, dear until it is past 18."""
    found = free_slots(
        np.array([0, 14, 15, 18, 19, 10, 10]),
        np.array([20, 20, 20, 20, 20, 0, 20]),
        np.array([0, 0, 0, 0, 0, 0, 12]),
        np.full(7, 15),
        BandBounds(),
    )
    assert found.tolist() == [[15, 0], [1, 4], [0, 4], [0, 1], [0, 0], [0, 0], [3, 0]]


def test_slots_are_as_many_as_automation_could_give_in_real_time() -> None:
    rng = np.random.default_rng(1)
    load, most, week = rng.integers(0, 30, 200), rng.integers(0, 40, 200), rng.integers(0, 9, 200)
    found = free_slots(load, most, week, np.full(200, 8), BandBounds())
    assert found.sum(axis=1).tolist() == [
        room_this_week(int(a), int(b), int(c), 8) for a, b, c in zip(load, most, week, strict=True)
    ]


# --- the greedy ways ------------------------------------------------------------------------------------------------


def test_greedy_worked_example() -> None:
    problem = make_problem([[10, 9], [8, 1], [2, 2]], [[1, 0], [1, 0]])
    by_arrival, by_best_pair = greedy_by_arrival(problem), greedy_by_best_pair(problem)
    assert (by_arrival.rep.tolist(), by_arrival.objective) == ([0, 1, NOBODY], 11.0)
    assert (by_best_pair.rep.tolist(), by_best_pair.objective) == ([0, NOBODY, 1], 12.0)
    late = greedy_by_arrival(problem, np.array([1, 0, 2]))
    assert (late.rep.tolist(), late.objective) == ([1, 0, NOBODY], 17.0)


@pytest.mark.parametrize("kind", ["list", "table", "masked", "settled", "ties"])
def test_greedy_keeps_the_same_limits_and_gains_no_more(kind: str) -> None:
    for seed in range(6):
        problem = random_problem(seed, 50, 7, kind)
        if seed % 2:
            problem = with_caps(replace(problem, fixed=None), 0.6)
        bound = optimise(problem).bound
        for choice in (greedy_by_arrival(problem), greedy_by_best_pair(problem)):
            counts = np.bincount(choice.rep[choice.rep >= 0], minlength=7)
            assert (counts <= problem.bands.capacity.sum(axis=1)).all()
            if problem.value_cap is not None:
                carried = np.bincount(
                    choice.rep[choice.rep >= 0], problem.value[choice.rep >= 0], minlength=7
                )
                assert (carried <= problem.value_cap + 1e-6).all()
            assert choice.integer <= bound
