"""What is said of a plan is held against the problem: the proof, prices by solving again, parts of a batch."""

from dataclasses import replace

import numpy as np
import pytest

from routing.engine.batch.certificate import verify
from routing.engine.batch.optimise import optimise, optimise_part
from routing.engine.batch.pairs import Bands, Pairs
from routing.engine.batch.parts import SMALLEST_PART, join, split
from routing.engine.batch.plan import Plan
from routing.engine.batch.problem import Problem
from routing.engine.batch.what_if import check_slot
from tests.routing.engine.batch_cases import by_id, make_problem, prices_by_id, random_problem

KINDS = ("list", "table", "masked", "settled")


# --- the certificate ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_proof_holds_and_no_spoilt_one_does(kind: str) -> None:
    problem = random_problem(3, 40, 6, kind)
    plan = optimise(problem)
    assert verify(problem, plan) == ()
    proof = plan.certificate
    has_open_slot = np.append(problem.bands.capacity[:, 0] > 0, False)[plan.rep]
    row = int(np.flatnonzero(has_open_slot)[0])
    rep = int(plan.rep[row])
    for spoilt in (
        replace(proof, primal=proof.primal + 1),
        replace(proof, bound=proof.bound - 1),
        replace(proof, unit=proof.unit * 2),
        replace(proof, worth=_changed(proof.worth, row, -1)),
        replace(proof, price=_changed(proof.price, rep, 10**7)),
        replace(proof, price=_changed(proof.price, rep, -(10**7))),
        replace(proof, open_price=_changed(proof.open_price, rep, 5)),
    ):
        assert verify(problem, replace(plan, certificate=spoilt)) != ()


def test_a_plan_that_is_not_allowed_is_refused() -> None:
    problem = make_problem([[5, -1], [4, 3]], [[1, 0], [1, 0]], held=np.array([False, False]))
    plan = optimise(problem)
    assert plan.rep.tolist() == [0, 1]
    assert verify(problem, replace(plan, rep=np.array([1, 0]))) == (
        "opportunity 1 with rep 12 is not eligible",
    )
    assert verify(problem, replace(plan, rep=np.array([0, 0]))) == ("rep 11 has more than there is room for",)
    held = replace(problem, held=np.array([True, False]))
    assert verify(held, plan) == ("opportunity 1 is settled otherwise",)
    low = make_problem([[5], [4]], [[1, 1]], high=[[False], [False]])
    both = replace(optimise(low), rep=np.array([0, 0]))
    assert verify(low, both) == ("rep 11 has matches in reserved bands that are not high",)
    capped = replace(problem, value=np.array([3.0, 4.0]), value_cap=np.array([2.0, np.inf]))
    assert verify(capped, plan) == ("rep 11 exceeds the cap on value",)


def test_a_worse_plan_is_not_proven() -> None:
    problem = make_problem([[5, 1], [4, 3]], [[1, 0], [1, 0]])
    plan = optimise(problem)
    assert verify(problem, replace(plan, rep=np.array([1, 0]))) != ()


def _changed(numbers: np.ndarray, at: int, by: int) -> np.ndarray:
    numbers = numbers.copy()
    numbers[at] += by
    return numbers


# --- prices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_slots_price_is_what_one_more_adds(kind: str) -> None:
    for seed in range(3):
        problem = random_problem(seed, 30, 5, kind)
        plan = optimise(problem)
        for rep in problem.rep_ids:
            for band in range(2):
                check = check_slot(problem, plan, int(rep), band)
                assert check.by_price == check.by_solving


@pytest.mark.parametrize("kind", ["list", "table", "masked"])
def test_an_opportunitys_worth_is_what_it_adds(kind: str) -> None:
    problem = random_problem(2, 15, 4, kind)
    problem = replace(problem, unit=problem.integers_per_unit)
    plan = optimise(problem)
    for row in range(15):
        without = replace(
            problem,
            held=np.arange(15) == row,  # stays out at no cost: as if it were not there
        )
        gained = plan.certificate.primal - optimise(without).certificate.primal
        assert gained == plan.certificate.worth[row]


# --- parts ----------------------------------------------------------------------------------------------------------


def two_markets(seed: int) -> Problem:
    """Even opportunities with even reps, odd with odd; each market large enough for a part of its own."""
    rng = np.random.default_rng(seed)
    rows, reps = 1200, 80
    row, rep = np.nonzero(np.arange(rows)[:, None] % 2 == np.arange(reps)[None, :] % 2)
    bands = Bands(rng.integers(0, 12, (reps, 2)), np.array([0.0, 0.3]))
    fixed = Pairs(np.array([4, 7]), np.array([0, 9]), np.array([0.2, 0.4]))
    return Problem(
        rng.permutation(rows), rng.permutation(reps), Pairs(row, rep, rng.random(len(row))), bands,
        fixed=replace(fixed, rep=np.flatnonzero(bands.capacity.sum(axis=1) > 0)[:2]),
    )  # fmt: skip


def same(one: Plan, other: Plan) -> bool:
    return (
        by_id(one) == by_id(other)
        and prices_by_id(one) == prices_by_id(other)
        and (one.objective, one.bound, one.certificate.primal, one.certificate.bound)
        == (other.objective, other.bound, other.certificate.primal, other.certificate.bound)
        and one.slot_price.tolist() == other.slot_price.tolist()
    )


def test_parts_solved_apart_give_the_plan_of_the_whole() -> None:
    problem = two_markets(1)
    parts = split(problem)
    assert [part.shape for part in parts] == [(600, 40), (600, 40)]
    assert len(parts[0].pairs.row) >= SMALLEST_PART
    whole = optimise(problem)
    apart = [optimise_part(part) for part in parts]
    assert same(join(problem, apart), whole)
    assert same(join(problem, apart[::-1]), whole)
    assert (whole.gap, verify(problem, whole)) == (0.0, ())
    assert sum(plan.certificate.primal for plan in apart) == whole.certificate.primal


def test_a_part_is_a_problem_with_a_plan_of_its_own() -> None:
    for part in split(two_markets(2)):
        assert split(part) == [part]
        plan = optimise(part)
        assert verify(part, plan) == ()
        assert same(plan, optimise_part(part))


def test_small_components_share_a_part_and_who_is_in_none_comes_along() -> None:
    pairs = Pairs(np.array([0, 1, 3]), np.array([0, 1, 3]), np.array([1.0, 2.0, 3.0]))
    problem = Problem(
        np.arange(5), np.arange(4), pairs, Bands(np.ones((4, 1), dtype=np.int64), np.zeros(1), 1)
    )
    assert split(problem) == [problem]
    assert optimise(problem).rep.tolist() == [0, 1, -1, 3, -1]


def test_plans_of_another_problem_do_not_join() -> None:
    problem = two_markets(1)
    with pytest.raises(KeyError):
        join(problem, [optimise_part(split(problem)[0])])
