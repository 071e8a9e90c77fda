"""Forecasts: what the top choices gain, and how much of it is flattery. No database."""

import numpy as np
import pytest

from benchmarks.model.cases import Case, make_case, settings_of
from routing.engine.columns import Prior
from routing.engine.learning.design import PAIR_PRIORS, Scales
from routing.engine.learning.fit import Calibration, CannotTrain, fit
from routing.engine.learning.forecast import (
    Candidates,
    Forecast,
    _gain,
    _probabilities,
    corrected,
    fit_with_scales,
    forecast,
    random_half,
)
from routing.engine.learning.table import DealTable
from tests.routing.engine.test_learning import table

SCALES = Scales(lead=0.55, rep=0.25, cross=0.09)  # what the worlds' own data choose, about


def of_case(case: Case) -> Forecast:
    candidates = Candidates(case.leads, case.pair, case.table.rep_ids)
    return forecast(case.table, candidates, SCALES, Calibration())


def candidates_of(deals: DealTable, count: int = 40) -> Candidates:
    """The first deals as leads, against all reps, with a tag for every second pairing."""
    shape = (count, len(deals.rep_ids))
    tag = ((np.arange(count)[:, None] + np.arange(shape[1])) % 2).astype(float)
    return Candidates(deals.take(np.arange(count)), {"industry_tag": tag}, deals.rep_ids)


def test_gain_is_the_best_less_the_average_as_others_value_it() -> None:
    choosing = np.array([[0.2, 0.5, 0.3], [np.nan, 0.1, 0.4], [np.nan, np.nan, np.nan]])
    valuing = np.array([[0.3, 0.3, 0.6], [np.nan, 0.5, 0.3], [np.nan, np.nan, np.nan]])
    # .5 − 1/3 and .4 − .25; then .3 − .4 and .3 − .4; the lead that nobody can take does not count.
    assert _gain(choosing, choosing) == pytest.approx((1 / 6 + 0.15) / 2)
    assert _gain(choosing, valuing) == pytest.approx(-0.1)
    assert _gain(choosing[2:], valuing[2:]) == 0.0


def test_corrected_is_a_range_between_the_promised_and_the_predicted() -> None:
    assert corrected(0.42, 0.30, 0.5) == pytest.approx((0.36, 0.42))
    low, high = corrected(np.array([0.42, 0.20]), np.array([0.30, 0.30]), 0.25)
    np.testing.assert_allclose(low, [0.33, 0.20])
    np.testing.assert_allclose(high, [0.42, 0.275])  # worse than average: that too may be chance


def test_halves_share_the_won_and_the_lost_deals() -> None:
    won = np.array([1.0] * 11 + [0.0] * 30)
    half = random_half(won, np.random.default_rng(1))
    assert half.sum() in (20, 21)
    assert won[half].sum() in (5, 6)
    assert (half != random_half(won, np.random.default_rng(2))).any()


def test_known_scales_fit_as_the_search_that_found_them() -> None:
    deals = table(400, rep_sd=0.5)
    searched = fit(deals, adapt=False)
    np.testing.assert_allclose(
        fit_with_scales(deals, searched.scales, PAIR_PRIORS).beta, searched.beta, atol=1e-9
    )


def test_same_seed_same_forecast_and_another_seed_another_half() -> None:
    deals = table(400, rep_sd=0.5)
    candidates = candidates_of(deals)
    one = forecast(deals, candidates, SCALES, Calibration(), seed=3)
    assert one == forecast(deals, candidates, SCALES, Calibration(), seed=3)
    other = forecast(deals, candidates, SCALES, Calibration(), seed=4)
    assert other.gain == one.gain
    assert other.gain_low != one.gain_low


def test_without_any_difference_learned_or_believed_there_is_no_gain() -> None:
    deals = table(400)
    nothing = {name: Prior(0.0, 1e-4) for name in PAIR_PRIORS}
    found = forecast(
        deals, candidates_of(deals), Scales(0.55, 1e-4, 1e-4), Calibration(), priors=nothing, splits=1
    )
    assert found.gain == pytest.approx(0, abs=1e-5)
    assert found.gain_low == pytest.approx(0, abs=1e-5)


def test_half_of_what_is_only_believed_is_promised() -> None:
    deals = table(400)
    sure = {"industry_tag": Prior(0.4, 1e-3), "load_above_80": Prior(0.0, 1e-3)}
    found = forecast(deals, candidates_of(deals), Scales(0.55, 1e-4, 1e-4), Calibration(), priors=sure)
    assert found.gain > 0.03
    assert found.ratio == pytest.approx(0.5, abs=0.02)


def test_reps_who_could_not_take_a_lead_are_neither_chosen_nor_averaged() -> None:
    deals = table(600, rep_sd=0.8, seed=2)
    every = candidates_of(deals)
    only = np.zeros((40, 6), dtype=bool)
    only[:, 2:4] = True
    kept = Candidates(every.leads, {"industry_tag": every.pair["industry_tag"][:, 2:4]}, deals.rep_ids[2:4])
    masked = Candidates(every.leads, every.pair, deals.rep_ids, only)
    one, other = (forecast(deals, chosen, SCALES, Calibration()) for chosen in (kept, masked))
    assert one.gain == pytest.approx(other.gain)
    assert one.gain_low == pytest.approx(other.gain_low)
    with pytest.raises(ValueError, match="can_take"):
        Candidates(every.leads, every.pair, deals.rep_ids, only[:, :2])


def test_calibration_shrinks_the_gain() -> None:
    deals = table(600, rep_sd=0.8)
    plain = forecast(deals, candidates_of(deals), SCALES, Calibration())
    flat = forecast(deals, candidates_of(deals), SCALES, Calibration(0.0, 0.5))
    assert flat.gain == pytest.approx(plain.gain / 2, rel=0.2)


def test_deals_that_were_all_won_cannot_be_forecast_from() -> None:
    deals = table()
    with pytest.raises(CannotTrain, match="were won"):
        forecast(deals.take(deals.won == 1), candidates_of(deals), SCALES, Calibration())


def test_little_is_promised_where_reps_do_not_differ() -> None:
    found = [of_case(make_case(settings_of("null", 500), seed)) for seed in range(6)]
    assert np.mean([one.gain for one in found]) > 0.04  # the flattery: the truth is 0
    assert np.mean([one.gain_low for one in found]) <= 0.02


def test_the_promise_is_below_the_truth_and_well_above_nothing_where_reps_differ() -> None:
    cases = [make_case(settings_of("affinity_0.6", 500), seed) for seed in range(6)]
    found = [of_case(case) for case in cases]
    true = []
    for case in cases:
        candidates = Candidates(case.leads, case.pair, case.table.rep_ids)
        p = _probabilities(case.table, candidates, SCALES, Calibration(), PAIR_PRIORS)
        true.append(_gain(p, case.truth))
    assert 0.04 < np.mean([one.gain_low for one in found]) < np.mean(true)
    assert all(0 < one.ratio < 1 for one in found)
