"""The season, learned from all history together with a slow trend of the market.

    log-odds(won) = lead effects + trend(t) + (s₀ + s_industry) sin φ + (c₀ + c_industry) cos φ

with φ = 2π · fraction of the year, and priors: season ± .12, by industry ± .08, trend ± .3 per year and per its square.
Two years at least: in less, a season cannot be told from a trend, and none is learned. Being an offset of the win
model, it is fitted on its own.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from routing.engine.learning.design import lead_columns, one_hot
from routing.engine.learning.solve import ridge
from routing.engine.learning.table import Category, DealTable, Floats
from routing.engine.season import ALL, DAYS_PER_YEAR, waves, year_fraction

LEAST_YEARS = 2.0
SEASON_SD, BY_INDUSTRY_SD = 0.12, 0.08
TREND_SD = 0.3  # of the log-odds per year, and per year squared
LEAD_SCALE = 0.55


@dataclass(frozen=True)
class Season:
    """`effects` level → (sine, cosine), under ALL that of everything; empty where `years` of history are too few."""

    effects: Mapping[str, tuple[float, float]]
    years: float


def learn_season(table: DealTable, opened: Sequence[datetime.date | None]) -> Season:
    """From won and lost deals of all history (their lead columns and labels; reps and weights are not looked at)."""
    dated = np.array([day is not None for day in opened], dtype=bool)
    days = [day for day in opened if day is not None]
    if not days:
        return Season({}, 0.0)
    years = (max(days) - min(days)).days / DAYS_PER_YEAR
    known = table.take(dated)
    if years < LEAST_YEARS or len(set(known.won.tolist())) < 2:
        return Season({}, years)
    sine, cosine = waves(np.array([year_fraction(day) for day in days]))
    elapsed = np.array([(day - min(days)).days / DAYS_PER_YEAR for day in days]) - years / 2
    industry = known.lead.get("industry", Category(np.full(len(known), -1), ()))
    levels = one_hot(industry)
    _, blocks, sds = lead_columns(known, LEAD_SCALE)
    blocks += [
        sparse.csr_matrix(np.column_stack([elapsed, elapsed**2, sine, cosine])),
        levels.multiply(sine[:, None]),
        levels.multiply(cosine[:, None]),
    ]
    n = len(industry.levels)
    sds += [np.array([TREND_SD, TREND_SD, SEASON_SD, SEASON_SD]), np.full(2 * n, BY_INDUSTRY_SD)]
    sd = np.concatenate(sds)
    matrix = sparse.csr_matrix(sparse.hstack(blocks, format="csr").multiply(sd[None, :]))
    beta = ridge(matrix, known.won, np.ones(len(known))) * sd
    return Season(_effects(beta, industry.levels), years)


def _effects(beta: Floats, levels: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    n = len(levels)
    tail = beta[len(beta) - 2 * n - 2 :]
    found = {ALL: (round(float(tail[0]), 9), round(float(tail[1]), 9))}
    for i, level in enumerate(levels):
        found[level] = (round(float(tail[2 + i]), 9), round(float(tail[2 + n + i]), 9))
    return found
