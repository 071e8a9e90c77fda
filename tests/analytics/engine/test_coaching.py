"""Where reps do worse or better than forecast: planted truth is found, and where there is none hardly anything."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from analytics.engine import coaching
from analytics.engine.coaching import LEAST, Closed, Looked, look

LEVELS = {"industry": 6, "product": 4, "source": 5}
WORLDS = 100


def world(
    seed: int,
    *,
    n: int = 500,
    reps: int = 10,
    planted: float = 0.0,
    everybody: float = 0.0,
    own: float = 0.0,
    stated: tuple[float, float] = (0.0, 1.0),
) -> Closed:
    """`planted` log-odds of rep 0 in industry 0 that no forecast knows; `everybody` of all there; `own` the spread of
    levels that no forecast knows; `stated` intercept and slope of a model that is wrong in all."""
    rng = np.random.default_rng(seed)
    rep = rng.integers(0, reps, n)
    levels = {name: rng.integers(0, number, n) for name, number in LEVELS.items()}
    forecast = rng.normal(-0.6, 0.8, n)
    odds = forecast + rng.normal(0, own, reps)[rep] if own else forecast.copy()
    odds[levels["industry"] == 0] += everybody
    odds[(rep == 0) & (levels["industry"] == 0)] += planted
    won = rng.random(n) < expit(odds)
    return Closed(rep, won, expit(stated[0] + stated[1] * forecast), levels)


def segments(looked: Looked) -> set[tuple[int, str, int, bool]]:
    return {(one.rep, one.dimension, one.level, one.is_worse) for one in looked.found}


def false_share(**options: object) -> float:
    return float(np.mean([bool(look(world(seed, **options)).found) for seed in range(WORLDS)]))  # type: ignore[arg-type]


class TestNoDifference:
    @pytest.mark.slow
    def test_hardly_any_world_has_a_find(self) -> None:
        assert false_share() <= 0.12

    @pytest.mark.slow
    def test_nor_where_the_model_is_too_sure_of_everything(self) -> None:
        assert false_share(stated=(0.7, 1.6)) <= 0.12

    @pytest.mark.slow
    def test_a_segment_in_which_all_do_worse_is_nobodys_fault(self) -> None:
        found = [look(world(seed, n=1000, everybody=-1.0)).found for seed in range(40)]
        assert np.mean([any(one.dimension == "industry" for one in some) for some in found]) <= 0.12

    @pytest.mark.slow
    def test_a_rep_who_is_worse_everywhere_is_blamed_in_no_segment(self) -> None:
        found = [look(world(seed, n=1000, own=0.8)).found for seed in range(40)]
        assert np.mean([any(one.dimension for one in some) for some in found]) <= 0.12
        assert any(not one.dimension for some in found for one in some)


class TestPlanted:
    @pytest.mark.parametrize("planted", [-2.5, pytest.param(2.5, marks=pytest.mark.slow)])
    def test_it_is_found_and_named(self, planted: float) -> None:
        hit = [
            (0, "industry", 0, planted < 0) in segments(look(world(seed, n=2400, planted=planted)))
            for seed in range(10)
        ]
        assert np.mean(hit) >= 0.8

    def test_its_numbers_are_those_of_the_deals(self) -> None:
        closed = world(3, n=2400, planted=-2.5)
        inside = (closed.rep == 0) & (closed.levels["industry"] == 0)
        one = next(
            one for one in look(closed).found if (one.rep, one.dimension, one.level) == (0, "industry", 0)
        )
        assert (one.closed, one.won) == (int(inside.sum()), int(closed.won[inside].sum()))
        rest = (closed.rep == 0) & ~inside
        assert (one.rest_closed, one.rest_won) == (int(rest.sum()), int(closed.won[rest].sum()))
        assert one.low < one.difference < one.high < 0
        assert abs(one.difference) < abs(one.raw)  # shrunken

    def test_fewer_than_the_least_are_not_looked_at(self) -> None:
        rep = np.zeros(LEAST - 1, dtype=np.int64)
        closed = Closed(rep, np.ones(LEAST - 1, dtype=bool), np.full(LEAST - 1, 0.1), {"industry": rep})
        assert look(closed).groups == 0


def test_order_does_not_matter() -> None:
    closed = world(5, n=2400, planted=-2.5)
    order = np.random.default_rng(0).permutation(2400)
    levels = {name: codes[order] for name, codes in closed.levels.items()}
    mixed = replace(
        closed, rep=closed.rep[order], won=closed.won[order], chance=closed.chance[order], levels=levels
    )
    assert segments(look(mixed)) == segments(look(closed))


def test_the_rest_of_who_is_worse_in_one_of_two_is_not_better() -> None:
    rep = np.repeat(np.arange(3), 80)
    levels = np.tile(np.arange(2), 120)
    won = np.tile(np.arange(40).repeat(2) < 16, 3) & ~((rep == 0) & (levels == 0))
    closed = Closed(rep, won, np.full(240, 0.4), {"industry": levels})
    assert segments(look(closed)) == {(0, "", -1, True), (0, "industry", 0, True)}


def test_given_all_wins_is_fishers_test_where_forecasts_are_equal() -> None:
    from scipy.stats import hypergeom

    won = np.array([True] * 2 + [False] * 8 + [True] * 9 + [False] * 6)
    inside = np.arange(25) < 10
    below, above = coaching._given_all(np.full(25, -0.3), won, inside)
    law = hypergeom(25, 11, 10)
    assert below == pytest.approx(law.cdf(1) + law.pmf(2) / 2)
    assert above == pytest.approx(law.sf(2) + law.pmf(2) / 2)
