"""Are the suggested tags true? Organisations of specialists, whose expertise is known, and ones where nobody differs.

The specialists' world is `routing/engine/worlds.py` with fewer kinds of leads and one industry, one product and at
most one competitor a rep is expert in; managers assign by territory, language, favour and the expertise that they know
of. An expert has `EFFECT` log-odds more on the industry, .8 of it on the product and on a spoken language, .6 on the
competitor. True is a pair of rep and value whose effect, seen over all leads of the value and against the rep's own
mean, is at least `CLEAR`. Recall counts every true pair, also those of which the rep had no deal.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from routing.engine.tagging.columns import NAMED
from routing.engine.tagging.deals import DEAL_SIZE, ClosedDeal, Suggestion, TagProposals, TagSettings
from routing.engine.tagging.proposals import propose_tags
from routing.engine.worlds import (
    COMPETITORS,
    DAYS_PER_MONTH,
    INDUSTRIES,
    LANGUAGES,
    PRODUCTS,
    Floats,
    History,
    Leads,
    World,
    WorldReps,
    WorldSettings,
    affinity,
    draw_leads,
    make_world,
    play_history,
)

REPS = 40
SEEDS = 5
DEALS_A_REP = (60, 120)
LEADS_A_DEAL = 1.32  # some are disqualified, some not closed within the year
EFFECT = 2.0
EFFECTS = (1.0, 3.0)
CLEAR = 0.5
CLEARS = (0.0, 0.5, 1.0)
OFFERED = {"industry": 5, "product": 4, "competitor": 4}
TRUTH_LEADS = 6000
KNOWN_SHARE = 0.7  # of the expertise the managers know, though no tag says so
ENOUGH_DEALS = 12

Pair = tuple[int, str, str]
Truth = dict[Pair, float]


@dataclass(frozen=True)
class Played:
    """What a CRM holds after a year, and the effect of every pair (log-odds against the rep's mean)."""

    deals: tuple[ClosedDeal, ...]
    truth: Truth


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: precision, recall (60 deals a rep), null_suggestions_per_rep, seconds; the rest is sensitivity."""
    seeds = range(1, 3 if short else SEEDS + 1)
    result: dict[str, Any] = {}
    for deals in DEALS_A_REP:
        say(f"specialists, {deals} deals a rep")
        scored = _scored([specialists(seed, deals, EFFECT) for seed in seeds])
        result |= scored if deals == DEALS_A_REP[0] else {f"{key}_{deals}": scored[key] for key in scored}
    say("nobody differs")
    result["null_suggestions_per_rep"] = _null([alike(seed, DEALS_A_REP[0]) for seed in seeds])
    result["null_suggestions_per_rep_120"] = _null([alike(seed, DEALS_A_REP[1]) for seed in seeds])
    result["null_suggestions_per_rep_of_unequal_skill"] = _null(
        [alike(seed, 60, rep_sd=0.35) for seed in seeds]
    )
    if not short:
        say("weaker and stronger experts, and the model's world")
        result["by_effect"] = {
            str(effect): _scored([specialists(seed, 60, effect) for seed in seeds]) for effect in EFFECTS
        }
        result["model_world_60"] = _scored([diffuse(seed, 60) for seed in seeds])
        result["model_world_120"] = _scored([diffuse(seed, 120) for seed in seeds])
    return result | _timed(short)


def specialists(seed: int, deals_a_rep: int, effect: float) -> Played:
    """The world of the module's first lines."""
    settings = _settings(REPS, deals_a_rep)
    world = make_world(settings, seed)
    rng = np.random.default_rng([seed, 7])
    frequencies = dict(world.frequencies)
    for kind, offered in OFFERED.items():
        some = np.where(np.arange(len(frequencies[kind])) < offered, frequencies[kind], 0)
        frequencies[kind] = some / some.sum()
    reps = _specialised(world.reps, rng)
    world = replace(world, frequencies=frequencies, reps=reps, fit_scale=effect, hidden_scale=0.0)
    world = replace(world, fit_mean=_mean_fit(world, rng))
    return _played(world, seed)


def alike(seed: int, deals_a_rep: int, *, rep_sd: float = 0.0) -> Played:
    """Nobody is better with anything; managers still give different mixes to different reps."""
    settings = replace(_settings(REPS, deals_a_rep), affinity_sd=0.0, rep_sd=rep_sd, rep_walk_sd_per_year=0.0)
    return _played(make_world(settings, seed), seed)


def diffuse(seed: int, deals_a_rep: int) -> Played:
    """The world of the model's benchmark: twelve industries, and half of the affinity in no tag."""
    return _played(make_world(_settings(REPS, deals_a_rep), seed), seed)


def _settings(reps: int, deals_a_rep: int) -> WorldSettings:
    leads = round(reps * deals_a_rep * LEADS_A_DEAL)
    return WorldSettings(reps=reps, deals=leads, max_open=max(30, deals_a_rep // 2), no_history_share=0.0)


def _specialised(reps: WorldReps, rng: np.random.Generator) -> WorldReps:
    """One industry, one product, for half of the reps one competitor; managers know some of it."""
    count = len(reps.seniority)
    changed: dict[str, Any] = {}
    for kind, name in (("industry", "industries"), ("product", "products"), ("competitor", "competitors")):
        expert = np.zeros_like(getattr(reps, f"expert_{name}"))
        expert[np.arange(count), rng.integers(0, OFFERED[kind], count)] = True
        if kind == "competitor":
            expert &= rng.random((count, 1)) < 0.5
        changed[f"expert_{name}"] = expert
        changed[f"tagged_{name}"] = expert & (rng.random(expert.shape) < KNOWN_SHARE)
    return replace(reps, **changed)


def _mean_fit(world: World, rng: np.random.Generator) -> Floats:
    """So that a rep's affinity is nil on average over the leads there are."""
    sample = draw_leads(world, TRUTH_LEADS, rng)
    return np.asarray(world.fit_mean + affinity(world, sample).mean(axis=0) / world.fit_scale)


def _played(world: World, seed: int) -> Played:
    rng = np.random.default_rng(seed + 1)
    leads = draw_leads(world, world.settings.deals, rng)
    history = play_history(world, leads, rng)
    return Played(tuple(_closed(leads, history, world.settings.months * DAYS_PER_MONTH)), _truth(world, seed))


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
    for kind, names in (
        ("industry", INDUSTRIES),
        ("product", PRODUCTS),
        ("competitor", COMPETITORS),
        ("language", LANGUAGES),
    ):
        codes = getattr(leads, kind)
        for code in sorted(set(codes[codes >= 0].tolist())):
            if names[code] != TagSettings().default_language:
                mean = effects[codes == code].mean(axis=0)
                truth |= {(rep, kind, names[code]): float(mean[rep]) for rep in range(len(mean))}
    return truth


def _proposals(played: Played) -> TagProposals:
    proposals = propose_tags(played.deals, ())
    assert isinstance(proposals, TagProposals)
    return proposals


def _scored(worlds: list[Played]) -> dict[str, Any]:
    """Pooled over the worlds. A deal size is never true here: no rep is better with some sizes."""
    found = [[_pair(one) for one in _proposals(world).suggestions] for world in worlds]
    count = sum(map(len, found))

    def share(hits: int, of: int) -> float | None:
        return round(hits / of, 3) if of else None

    def hits(least: float) -> int:
        return sum(w.truth.get(p, -9.0) >= least for w, f in zip(worlds, found, strict=True) for p in f)

    def true(least: float) -> int:
        return sum(effect >= least for world in worlds for effect in world.truth.values())

    return {
        "precision": share(hits(CLEAR), count),
        "recall": share(hits(CLEAR), true(CLEAR)),
        "precision_by_least_effect": {str(least): share(hits(least), count) for least in CLEARS},
        "recall_by_least_effect": {str(least): share(hits(least), true(least)) for least in CLEARS},
        "recall_of_enough_deals": _recall_of_enough(worlds, found),
        "recall_by_kind": _recall_by_kind(worlds, found),
        "suggestions_per_rep": round(count / (REPS * len(worlds)), 3),
        "deals_per_rep": round(sum(len(world.deals) for world in worlds) / (REPS * len(worlds)), 1),
        "of_deal_size": sum(kind == DEAL_SIZE for pairs in found for _, kind, _ in pairs),
    }


def _recall_of_enough(worlds: list[Played], found: list[list[Pair]]) -> float | None:
    """Of the true pairs of which the rep closed `ENOUGH_DEALS` or more."""
    hits = true = 0
    for world, pairs in zip(worlds, found, strict=True):
        had = Counter((d.rep_id, kind, v) for d in world.deals for kind in NAMED for v in d.values(kind))
        enough = {p for p, e in world.truth.items() if e >= CLEAR and had[p] >= ENOUGH_DEALS}
        hits, true = hits + len(enough & set(pairs)), true + len(enough)
    return round(hits / true, 3) if true else None


def _recall_by_kind(worlds: list[Played], found: list[list[Pair]]) -> dict[str, float]:
    recall = {}
    for kind in ("industry", "product", "competitor", "language"):
        true = [{p for p, e in w.truth.items() if e >= CLEAR and p[1] == kind} for w in worlds]
        hits = sum(len(pairs & set(mine)) for pairs, mine in zip(true, found, strict=True))
        recall[kind] = round(hits / max(sum(map(len, true)), 1), 3)
    return recall


def _pair(suggestion: Suggestion) -> Pair:
    return suggestion.rep_id, suggestion.kind, suggestion.value


def _null(worlds: list[Played]) -> float:
    return round(sum(len(_proposals(world).suggestions) for world in worlds) / (REPS * len(worlds)), 4)


def _timed(short: bool) -> dict[str, Any]:
    reps = 30 if short else 300
    settings = WorldSettings(reps=reps, deals=reps * 90, max_open=30)
    played = _played(make_world(settings, 1), 1)
    started = time.perf_counter()
    proposals = _proposals(played)
    seconds = time.perf_counter() - started
    return {"seconds": round(seconds, 2), "timed_deals": len(played.deals), "timed_pairs": proposals.pairs}
