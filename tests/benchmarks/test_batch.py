"""The benchmark of batches: both ways find the same optimum, and the large one runs with weights from the model."""

from pathlib import Path

import pytest

from benchmarks.batch.dense import dense_flow
from benchmarks.batch.instances import EXPERTS, UNIFORM, capped, load, save
from benchmarks.batch.territories import territories
from routing.engine.batch.certificate import verify
from routing.engine.batch.instance import make_instance
from routing.engine.batch.optimise import optimise
from routing.engine.batch.plan import bound_of
from routing.engine.batch.search import by_prices


@pytest.mark.parametrize("kind", [EXPERTS, UNIFORM])
def test_both_ways_find_the_same(kind: str, tmp_path: Path) -> None:
    problem = load(save(tmp_path, kind, 900, 60, 1))
    instance = make_instance(problem)
    found = by_prices(instance)
    price = found.price.astype(int)
    assert bound_of(instance, price[60:120], price[:60], found.worth.astype(int)) == dense_flow(problem)
    assert optimise(problem).certificate.primal == dense_flow(problem)


def test_territories_are_scored_and_solved() -> None:
    found = territories(400, 75)
    assert (found["gap"], found["opportunities"], found["reps"]) == (0.0, 400, 75)
    assert 0 < found["assigned"] <= 400 < found["pairs"]


def test_caps_bind() -> None:
    problem = capped(60, 6, 1)
    plan = optimise(problem)
    assert verify(problem, plan) == ()
    assert (plan.certificate.cap_price > 0).any()
