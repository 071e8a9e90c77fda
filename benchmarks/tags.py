"""Are the suggested tags true? Organisations of specialists, whose expertise is known, and ones where nobody differs.

The worlds are in `tag_worlds.py`. True is a pair of rep and value whose effect, seen over all leads of the value and
against the rep's own mean, is at least `CLEAR`. Recall counts every true pair, also those of which the rep had no deal.
The settings of the engine were chosen on seeds 11 to 18; reported are others.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks import team_page
from benchmarks.tag_worlds import (
    REPS,
    Pair,
    Played,
    alike,
    diffuse,
    played_at_size,
    sizes,
    specialists,
)
from routing.engine.tagging.columns import NAMED, in_order
from routing.engine.tagging.deals import DEAL_SIZE, Suggestion, TagProposals, TagSettings
from routing.engine.tagging.proposals import chances_of, propose_tags
from routing.engine.tagging.specialities import CLEAR

FIRST_SEED, SEEDS, SHORT_SEEDS = 101, 6, 2
DEALS_A_REP = (60, 120)
EFFECT = 2.0
EFFECTS = (1.0, 3.0)
CLEARS = (0.0, 0.5, 1.0)
ENOUGH_DEALS = 12
PRECISION = 0.8  # of the oracle's list
CLASSES = (0.1, 0.25, 0.5, 0.75, 0.9)
SAME_RANGE = 0.5  # of the deals in either of two ranges, those in both


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: precision, recall, recall_of_enough_deals, oracle_recall, calibration (60 deals a rep),
    null_suggestions_per_rep, deal_size, team_page_queries, seconds; the rest is sensitivity."""
    seeds = range(FIRST_SEED, FIRST_SEED + (SHORT_SEEDS if short else SEEDS))
    result = team_page.run(short=short, say=say)
    for deals in DEALS_A_REP:
        say(f"specialists, {deals} deals a rep")
        scored = _scored([specialists(seed, deals, EFFECT) for seed in seeds])
        result |= scored if deals == DEALS_A_REP[0] else {f"{key}_{deals}": scored[key] for key in scored}
    say("nobody differs")
    for deals in DEALS_A_REP:
        name = "" if deals == DEALS_A_REP[0] else f"_{deals}"
        result[f"null_suggestions_per_rep{name}"] = _null([alike(seed, deals) for seed in seeds])
        result[f"null_suggestions_per_rep_of_unequal_skill{name}"] = _null(
            [alike(seed, deals, rep_sd=0.35) for seed in seeds]
        )
    say("better with some sizes")
    result["deal_size"] = {
        str(deals): _scored_sizes([sizes(seed, deals, EFFECT) for seed in seeds]) for deals in DEALS_A_REP
    }
    if not short:
        result |= _sensitivity(seeds, say)
    return result | _timed(short)


def _sensitivity(seeds: Iterable[int], say: Callable[[str], None]) -> dict[str, Any]:
    say("weaker and stronger experts, uneven ones, and the model's world")
    return {
        "by_effect": {
            str(effect): _scored([specialists(seed, 60, effect) for seed in seeds]) for effect in EFFECTS
        },
        "uneven_60": _scored([specialists(seed, 60, EFFECT, uneven=True) for seed in seeds]),
        "model_world_60": _scored([diffuse(seed, 60) for seed in seeds]),
        "model_world_120": _scored([diffuse(seed, 120) for seed in seeds]),
    }


def _proposals(played: Played) -> TagProposals:
    proposals = propose_tags(played.deals, ())
    assert isinstance(proposals, TagProposals)
    return proposals


def _scored(worlds: list[Played]) -> dict[str, Any]:
    """Pooled over the worlds. A deal size is never true here: no rep is better with some sizes."""
    found = [[_pair(one) for one in _proposals(world).suggestions] for world in worlds]
    count = sum(map(len, found))

    def hits(least: float) -> int:
        return sum(w.truth.get(p, -9.0) >= least for w, f in zip(worlds, found, strict=True) for p in f)

    def true(least: float) -> int:
        return sum(effect >= least for world in worlds for effect in world.truth.values())

    return {
        "precision": _share(hits(CLEAR), count),
        "recall": _share(hits(CLEAR), true(CLEAR)),
        "recall_of_enough_deals": _recall_of_enough(worlds, found),
        "oracle_recall": _oracle_recall(worlds),
        "precision_by_least_effect": {str(least): _share(hits(least), count) for least in CLEARS},
        "recall_by_least_effect": {str(least): _share(hits(least), true(least)) for least in CLEARS},
        "recall_by_kind": _recall_by_kind(worlds, found),
        "precision_by_world": [
            _share(sum(w.truth.get(p, -9.0) >= CLEAR for p in f), len(f))
            for w, f in zip(worlds, found, strict=True)
        ],
        "calibration": _calibration(worlds),
        "suggestions_per_rep": round(count / (REPS * len(worlds)), 3),
        "deals_per_rep": round(sum(len(world.deals) for world in worlds) / (REPS * len(worlds)), 1),
        "of_deal_size": sum(kind == DEAL_SIZE for pairs in found for _, kind, _ in pairs),
    }


def _share(hits: int, of: int) -> float | None:
    return round(hits / of, 3) if of else None


def _recall_of_enough(worlds: list[Played], found: list[list[Pair]]) -> float | None:
    """Of the true pairs of which the rep closed `ENOUGH_DEALS` or more."""
    hits = true = 0
    for world, pairs in zip(worlds, found, strict=True):
        had = Counter((d.rep_id, kind, v) for d in world.deals for kind in NAMED for v in d.values(kind))
        enough = {p for p, e in world.truth.items() if e >= CLEAR and had[p] >= ENOUGH_DEALS}
        hits, true = hits + len(enough & set(pairs)), true + len(enough)
    return _share(hits, true)


def _oracle_recall(worlds: list[Played]) -> float | None:
    """The most that the oracle's order finds before its list is less than `PRECISION` true."""
    ranked = sorted(
        (-chance, world.truth[pair] >= CLEAR) for world in worlds for pair, chance in world.oracle.items()
    )
    hits = np.cumsum([hit for _, hit in ranked])
    good = np.flatnonzero(hits >= PRECISION * np.arange(1, len(hits) + 1))
    true = sum(effect >= CLEAR for world in worlds for effect in world.truth.values())
    return _share(int(hits[good[-1]]), true) if len(good) else None


def _recall_by_kind(worlds: list[Played], found: list[list[Pair]]) -> dict[str, float | None]:
    recall = {}
    for kind in NAMED:
        true = [{p for p, e in w.truth.items() if e >= CLEAR and p[1] == kind} for w in worlds]
        hits = sum(len(pairs & set(mine)) for pairs, mine in zip(true, found, strict=True))
        recall[kind] = _share(hits, sum(map(len, true)))
    return recall


def _calibration(worlds: list[Played]) -> list[dict[str, float]]:
    """Pairs by the chance that the engine gives them: their mean chance, how many are true."""
    chance, true = [], []
    for world in worlds:
        window = [one for one in in_order(world.deals) if one.closed_days_ago <= TagSettings().window_days]
        for key, its_chance in chances_of(window, TagSettings()):
            if key.kind != DEAL_SIZE:
                chance.append(its_chance)
                true.append(world.truth.get((key.rep_id, key.kind, key.label), -9.0) >= CLEAR)
    place = np.searchsorted(CLASSES, chance, side="right")
    return [
        {
            "claimed": round(float(np.mean(np.array(chance)[place == number])), 3),
            "true": round(float(np.mean(np.array(true)[place == number])), 3),
            "pairs": int((place == number).sum()),
        }
        for number in range(len(CLASSES) + 1)
        if (place == number).any()
    ]


def _scored_sizes(worlds: list[Played]) -> dict[str, Any]:
    """A suggested range is right where most of the deals in it or in the true one are in both."""
    found = right = true = others = 0
    for world in worlds:
        values = np.array([deal.value for deal in world.deals])
        true += len(world.best_sizes)
        for one in _proposals(world).suggestions:
            if one.kind != DEAL_SIZE:
                others += 1
                continue
            found += 1
            right += one.rep_id in world.best_sizes and _same(one, world.best_sizes[one.rep_id], values)
    return {
        "precision": _share(right, found),
        "recall": _share(right, true),
        "other_suggestions_per_rep": round(others / (REPS * len(worlds)), 3),
    }


def _same(one: Suggestion, best: tuple[float, float], values: np.ndarray) -> bool:
    mine = (values >= (one.low or 0)) & (values < (np.inf if one.high is None else one.high))
    its = (values >= best[0]) & (values < best[1])
    return bool((mine & its).sum() >= SAME_RANGE * (mine | its).sum())


def _pair(suggestion: Suggestion) -> Pair:
    return suggestion.rep_id, suggestion.kind, suggestion.value


def _null(worlds: list[Played]) -> float:
    return round(sum(len(_proposals(world).suggestions) for world in worlds) / (REPS * len(worlds)), 4)


def _timed(short: bool) -> dict[str, Any]:
    played = played_at_size(30 if short else 300)
    started = time.perf_counter()
    proposals = _proposals(played)
    seconds = time.perf_counter() - started
    return {"seconds": round(seconds, 2), "timed_deals": len(played.deals), "timed_pairs": proposals.pairs}
