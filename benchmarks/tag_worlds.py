"""Organisations for the benchmark of suggested tags, whose expertise is known.

The specialists' world is `routing/engine/worlds.py` with fewer kinds of leads and one industry, one product and at
most one competitor a rep is expert in (`uneven`: as many on average, but none, one, two or more); managers assign by
territory, language, favour and the expertise that they know of. An expert has `effect` log-odds more on the industry,
.8 of it on the product and on a spoken language, .6 on the competitor. In the world of sizes half of the reps have
`effect` more on a range of deal sizes, nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from routing.engine.model import logistic
from routing.engine.tagging.deals import ClosedDeal, TagSettings
from routing.engine.worlds import (
    COMPETITORS,
    DAYS_PER_MONTH,
    FIT_WEIGHTS,
    INDUSTRIES,
    LANGUAGES,
    PRODUCTS,
    Floats,
    History,
    Ints,
    Leads,
    Mask,
    World,
    WorldReps,
    WorldSettings,
    affinity,
    draw_leads,
    make_world,
    play_history,
    true_log_odds,
)

REPS = 40
LEADS_A_DEAL = 1.32  # some are disqualified, some not closed within the year
OFFERED = {"industry": 5, "product": 4, "competitor": 4}
TRUTH_LEADS = 6000
KNOWN_SHARE = 0.7  # of the expertise the managers know, though no tag says so
EXPERTS = (("industry", "industries"), ("product", "products"), ("competitor", "competitors"))
NAMES = {"industry": INDUSTRIES, "product": PRODUCTS, "competitor": COMPETITORS, "language": LANGUAGES}

Pair = tuple[int, str, str]
Truth = dict[Pair, float]


@dataclass(frozen=True)
class Played:
    """What a CRM holds after a year, and the effect of every pair (log-odds against the rep's mean). `oracle`: the
    chance of each pair for who knows everything but whether the rep is expert there. `best_sizes`: of the reps who
    have one, the range of deal sizes."""

    deals: tuple[ClosedDeal, ...]
    truth: Truth
    oracle: dict[Pair, float] = field(default_factory=dict)
    best_sizes: dict[int, tuple[float, float]] = field(default_factory=dict)


def specialists(seed: int, deals_a_rep: int, effect: float, *, uneven: bool = False) -> Played:
    settings = _settings(REPS, deals_a_rep)
    world = make_world(settings, seed)
    rng = np.random.default_rng([seed, 7])
    frequencies = dict(world.frequencies)
    for kind, offered in OFFERED.items():
        some = np.where(np.arange(len(frequencies[kind])) < offered, frequencies[kind], 0)
        frequencies[kind] = some / some.sum()
    reps = _specialised(world.reps, rng, uneven)
    world = replace(world, frequencies=frequencies, reps=reps, fit_scale=effect, hidden_scale=0.0)
    world = replace(world, fit_mean=_mean_fit(world, rng))
    return _played(world, seed, asked=True)


def alike(seed: int, deals_a_rep: int, *, rep_sd: float = 0.0) -> Played:
    """Nobody is better with anything; managers still give different mixes to different reps."""
    settings = replace(_settings(REPS, deals_a_rep), affinity_sd=0.0, rep_sd=rep_sd, rep_walk_sd_per_year=0.0)
    return _played(make_world(settings, seed), seed)


def diffuse(seed: int, deals_a_rep: int) -> Played:
    """The world of the model's benchmark: twelve industries, and half of the affinity in no tag."""
    return _played(make_world(_settings(REPS, deals_a_rep), seed), seed)


def sizes(seed: int, deals_a_rep: int, effect: float) -> Played:
    """Half of the reps are better with one or two neighbouring quarters of the deals by value."""
    settings = replace(_settings(REPS, deals_a_rep), affinity_sd=0.0)
    world = make_world(settings, seed)
    rng = np.random.default_rng(seed + 1)
    leads = draw_leads(world, settings.deals, rng)
    history = play_history(world, leads, rng)
    edges = np.concatenate([[0.0], np.quantile(leads.value, (0.25, 0.5, 0.75)), [np.inf]])
    first, length = rng.integers(0, 4, REPS), rng.integers(1, 3, REPS)
    low, high = edges[first], edges[np.minimum(first + length, 4)]
    better = rng.random(REPS) < 0.5
    mine = history.rep
    inside = better[mine] & (leads.value >= low[mine]) & (leads.value < high[mine])
    chance = logistic(_odds_then(world, leads, history)[np.arange(len(leads)), mine] + effect * inside)
    won = (rng.random(len(leads)) < chance).astype(np.int64)
    history = replace(history, outcome=np.where(history.outcome < 0, -1, won))
    ranges = {int(rep): (float(low[rep]), float(high[rep])) for rep in np.flatnonzero(better)}
    return Played(tuple(_closed(leads, history, settings.months * DAYS_PER_MONTH)), {}, best_sizes=ranges)


def played_at_size(reps: int) -> Played:
    """About seventy deals a rep, to be timed."""
    return _played(make_world(WorldSettings(reps=reps, deals=reps * 90, max_open=30), 1), 1)


def _settings(reps: int, deals_a_rep: int) -> WorldSettings:
    leads = round(reps * deals_a_rep * LEADS_A_DEAL)
    return WorldSettings(reps=reps, deals=leads, max_open=max(30, deals_a_rep // 2), no_history_share=0.0)


def _specialised(reps: WorldReps, rng: np.random.Generator, uneven: bool) -> WorldReps:
    """One industry, one product, for half of the reps one competitor; managers know some of it."""
    count = len(reps.seniority)
    changed: dict[str, Any] = {}
    for kind, name in EXPERTS:
        expert = np.zeros_like(getattr(reps, f"expert_{name}"))
        expert[np.arange(count), rng.integers(0, OFFERED[kind], count)] = True
        if uneven:
            expert[:, : OFFERED[kind]] = rng.random((count, OFFERED[kind])) < 1 / OFFERED[kind]
        if kind == "competitor":
            expert &= rng.random((count, 1)) < 0.5
        changed[f"expert_{name}"] = expert
        changed[f"tagged_{name}"] = expert & (rng.random(expert.shape) < KNOWN_SHARE)
    return replace(reps, **changed)


def _mean_fit(world: World, rng: np.random.Generator) -> Floats:
    """So that a rep's affinity is nil on average over the leads there are."""
    sample = draw_leads(world, TRUTH_LEADS, rng)
    return np.asarray(world.fit_mean + affinity(world, sample).mean(axis=0) / world.fit_scale)


def _played(world: World, seed: int, *, asked: bool = False) -> Played:
    rng = np.random.default_rng(seed + 1)
    leads = draw_leads(world, world.settings.deals, rng)
    history = play_history(world, leads, rng)
    deals = tuple(_closed(leads, history, world.settings.months * DAYS_PER_MONTH))
    return Played(deals, _truth(world, seed), _oracle(world, leads, history) if asked else {})


def _odds_then(world: World, leads: Leads, history: History) -> Floats:
    """m × n log-odds with the load and the first touch that there were."""
    settings = world.settings
    tired = settings.tiredness * np.maximum(history.load - settings.tired_from, 0)
    slow = settings.slowness * np.log(history.touch_hours / settings.typical_touch_hours)
    return np.asarray(true_log_odds(world, leads) - (tired + slow)[:, None])


def _oracle(world: World, leads: Leads, history: History) -> dict[Pair, float]:
    """Bayes' rule for each pair by itself: everything else is known, and how much an expert would be better."""
    odds = _odds_then(world, leads, history)[np.arange(len(leads)), history.rep]
    played = (history.outcome >= 0) & (history.closed_day < world.settings.months * DAYS_PER_MONTH)
    chances: dict[Pair, float] = {}
    for kind, name in (*EXPERTS, ("language", "languages")):
        expert: Mask = getattr(world.reps, name if kind == "language" else f"expert_{name}")
        codes, effect = getattr(leads, kind), FIT_WEIGHTS[kind] * world.fit_scale
        offered = range(1, len(LANGUAGES)) if kind == "language" else range(OFFERED[kind])
        share = float(expert[:, list(offered)].mean())
        for code in offered:
            inside = played & (codes == code)
            base = odds - effect * expert[history.rep, code]
            gain = _likelihood(base + effect, history.outcome) - _likelihood(base, history.outcome)
            told = np.bincount(history.rep[inside], gain[inside], len(expert))
            chance = logistic(np.log(share / (1 - share)) + told)
            chances |= {(rep, kind, NAMES[kind][code]): float(chance[rep]) for rep in range(len(expert))}
    return chances


def _likelihood(odds: Floats, outcome: Ints) -> Floats:
    return -np.logaddexp(0, np.where(outcome > 0, -odds, odds))


def _closed(leads: Leads, history: History, end: float) -> Iterable[ClosedDeal]:
    for i in range(len(leads)):
        if history.outcome[i] >= 0 and history.closed_day[i] < end:
            yield ClosedDeal(
                rep_id=int(history.rep[i]),
                won=bool(history.outcome[i]),
                closed_days_ago=float(end - history.closed_day[i]),
                industry=INDUSTRIES[leads.industry[i]],
                product=PRODUCTS[leads.product[i]],
                competitors=() if leads.competitor[i] < 0 else (COMPETITORS[leads.competitor[i]],),
                language=LANGUAGES[leads.language[i]],
                value=float(leads.value[i]),
            )


def _truth(world: World, seed: int) -> Truth:
    leads = draw_leads(world, TRUTH_LEADS, np.random.default_rng([seed, 9]))
    effects = affinity(world, leads)
    truth: Truth = {}
    for kind, names in NAMES.items():
        codes = getattr(leads, kind)
        for code in sorted(set(codes[codes >= 0].tolist())):
            if names[code] != TagSettings().default_language:
                mean = effects[codes == code].mean(axis=0)
                truth |= {(rep, kind, names[code]): float(mean[rep]) for rep in range(len(mean))}
    return truth
