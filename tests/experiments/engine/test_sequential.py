"""Bounds, looks and their error. No database."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from experiments.engine.effect import Effect
from experiments.engine.sequential import Decision, Look, bounds, look, spent_until, standing
from reps.engine.unavailable import Unavailable


def looked(previous: list[Look], effect: Effect, planned: float = 1.0, is_last: bool = False) -> Look:
    found = look(previous, effect, planned_information=planned, is_last=is_last)
    assert isinstance(found, Look), found
    return found


def at(time: float, z: float) -> Effect:
    """An effect with this information and this z."""
    return Effect(z / math.sqrt(time), 1 / math.sqrt(time))


def test_published_bounds_of_five_looks() -> None:
    """ldbounds, gsDesign; ldbounds prints 3.3569 where finer integration gives 3.35701."""
    assert bounds([0.2, 0.4, 0.6, 0.8, 1.0]) == pytest.approx(
        [4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=1.2e-4
    )


def test_one_look_is_the_plain_test() -> None:
    assert bounds([1.0]) == pytest.approx([1.959964], abs=1e-6)


def test_two_looks_equal_the_bivariate_normal() -> None:
    first, second = bounds([0.5, 1.0])
    assert first == pytest.approx(2.9626, abs=1e-4)
    both = stats.multivariate_normal(cov=[[1, math.sqrt(0.5)], [math.sqrt(0.5), 1]])
    inside = both.cdf([first, second], lower_limit=[-first, -second])
    assert inside == pytest.approx(0.95, abs=1e-6)


def test_spending_ends_at_the_level() -> None:
    assert spent_until(1.0) == pytest.approx(0.025, abs=1e-15)
    assert spent_until(1.3) == pytest.approx(0.025, abs=1e-15)
    assert spent_until(0.5) == pytest.approx(0.001525, abs=1e-6)
    assert spent_until(0.01) < 1e-100


def test_daily_looks_err_five_times_in_a_hundred() -> None:
    """100 looks at a walk without drift; a plain test at each of them errs 37 times."""
    rng = np.random.default_rng(1)
    times = np.arange(1, 101) / 100
    z = np.cumsum(rng.normal(0, 0.1, (20_000, 100)), axis=1) / np.sqrt(times)
    crossed = (np.abs(z) >= bounds(times.tolist())).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.005)
    assert (np.abs(z) >= 1.96).any(axis=1).mean() > 0.3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 999), unique=True, max_size=12))
def test_whatever_the_times_bounds_fall_in_the_end_and_spend_all(thousandths: list[int]) -> None:
    times = [*(one / 1000 for one in sorted(thousandths)), 1.0]
    found = bounds(times)
    assert all(1.95 < bound <= 8.0 for bound in found)
    rng = np.random.default_rng(5)
    steps = np.diff(np.array([0.0, *times]))
    z = np.cumsum(rng.normal(size=(20_000, len(steps))) * np.sqrt(steps), axis=1) / np.sqrt(times)
    assert (np.abs(z) >= found).any(axis=1).mean() == pytest.approx(0.05, abs=0.007)


def test_looks_one_by_one_have_the_bounds_of_the_whole() -> None:
    looks: list[Look] = []
    for time in (0.2, 0.4, 0.6, 0.8, 1.0):
        looks.append(looked(looks, at(time, 0.3)))
    assert [one.bound for one in looks] == pytest.approx(bounds([0.2, 0.4, 0.6, 0.8, 1.0]), abs=1e-9)
    assert [one.decision for one in looks] == [Decision.NONE] * 4 + [Decision.NO_DIFFERENCE]
    assert standing(looks) is Decision.NO_DIFFERENCE


def test_interval_is_the_estimate_and_bound_times_error() -> None:
    found = looked([], Effect(0.05, 0.02), planned=5000.0)
    assert (found.information, found.time) == pytest.approx((2500, 0.5))
    assert (found.low, found.high) == pytest.approx((0.05 - 2.9626 * 0.02, 0.05 + 2.9626 * 0.02), abs=1e-5)
    assert found.decision is Decision.NONE


def test_crossings() -> None:
    assert looked([], at(0.5, 2.97)).decision is Decision.UPWARD
    assert looked([], at(0.5, -2.97)).decision is Decision.DOWNWARD
    assert looked([], at(0.5, 2.95)).decision is Decision.NONE


def test_the_first_crossing_stands_and_later_looks_keep_their_intervals() -> None:
    looks = [looked([], at(0.5, 3.1))]
    looks.append(looked(looks, at(0.8, 1.0)))
    assert looks[1].decision is Decision.NONE
    assert looks[1].bound == pytest.approx(bounds([0.5, 0.8])[1])
    assert standing(looks) is Decision.UPWARD
    assert standing([]) is Decision.NONE


def test_the_last_planned_look_spends_all_that_is_left_with_the_information_there_is() -> None:
    """Only .8 of the planned information came: that of looks at .625 and 1, the first with the spending of .5."""
    looks = [looked([], at(0.5, 0.0))]
    last = looked(looks, at(0.8, 2.1), is_last=True)
    assert (last.time, last.information) == pytest.approx((1.0, 0.8))
    both = stats.multivariate_normal(cov=[[1, math.sqrt(0.625)], [math.sqrt(0.625), 1]])
    edge = [looks[0].bound, last.bound]
    assert both.cdf(edge, lower_limit=[-one for one in edge]) == pytest.approx(0.95, abs=1e-6)
    assert last.decision is Decision.UPWARD


def test_information_never_falls() -> None:
    looks = [looked([], at(0.5, 0.0))]
    assert look(looks, at(0.4, 0.0), planned_information=1.0) == Unavailable(
        "hardly anything new was learnt since the last look"
    )
    last = looked(looks, at(0.4, 0.0), is_last=True)
    assert last.information == pytest.approx(0.501)
    assert (last.time, last.standard_error) == pytest.approx((1.0, 1 / math.sqrt(0.4)))


def test_looks_closer_than_a_thousandth_are_skipped() -> None:
    looks = [looked([], at(0.5, 0.0))]
    assert isinstance(look(looks, at(0.5009, 0.0), planned_information=1.0), Unavailable)
    assert looked(looks, at(0.5011, 0.0)).time == pytest.approx(0.5011)
    assert isinstance(look([], at(0.0009, 0.0), planned_information=1.0), Unavailable)


def test_full_information_is_final() -> None:
    looks = [looked([], at(0.9995, 1.0))]
    assert (looks[0].time, looks[0].decision) == (1.0, Decision.NO_DIFFERENCE)
    assert looked([], at(1.7, 1.0)).time == 1.0
    assert look(looks, at(1.2, 5.0), planned_information=1.0) == Unavailable(
        "the result was final at look 1; going on is a new experiment"
    )


def test_few_clusters_widen_by_t() -> None:
    found = looked([], Effect(0.1, 0.05, degrees=10.0), planned=400.0)
    assert found.bound == pytest.approx(1.959964, abs=1e-6)
    assert found.high == pytest.approx(0.1 + 2.228139 * 0.05, abs=1e-6)  # t of 10 at .975
    assert found.z == pytest.approx(stats.norm.isf(stats.t.sf(2.0, 10)))
    assert looked([], Effect(-0.1, 0.05, degrees=10.0), planned=400.0).z == pytest.approx(-found.z)


def test_no_figure_no_look() -> None:
    reason = Unavailable("the effect or its error could not be computed")
    assert look([], Effect(0.1, 0.0), planned_information=1.0) == reason
    assert look([], Effect(math.nan, 0.1), planned_information=1.0) == reason
    assert look([], Effect(0.1, 0.1), planned_information=0.0) == reason


def test_a_year_of_daily_looks() -> None:
    looks: list[Look] = []
    for day in range(1, 366):
        looks.append(looked(looks, at(day / 365, 0.5)))
    assert looks[-1].bound == pytest.approx(bounds([day / 365 for day in range(1, 366)])[-1], abs=1e-6)
