"""How good predictions are: worked figures, other people's implementations, brute force. No database."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import log_loss, roc_auc_score

from reps.engine.unavailable import Unavailable
from routing.engine.estimate import Estimate
from routing.engine.learning.quality import (
    CalibrationLine,
    calibration_line,
    concordance,
    difference,
    discrimination,
    expected_calibration_error,
    log_losses,
    reliability,
)
from routing.engine.learning.table import Floats
from routing.engine.model import logistic


def outcomes(log_odds: Floats, seed: int) -> Floats:
    return (np.random.default_rng(seed).random(len(log_odds)) < logistic(log_odds)).astype(float)


def brute_concordance(won: Floats, prospects: Floats, fit: Floats, within: float) -> float:
    is_won = won > 0.5
    alike = np.abs(prospects[is_won][:, None] - prospects[~is_won][None, :]) < within
    ahead = fit[is_won][:, None] - fit[~is_won][None, :]
    return float(((ahead > 0) + 0.5 * (ahead == 0))[alike].mean())


def test_loss_is_minus_log_of_what_happened() -> None:
    odds = np.log(np.array([3.0, 3.0, 1.0]))
    np.testing.assert_allclose(
        log_losses(np.array([1.0, 0.0, 1.0]), odds), [-np.log(0.75), -np.log(0.25), np.log(2)]
    )


def test_losses_do_not_overflow_and_average_to_the_log_loss() -> None:
    odds = np.random.default_rng(0).normal(0, 2, 500)
    won = outcomes(odds, 1)
    assert log_losses(won, odds).mean() == pytest.approx(log_loss(won, logistic(odds)))
    np.testing.assert_allclose(log_losses(np.array([0.0, 1.0]), np.array([900.0, 900.0])), [900.0, 0.0])


def test_difference_is_paired() -> None:
    found = difference(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 1.0, 2.5, 3.0]))
    # differences .5, 1, .5, 1: mean .75, sd .288675, standard error .144338
    assert found.mean == pytest.approx(0.75)
    assert found.standard_error == pytest.approx(0.144338, abs=1e-6)
    assert (found.low, found.high) == pytest.approx((0.467104, 1.032896), abs=1e-5)
    assert difference(np.array([1.0]), np.array([0.0])).standard_error == np.inf


def test_auc_of_a_worked_example() -> None:
    # .8 beats all of .7, .4, .2; .6 beats two; .4 beats one and ties one: (3 + 2 + 1.5) / 9
    found = discrimination(np.array([1.0, 1, 1, 0, 0, 0]), np.array([0.8, 0.6, 0.4, 0.7, 0.4, 0.2]))
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(6.5 / 9)
    # DeLong: shares 1, 2/3, 1/2 and 1/3, 5/6, 1 have variances .0648148 and .1203704, each over 3
    assert found.standard_error == pytest.approx(np.sqrt((0.0648148 + 0.1203704) / 3), abs=1e-6)
    assert found.high == 1.0


def test_auc_is_that_of_scikit_learn_and_its_error_that_of_repeated_samples() -> None:
    found = []
    for seed in range(200):
        odds = np.round(np.random.default_rng(seed).normal(-0.5, 1, 300), 1)
        won = outcomes(odds, seed + 1000)
        one = discrimination(won, odds)
        assert isinstance(one, Estimate)
        assert one.value == pytest.approx(roc_auc_score(won, odds))
        found.append(one)
    spread = np.std([one.value for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.15)


def test_auc_of_one_outcome_is_unavailable() -> None:
    assert discrimination(np.array([1.0, 0.0, 0.0]), np.zeros(3)) == Unavailable(
        "1 won and 2 lost deals; at least two of each are needed"
    )


def test_reliability_of_a_worked_example() -> None:
    p = np.array([0.1] * 10 + [0.7] * 10)
    won = np.array([1.0] + [0.0] * 9 + [1.0] * 6 + [0.0] * 4)
    low, high = reliability(p, won, bins=2)
    assert (low.predicted, low.observed, low.count) == pytest.approx((0.1, 0.1, 10))
    assert (low.low, low.high) == pytest.approx((0.017876, 0.404150), abs=1e-6)  # Wilson, 1 of 10
    assert (high.predicted, high.observed, high.count) == pytest.approx((0.7, 0.6, 10))
    assert expected_calibration_error(p, won, bins=2) == pytest.approx(0.05)


def test_bins_hold_about_as_many_and_equal_predictions_stay_together() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(1003)
    won = outcomes(np.log(p / (1 - p)), 4)
    bins = reliability(p, won)
    assert [one.count for one in bins] == pytest.approx([100] * 10, abs=1)
    assert sum(one.count for one in bins) == 1003
    shuffled = rng.permutation(1003)
    again = reliability(p[shuffled], won[shuffled])
    assert [one.observed for one in again] == [one.observed for one in bins]
    assert [one.count for one in reliability(np.full(50, 0.3), won[:50])] == [50]
    assert reliability(np.zeros(0), np.zeros(0)) == ()


def test_calibration_error_weighs_bins_by_their_deals() -> None:
    # 30 at .2 of which 9 are won, 60 at .5 of which 30, 10 at .9 of which 6
    p = np.repeat([0.2, 0.5, 0.9], [30, 60, 10])
    won = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [9, 21, 30, 30, 6, 4])
    assert expected_calibration_error(p, won) == pytest.approx(0.3 * 0.1 + 0.1 * 0.3)
    assert expected_calibration_error(p[:0], won[:0]) == 0.0


def test_calibration_line_of_four_cells() -> None:
    # At log-odds −1 a quarter is won, at +1 three fifths: slope and intercept solve both exactly.
    odds = np.array([-1.0] * 40 + [1.0] * 50)
    won = np.array([1.0] * 10 + [0.0] * 30 + [1.0] * 30 + [0.0] * 20)
    low, high = np.log(1 / 3), np.log(3 / 2)
    found = calibration_line(won, odds)
    assert isinstance(found, CalibrationLine)
    assert found.slope == pytest.approx((high - low) / 2, abs=1e-6)
    assert found.intercept == pytest.approx((high + low) / 2, abs=1e-6)
    # the log-odds of a cell have variance 1/won + 1/lost; half of their difference a quarter of the sum
    assert found.slope_error == pytest.approx(np.sqrt(1 / 10 + 1 / 30 + 1 / 30 + 1 / 20) / 2, abs=1e-5)


def test_overconfident_predictions_have_a_slope_below_one() -> None:
    odds = np.random.default_rng(5).normal(-0.5, 1, 4000)
    found = calibration_line(outcomes(odds, 6), 2 * odds + 0.6)
    assert isinstance(found, CalibrationLine)
    assert found.slope == pytest.approx(0.5, abs=3 * found.slope_error)
    assert found.intercept == pytest.approx(-0.3, abs=0.1)


@pytest.mark.parametrize(
    ("won", "odds", "reason"),
    [
        ([1.0, 1.0], [0.1, 0.2], "all 2 deals were won"),
        ([0.0, 0.0], [0.1, 0.2], "all 2 deals were lost"),
        ([], [], "there are no deals"),
        ([1.0, 0.0], [0.3, 0.3], "all 2 deals have the same prediction"),
        (
            [1.0, 1.0, 0.0],
            [0.5, 0.3, 0.3],
            "the predictions part the won from the lost of 3 deals without exception",
        ),
        (
            [0.0, 1.0, 1.0],
            [0.5, 0.3, 0.1],
            "the predictions part the won from the lost of 3 deals without exception",
        ),
    ],
)
def test_a_line_that_cannot_be_told_says_why(won: list[float], odds: list[float], reason: str) -> None:
    assert calibration_line(np.array(won), np.array(odds)) == Unavailable(reason)


def test_concordance_of_a_worked_example() -> None:
    # Won: prospects 0 and 1. Lost within .2 of 0: −.1 and .1; of 1: 1.1. Ten copies make 3 · 100 pairs.
    won = np.repeat([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], 10)
    prospects = np.repeat([0.0, 1.0, -0.1, 0.1, 1.1, 0.5], 10)
    fit = np.repeat([0.3, 0.1, 0.2, 0.3, 0.4, -9.0], 10)
    found = concordance(won, prospects, fit)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx((1 + 0.5 + 0) / 3)
    # influences, each ten times, over 300: won 15 − 10, 0 − 5; lost 10 − 5, 5 − 5, 0 − 5, 0
    assert found.standard_error == pytest.approx(np.sqrt(10 * 4 * 5**2) / 300)


@pytest.mark.parametrize("seed", range(5))
def test_concordance_is_that_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prospects, fit = rng.normal(0, 1, 400), np.round(rng.normal(0, 1, 400), 1)
    won = outcomes(prospects + fit, seed + 50)
    found = concordance(won, prospects, fit, within=0.15)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(brute_concordance(won, prospects, fit, 0.15))
    turned = concordance(won, prospects, -fit, within=0.15)
    assert isinstance(turned, Estimate)
    assert found.value + turned.value == pytest.approx(1)
    assert found.standard_error == pytest.approx(turned.standard_error)


def test_concordance_of_chance_is_one_half_and_its_interval_covers_it() -> None:
    covered, values, errors = 0, [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        prospects = rng.normal(-0.5, 1, 300)
        found = concordance(outcomes(prospects, seed + 500), prospects, rng.normal(0, 0.3, 300))
        assert isinstance(found, Estimate)
        covered += found.low <= 0.5 <= found.high
        values.append(found.value)
        errors.append(found.standard_error)
    # 95 % of 120 is 114; fewer than 106 has a chance below 1 in 1,000 at 95 %
    assert covered >= stats.binom.ppf(0.001, 120, 0.95)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def test_concordance_of_twenty_thousand_deals_is_above_chance_where_reps_matter() -> None:
    rng = np.random.default_rng(7)
    prospects, fit = rng.normal(-0.5, 1, 20_000), rng.normal(0, 0.4, 20_000)
    found = concordance(outcomes(prospects + fit, 8), prospects, fit)
    assert isinstance(found, Estimate)
    assert found.low > 0.58
    assert found.standard_error < 0.006


def test_concordance_of_few_pairs_is_unavailable() -> None:
    won = np.array([1.0, 0.0, 1.0, 0.0])
    found = concordance(won, np.array([0.0, 0.1, 3.0, 9.0]), np.zeros(4))
    assert found == Unavailable("30 pairs of a won and a lost deal with prospects alike are needed; found 1")
    nobody = concordance(np.ones(3), np.zeros(3), np.zeros(3))
    assert isinstance(nobody, Unavailable)
