"""Simulated worlds as arrays: deals to learn from, new leads against every rep, and the truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from routing.engine.learning.table import Category, DealTable, Floats, recency
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

NULL = "null"
AFFINITIES = {"affinity_0.6": 0.6, "affinity_0.3": 0.3, "affinity_0": 0.0}
WORLDS = (*AFFINITIES, NULL)
REPS_OF_DEALS = {150: 10, 500: 20, 2000: 50, 8000: 100}
NEW_LEADS = 400


@dataclass(frozen=True)
class Case:
    """One simulated organisation. `leads`, `pair` (m × n) and `truth` (m × n win probability) are of the next month;
    `load` (n) is the share of the maximum that each rep has open when it begins."""

    table: DealTable
    leads: DealTable
    pair: Mapping[str, Floats]
    truth: Floats
    load: Floats

    @property
    def reps(self) -> int:
        return len(self.table.rep_ids)


def settings_of(world: str, deals: int) -> WorldSettings:
    """In the null world nothing about the reps makes a difference: skill, drift, affinity, typical first touch."""
    reps = REPS_OF_DEALS[deals]
    max_open = max(10, deals // reps // 3)
    if world == NULL:
        return WorldSettings(
            reps=reps,
            deals=deals,
            max_open=max_open,
            affinity_sd=0.0,
            rep_sd=0.0,
            rep_walk_sd_per_year=0.0,
            rep_touch_sd=0.0,
        )
    return WorldSettings(reps=reps, deals=deals, max_open=max_open, affinity_sd=AFFINITIES[world])


def make_case(settings: WorldSettings, seed: int, *, new_leads: int = NEW_LEADS) -> Case:
    """History of the world's months, of which what closed is learned from, and the leads of the month after."""
    world = make_world(settings, seed)
    rng = np.random.default_rng(seed + 10_000)
    end = settings.months * DAYS_PER_MONTH
    past = draw_leads(world, settings.deals, rng)
    history = play_history(world, past, rng)
    new = draw_leads(world, new_leads, rng, from_day=end, days=DAYS_PER_MONTH)
    closed = (history.outcome >= 0) & (history.closed_day <= end)
    still_open = history.rep[history.closed_day > end]
    return Case(
        table=deal_table(world, past, history).take(closed),
        leads=lead_table(world, new),
        pair=pair_columns(world, new),
        truth=true_win_probability(world, new),
        load=np.bincount(still_open, minlength=settings.reps) / settings.max_open,
    )


def deal_table(world: World, leads: Leads, history: History) -> DealTable:
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


def lead_table(world: World, leads: Leads) -> DealTable:
    m = len(leads)
    return DealTable(
        won=np.zeros(m),
        rep=np.full(m, -1, dtype=np.int64),
        rep_ids=tuple(range(world.settings.reps)),
        weight=np.ones(m),
        value=leads.value,
        season=np.full(m, np.nan),
        lead=categories(leads),
    )


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
    senior = reps.seniority - 2.3
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
