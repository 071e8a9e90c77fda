"""The season: learned from two years at least, with a trend beside it."""

import datetime

import numpy as np
import pytest

from routing.engine.learning.seasonal import learn_season
from routing.engine.learning.table import Category, DealTable
from routing.engine.model import logistic
from routing.engine.season import seasonal_log_odds, waves, year_fraction

BEGIN = datetime.date(2022, 1, 1)


def history(
    days: int, m: int = 6000, *, sine: float = 0.5, trend: float = 0.4
) -> tuple[DealTable, list[datetime.date]]:
    """Deals whose odds follow the season and a trend."""
    rng = np.random.default_rng(4)
    opened = [BEGIN + datetime.timedelta(days=int(day)) for day in np.sort(rng.integers(0, days, m))]
    fraction = np.array([year_fraction(day) for day in opened])
    elapsed = np.array([(day - BEGIN).days / 365.25 for day in opened])
    odds = -0.5 + sine * waves(fraction)[0] + trend * elapsed
    table = DealTable(
        won=(rng.random(m) < logistic(odds)).astype(float),
        rep=np.zeros(m, dtype=np.int64),
        rep_ids=(1,),
        weight=np.ones(m),
        value=np.full(m, np.nan),
        season=np.full(m, np.nan),
        lead={"industry": Category(rng.integers(0, 2, m), ("energy", "health"))},
    )
    return table, opened


def test_finds_the_season_beside_a_trend() -> None:
    season = learn_season(*history(3 * 365))
    spring, autumn = datetime.date(2025, 4, 2), datetime.date(2025, 10, 2)
    assert seasonal_log_odds(season.effects, "energy", spring) == pytest.approx(0.4, abs=0.15)
    assert seasonal_log_odds(season.effects, "energy", autumn) == pytest.approx(-0.4, abs=0.15)
    assert seasonal_log_odds(season.effects, "unknown", spring) > 0.2


def test_finds_next_to_nothing_where_there_is_none() -> None:
    season = learn_season(*history(3 * 365, sine=0.0))
    assert max(abs(value) for pair in season.effects.values() for value in pair) < 0.12


def test_below_two_years_none_is_learned() -> None:
    season = learn_season(*history(700))
    assert season.effects == {}
    assert season.years == pytest.approx(1.9, abs=0.05)


def test_undated_deals_and_single_outcomes_teach_no_season() -> None:
    table, opened = history(3 * 365, m=500)
    assert learn_season(table, [None] * len(opened)).effects == {}
    won = table.take(table.won == 1)
    assert (
        learn_season(won, [day for day, is_won in zip(opened, table.won, strict=True) if is_won]).effects
        == {}
    )


def test_the_year_goes_round() -> None:
    assert year_fraction(datetime.date(2026, 1, 1)) == 0
    assert year_fraction(datetime.date(2026, 12, 31)) < 1
