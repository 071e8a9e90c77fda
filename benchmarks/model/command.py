"""The learned model on simulated worlds with known truth: how much of the oracle's lift its choice wins.

share = (true win probability of the chosen rep − of a random rep) / (of the truly best rep − of a random rep), over 400
new leads of the next month, mean over seeds. See docs and the worlds' settings for what is simulated.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from routing.engine.learning.fit import calibrate, fit
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.table import Category, DealTable, Floats, recency
from routing.engine.model import logistic
from routing.engine.worlds import (
    COMPETITORS,
    DAYS_PER_MONTH,
    INDUSTRIES,
    LANGUAGES,
    PRODUCTS,
    REGIONS,
    SIZES,
    SOURCES,
    URGENCIES,
    History,
    Leads,
    World,
    WorldSettings,
    draw_leads,
    make_world,
    play_history,
    true_win_probability,
)

SIZES_OF_WORLDS = ((150, 10), (500, 20), (2000, 50), (8000, 100))
NEW_LEADS = 400
AFFINITIES = (0.6, 0.3, 0.0)


@dataclass(frozen=True)
class Case:
    """One simulated organisation: what there is to learn from, new leads, and the truth."""

    table: DealTable
    leads: DealTable
    pair: dict[str, Floats]
    truth: Floats
    rep_win_rate: Floats
    rep_count: Floats


def make_case(settings: WorldSettings, seed: int) -> Case:
    world = make_world(settings, seed)
    rng = np.random.default_rng(seed + 10_000)
    days = settings.months * DAYS_PER_MONTH
    past = draw_leads(world, settings.deals, rng)
    history = play_history(world, past, rng)
    closed = (history.outcome >= 0) & (history.closed_day <= days)
    new = draw_leads(world, NEW_LEADS, rng, from_day=days, days=DAYS_PER_MONTH)
    table = table_of(world, past, history).take(closed)
    return Case(
        table=table,
        leads=lead_table(world, new),
        pair=pair_columns(world, new),
        truth=true_win_probability(world, new),
        rep_win_rate=_rates(table)[0],
        rep_count=_rates(table)[1],
    )


def _rates(table: DealTable) -> tuple[Floats, Floats]:
    n = len(table.rep_ids)
    count = np.bincount(table.rep, minlength=n).astype(float)
    won = np.bincount(table.rep, weights=table.won, minlength=n)
    return np.divide(won, count, out=np.zeros(n), where=count > 0), count


def categories(leads: Leads) -> dict[str, Category]:
    rival = np.where(leads.competitor < 0, len(COMPETITORS), leads.competitor)
    return {
        "industry": Category(leads.industry, INDUSTRIES),
        "size": Category(leads.size, SIZES),
        "source": Category(leads.source, SOURCES),
        "product": Category(leads.product, PRODUCTS),
        "region": Category(leads.region, REGIONS),
        "language": Category(leads.language, LANGUAGES),
        "urgency": Category(leads.urgency, URGENCIES),
        "competitor": Category(rival, (*COMPETITORS, "none")),
        "complexity": Category(leads.complexity - 1, ("1", "2", "3", "4", "5")),
    }


def pair_columns(world: World, leads: Leads) -> dict[str, Floats]:
    """m × n of what is declared or known of each pairing."""
    reps = world.reps
    big = (np.log(leads.value) - 9.5) / 2
    senior = (reps.seniority - 2.3) / 1.0
    rival = reps.tagged_competitors[:, np.maximum(leads.competitor, 0)].T & (leads.competitor >= 0)[:, None]
    return {
        "industry_tag": reps.tagged_industries[:, leads.industry].T.astype(float),
        "product_tag": reps.tagged_products[:, leads.product].T.astype(float),
        "covers_territory": reps.regions[:, leads.region].T.astype(float),
        "speaks_language": reps.languages[:, leads.language].T.astype(float),
        "competitor_displaced": rival.astype(float),
        "seniority": np.tile(senior, (len(leads), 1)),
        "seniority_complexity": (leads.complexity[:, None] - 3) / 2 * senior[None, :],
        "seniority_value": big[:, None] * senior[None, :],
    }


def lead_table(world: World, leads: Leads) -> DealTable:
    m = len(leads)
    return DealTable(
        won=np.zeros(m),
        rep=np.full(m, -1, dtype=np.int64),
        rep_ids=tuple(range(world.settings.reps)),
        weight=np.ones(m),
        value=leads.value,
        season=np.full(len(leads), np.nan),  # twelve months: too short to tell a season from a trend
        lead=categories(leads),
    )


def table_of(world: World, leads: Leads, history: History) -> DealTable:
    own = np.arange(len(leads))
    pair = {name: column[own, history.rep] for name, column in pair_columns(world, leads).items()}
    pair["load_above_80"] = np.maximum(history.load - 0.8, 0)
    end = world.settings.months * DAYS_PER_MONTH
    return DealTable(
        won=(history.outcome == 1).astype(float),
        rep=history.rep,
        rep_ids=tuple(range(world.settings.reps)),
        weight=recency(np.maximum(end - history.closed_day, 0)),
        value=leads.value,
        season=np.full(len(leads), np.nan),  # twelve months: too short to tell a season from a trend
        lead=categories(leads),
        pair=pair,
    )


def product_scores(case: Case, seed: int) -> tuple[Floats, LearnedModel]:
    """m × n log-odds of the product's model."""
    fitted = fit(case.table, seed=seed)
    model = LearnedModel.from_fit(fitted, case.table, calibrate(case.table, seed=seed))
    pairs = model.rep_log_odds(case.leads, case.table.rep_ids) + model.pair_log_odds(case.pair)
    return model.base(case.leads)[:, None] + pairs, model


def shrunken_win_rate(case: Case) -> Floats:
    overall = float(case.table.won.mean())
    rate = (case.rep_win_rate * case.rep_count + 20 * overall) / (case.rep_count + 20)
    return np.tile(rate, (NEW_LEADS, 1))


def raw_win_rate(case: Case) -> Floats:
    return np.tile(case.rep_win_rate, (NEW_LEADS, 1))


def tag_overlap(case: Case) -> Floats:
    names = ("industry_tag", "product_tag", "covers_territory", "speaks_language", "competitor_displaced")
    return np.asarray(sum(case.pair[name] for name in names))


def share_of_oracle(truth: Floats, scores: Floats, rng: np.random.Generator) -> float:
    """Ties are broken at random."""
    chosen = np.argmax(scores + 1e-9 * rng.random(scores.shape), axis=1)
    gained = truth[np.arange(len(truth)), chosen].mean() - truth.mean()
    return float(gained / (truth.max(axis=1).mean() - truth.mean()))


def calibration_slope(truth: Floats, log_odds: Floats, rng: np.random.Generator) -> float:
    """Slope of outcomes on the predicted log-odds, over random pairings."""
    from sklearn.linear_model import LogisticRegression

    reps = rng.integers(0, truth.shape[1], (20, len(truth)))
    rows = np.tile(np.arange(len(truth)), (20, 1))
    x, p = log_odds[rows, reps].ravel(), truth[rows, reps].ravel()
    won = rng.random(len(p)) < p
    return float(LogisticRegression(C=1e6).fit(x[:, None], won).coef_[0, 0])


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: cells[] = {world, deals, method, share, share_se, slope, ece}."""
    seeds = range(4 if short else 10)
    worlds = SIZES_OF_WORLDS[:3] if short else SIZES_OF_WORLDS
    cells: list[dict[str, Any]] = []
    for affinity in AFFINITIES:
        for deals, reps in worlds:
            started = time.monotonic()
            cells += _cell(affinity, deals, reps, seeds)
            best = next(c for c in cells[::-1] if c["method"] == "product")
            say(
                f"affinity {affinity}, {deals} deals: {best['share']:.2f} ({time.monotonic() - started:.0f} s)"
            )
    return {"cells": cells}


def _cell(affinity: float, deals: int, reps: int, seeds: range) -> list[dict[str, Any]]:
    shares: dict[str, list[float]] = {}
    slopes, eces = [], []
    for seed in seeds:
        case = make_case(
            WorldSettings(reps=reps, deals=deals, affinity_sd=affinity, max_open=max(10, deals // reps // 3)),
            seed,
        )
        rng = np.random.default_rng(seed)
        scores, model = product_scores(case, seed)
        methods = {"product": scores, "shrunken_win_rate": shrunken_win_rate(case),
                   "raw_win_rate": raw_win_rate(case), "tag_overlap": tag_overlap(case)}  # fmt: skip
        for name, found in methods.items():
            shares.setdefault(name, []).append(share_of_oracle(case.truth, found, rng))
        shown = model.calibration.intercept + model.calibration.slope * scores
        slopes.append(calibration_slope(case.truth, shown, rng))
        eces.append(expected_calibration_error(case.truth, logistic(shown)))
    name = f"affinity_{affinity:g}"
    rows = []
    for method, values in shares.items():
        row = {"world": name, "deals": deals, "method": method, "share": round(float(np.mean(values)), 3),
               "share_se": round(float(np.std(values, ddof=1) / np.sqrt(len(values))), 3)}  # fmt: skip
        if method == "product":
            row |= {"slope": round(float(np.mean(slopes)), 3), "ece": round(float(np.mean(eces)), 3)}
        rows.append(row)
    return rows


def expected_calibration_error(truth: Floats, predicted: Floats) -> float:
    """Mean distance between predicted and true probability over ten bins of all pairings."""
    p, q = predicted.ravel(), truth.ravel()
    order = np.argsort(p)
    bins = np.array_split(order, 10)
    return float(np.mean([abs(p[b].mean() - q[b].mean()) for b in bins]))
