"""A batch in parts that share no rep, and what the walls between them cost."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.engine.batch.across import behind, prices_of, walls_across
from routing.engine.batch.optimise import optimise
from routing.engine.batch.pairs import Bands, Pairs
from routing.engine.batch.problem import Problem
from routing.engine.batch.reach import parts_by_reach
from routing.engine.batch.what_if import Wall, worth_of_walls
from routing.engine.roster import Mask


def reach(*rows: str) -> list[Mask]:
    """Each row as "x.x": which reps could have it."""
    return [np.array([letter == "x" for letter in row]) for row in rows]


def parts(rows: list[Mask], at_least: int) -> list[list[int]]:
    return [part.tolist() for part in parts_by_reach(rows, at_least)]


def test_what_shares_no_rep_is_apart() -> None:
    assert parts(reach("xx...", "..x..", ".x...", "...xx", "..x.."), 1) == [[0, 2], [1, 4], [3]]


def test_a_chain_of_reps_holds_together() -> None:
    assert parts(reach("xx..", ".xx.", "..xx", "x..."), 1) == [[0, 1, 2, 3]]


def test_small_ones_go_together_and_the_largest_comes_first() -> None:
    rows = reach("x...", ".x..", "..x.", "...x", "...x", "...x")
    assert parts(rows, 2) == [[2, 3, 4, 5], [0, 1]]
    assert parts(rows, 3) == [[0, 1, 2], [3, 4, 5]]
    assert parts(rows, 100) == [[0, 1, 2, 3, 4, 5]]


def test_whom_nobody_could_have_goes_along() -> None:
    assert parts(reach("....", "x...", ".x..", ".x.."), 1) == [[0, 1], [2, 3]]
    assert parts(reach("....", "...."), 1) == [[0, 1]]
    assert parts([], 1) == []


@given(
    st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=20),
    st.integers(1, 8),
)
def test_every_row_is_in_one_part_and_no_rep_in_two(rows: list[list[bool]], at_least: int) -> None:
    masks = [np.array(row) for row in rows]
    found = parts_by_reach(masks, at_least)
    assert sorted(row for part in found for row in part.tolist()) == list(range(len(rows)))
    together = [np.logical_or.reduce([masks[row] for row in part]) for part in found]
    assert all(count <= 1 for count in np.sum(together, axis=0))


def two_halves(seed: int) -> tuple[Problem, list[Problem], Wall]:
    """The same batch at once and in halves that share no rep, with a wall between them."""
    rng = np.random.default_rng(seed)
    weight = rng.random((12, 6)) * 10
    inside = (np.arange(12)[:, None] < 6) == (np.arange(6) < 3)
    row, rep = np.nonzero(inside)
    capacity = rng.integers(0, 4, (6, 1))
    whole = Problem(
        100 + np.arange(12),
        10 + np.arange(6),
        Pairs(row, rep, weight[row, rep]),
        Bands(capacity, np.zeros(1)),
    )
    halves = [
        replace(
            whole,
            opportunity_ids=whole.opportunity_ids[rows],
            pairs=Pairs(np.nonzero(inside[rows])[0], np.nonzero(inside[rows])[1], weight[rows][inside[rows]]),
        )
        for rows in (slice(0, 6), slice(6, 12))
    ]
    row, rep = np.nonzero(~inside)
    return whole, halves, Wall("North", Pairs(row, rep, weight[row, rep]))


@pytest.mark.parametrize("seed", range(6))
def test_walls_between_parts_are_bounded_as_solving_at_once_does(seed: int) -> None:
    """Prices of one optimum: those of the whole are among those that its parts have, up to ties."""
    whole, halves, wall = two_halves(seed)
    walls, prices = [], []
    for number, half in enumerate(halves):
        plan = optimise(half)
        at = (wall.pairs.row >= 6) == bool(number)
        own = Pairs(wall.pairs.row[at] - 6 * number, wall.pairs.rep[at], wall.pairs.weight[at])
        walls.append(("North", behind(half, plan, Wall("North", own))))
        prices.append(prices_of(half, plan, np.arange(3) + 3 * number))
    (found,) = walls_across(walls, prices)
    (known,) = worth_of_walls(whole, optimise(whole), [wall], solve=True)
    assert known.adds is not None or found.at_most == 0
    assert found.at_most >= (known.adds or 0.0) - 1e-4
    assert found.at_most == pytest.approx(known.at_most, rel=0.5, abs=6.0)
    assert found.adds is None


def test_plans_of_parts_are_worth_what_the_whole_is() -> None:
    for seed in range(6):
        whole, halves, _ = two_halves(seed)
        assert sum(optimise(half).objective for half in halves) == pytest.approx(
            optimise(whole).objective, abs=1e-4
        )
