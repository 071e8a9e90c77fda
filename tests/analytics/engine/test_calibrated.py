"""Forecasts put right: too sure ones, few ones, and a person's shift."""

import numpy as np
import pytest
from scipy.special import expit

from analytics.engine.calibrated import Calibration, recalibrated, shift_of


def test_a_model_that_is_too_sure_is_found_out() -> None:
    rng = np.random.default_rng(1)
    odds = rng.normal(0, 1, 20_000)
    won = rng.random(20_000) < expit(0.5 * odds - 0.4)
    found = recalibrated(expit(odds), won)
    assert (found.intercept, found.slope) == pytest.approx((-0.4, 0.5), abs=0.05)


def test_few_deals_leave_forecasts_nearly_as_they_are() -> None:
    found = recalibrated(np.array([0.3, 0.4]), np.array([True, False]))
    assert found.of(np.array([0.35]))[0] == pytest.approx(0.35, abs=0.08)


def test_nothing_known_changes_nothing() -> None:
    assert Calibration().of(np.array([0.2, 0.7])) == pytest.approx([0.2, 0.7])


def test_sure_losses_are_bounded() -> None:
    found = recalibrated(np.array([0.0, 1.0, 0.5]), np.array([True, False, True]))
    assert np.isfinite([found.intercept, found.slope]).all()


def test_a_shift_fits_the_wins_and_is_shrunken() -> None:
    odds, won = np.zeros(400), np.arange(400) < 300
    wide, _ = shift_of(odds, won, 100.0)
    narrow, _ = shift_of(odds[:8], won[:8], 0.5)
    assert wide == pytest.approx(np.log(3), abs=0.001)
    assert 0 < narrow < 0.75
