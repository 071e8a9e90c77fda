"""What an experiment could show. No database."""

import math
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from experiments.engine.allocation import Design
from experiments.engine.sizing import (
    Accounts,
    Setting,
    detectable,
    detectable_mean,
    least_horizon,
    plan,
    planned_information,
    treatment_units_needed,
    weeks_needed,
)
from reps.engine.unavailable import Unavailable

USUAL = Setting(base_rate=0.2, horizon_days=60, units_per_week=250, weeks=8)


def test_200_per_group_detects_a_12_point_difference_at_a_20_percent_base() -> None:
    found = plan(replace(USUAL, units_per_week=50)).of_200
    assert found is not None
    assert round(found * 100) == 12
    assert power_proportions_2indep(found, 0.2, 200, return_results=False) == pytest.approx(0.8, abs=1e-3)


def test_daily_looks_want_five_percent_more() -> None:
    one = treatment_units_needed(0.2, 0.05, 0.5)
    assert one / 1.05 == pytest.approx(1093.74, abs=0.01)
    assert one == pytest.approx(1148.43, abs=0.01)
    # the usual formula with arcsines comes near it
    arcsine = NormalIndPower().solve_power(
        2 * (math.asin(math.sqrt(0.25)) - math.asin(math.sqrt(0.2))), alpha=0.05, power=0.8
    )
    assert one / 1.05 == pytest.approx(arcsine, rel=0.01)


def test_detectable_is_what_the_units_needed_say() -> None:
    found = detectable(0.2, 1000, 1000)
    assert found is not None
    assert treatment_units_needed(0.2, found, 0.5) == pytest.approx(1000, rel=1e-4)
    uneven = detectable(0.2, 1600, 400)
    assert uneven is not None
    assert uneven > found


def test_accounts_that_repeat_themselves_want_more() -> None:
    assert Accounts(3, 0.2).factor == pytest.approx(1.4)
    assert treatment_units_needed(0.2, 0.05, 0.5, 1.4) == pytest.approx(
        1.4 * treatment_units_needed(0.2, 0.05, 0.5)
    )
    alone, together = plan(USUAL), plan(replace(USUAL, accounts=Accounts(3, 0.2)))
    assert alone.detectable is not None
    assert together.detectable is not None
    assert alone.detectable < together.detectable
    assert together.planned_information == alone.planned_information  # the clock takes units as independent


def test_plan_of_a_usual_experiment() -> None:
    found = plan(USUAL)
    assert (found.treatment_units, found.control_units) == (1000, 1000)
    assert found.detectable == pytest.approx(0.0537, abs=1e-4)
    assert found.earliest_days == 8 * 7 + 60
    assert found.planned_information == pytest.approx(3125)  # 1 / (.16 · 2/1000)
    assert found.warnings == (
        "Differences below 5.4 points would mostly be missed; that is more than a quarter of the base rate of 20%.",
        "200 per group detects only a 12-point difference at a 20% base, in a single look at that.",
    )
    assert plan(replace(USUAL, units_per_week=400)).warnings == ()


def test_below_the_recommended_minimum() -> None:
    found = plan(replace(USUAL, weeks=3, units_per_week=100))
    assert found.warnings[1:3] == (
        "3 weeks are less than the recommended minimum of 4.",
        "150 opportunities in the smaller group are less than the recommended minimum of 200.",
    )
    assert len(found.warnings) == 4


def test_so_few_that_nothing_would_be_seen() -> None:
    found = plan(replace(USUAL, weeks=1, units_per_week=6, base_rate=0.5))
    assert found.detectable is None
    assert (
        found.warnings[0]
        == "Even the largest possible difference would not be seen with so few opportunities."
    )
    assert plan(replace(USUAL, weeks=1, units_per_week=1)).detectable is None


def test_hardly_any_difference_is_left_above_the_base() -> None:
    assert detectable(0.9999, 1000, 1000) is None
    assert detectable(0.2, 1e12, 1e12) == pytest.approx(1e-4)


def test_detectable_mean_worked() -> None:
    """(1.959964 + .841621) · √(120 · 2/1000 · 1.05)."""
    assert detectable_mean(120, 1000, 1000) == pytest.approx(2.801585 * math.sqrt(0.252), abs=1e-5)
    assert detectable_mean(120, 1000, 1000, 4.0) == pytest.approx(2 * 2.801585 * math.sqrt(0.252), abs=1e-5)
    assert detectable_mean(120, 0, 1000) is None


def test_weeks_for_a_wanted_effect() -> None:
    assert weeks_needed(USUAL, 0.05) == pytest.approx(2 * 1148.43 / 250, abs=1e-3)


def test_information_of_stages_is_that_of_their_weights() -> None:
    """(100 · 900 / 1,000 + 500 · 500 / 1,000) / .16."""
    assert planned_information(0.16, [(100, 900), (500, 500), (0, 10)]) == pytest.approx(340 / 0.16)


def test_horizon_covers_nine_of_ten_wins() -> None:
    assert least_horizon(np.arange(1.0, 101.0)) == 91
    assert least_horizon(np.arange(19.0)) == Unavailable("19 past wins; at least 20 say how long a win takes")


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        replace(USUAL, base_rate=1.0)
    with pytest.raises(ValueError, match="above 0"):
        replace(USUAL, weeks=0)
    with pytest.raises(ValueError, match="at least one opportunity"):
        Accounts(0.5)


def test_half_of_a_switchback_counts_and_few_periods_are_warned_of() -> None:
    short = plan(replace(USUAL, design=Design.SWITCHBACK))
    assert (short.treatment_units, short.control_units) == (500, 500)
    assert short.warnings[-2:] == (
        "A switchback says nothing before 10 periods of two weeks (20 weeks); these are 4.",
        "How much periods differ is not known before: a difference of that size may well be missed.",
    )
    long = plan(replace(USUAL, design=Design.SWITCHBACK, weeks=20))
    assert not any("switchback" in one for one in long.warnings)
    reps = plan(replace(USUAL, design=Design.REP_PARTITION)).warnings
    assert set(reps) - set(plan(USUAL).warnings) == {
        "How much reps differ is not known before: a difference of that size may well be missed."
    }
    one = weeks_needed(replace(USUAL, design=Design.SWITCHBACK), 0.05)
    assert one == pytest.approx(2 * weeks_needed(USUAL, 0.05))
