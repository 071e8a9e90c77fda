"""Spoilt data must teach nothing: shuffled reps leave no rep better for a deal, shuffled outcomes no rep better at all.

Concordance is measured on new leads that were given out at random, where chance is one half. A shuffle of the reps
moves what is known of the pairing (tags, load) along with the rep.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.model.cases import Case, make_case, settings_of
from benchmarks.model.measures import match_scores
from benchmarks.model.product import log_odds_of
from routing.engine.estimate import Estimate
from routing.engine.learning.apart import tell_apart
from routing.engine.learning.fit import fit
from routing.engine.learning.quality import concordance
from routing.engine.learning.table import DealTable

WORLD, DEALS, SEED = "affinity_0.6", 2000, 0
NEW_LEADS = 3000  # standard error of a concordance about .02
SCORES_WITHIN = (35.0, 65.0)


def case_to_spoil(deals: int = DEALS, new_leads: int = NEW_LEADS) -> Case:
    return make_case(settings_of(WORLD, deals), SEED, new_leads=new_leads)


def concordances(case: Case, seed: int) -> dict[str, float]:
    """On the same random assignment: of the model, and of one that learned from shuffled reps."""
    rng = np.random.default_rng(seed)
    m, n = case.truth.shape
    rep = rng.integers(0, n, m)
    won = (rng.random(m) < case.truth[np.arange(m), rep]).astype(float)
    found = {}
    for name, table in {"intact": case.table, "reps_shuffled": reps_shuffled(case.table, rng)}.items():
        log_odds = log_odds_of(fit(table, seed=seed), case)
        prospects = log_odds.mean(axis=1)
        measured = concordance(won, prospects, log_odds[np.arange(m), rep] - prospects)
        assert isinstance(measured, Estimate), measured
        found[name] = measured.value
    return found


def without_outcomes(case: Case, seed: int) -> dict[str, Any]:
    """What a model says that learned from shuffled outcomes: can reps be told apart, and the spread of its scores."""
    table = outcomes_shuffled(case.table, np.random.default_rng(seed))
    scores = match_scores(log_odds_of(fit(table, seed=seed), case))
    low, high = np.percentile(scores, [5, 95])
    return {
        "cannot_be_told_apart": not tell_apart(table, seed=seed).are_distinguishable,
        "score_p5": float(low),
        "score_p95": float(high),
    }


def reps_shuffled(table: DealTable, rng: np.random.Generator) -> DealTable:
    other = table.take(rng.permutation(len(table)))
    return replace(table, rep=other.rep, pair=other.pair)


def outcomes_shuffled(table: DealTable, rng: np.random.Generator) -> DealTable:
    return replace(table, won=rng.permutation(table.won))


def summarise(
    concordant: list[dict[str, float]], spoilt: Iterable[dict[str, Any]]
) -> dict[str, float | int | None]:
    intact, shuffled = ([found[key] for found in concordant] for key in ("intact", "reps_shuffled"))
    rows = list(spoilt)
    low, high = SCORES_WITHIN
    return {
        "concordance": _mean(intact),
        "concordance_reps_shuffled": _mean(shuffled),
        "rep_shuffles": len(shuffled),
        "outcome_shuffles": len(rows),
        "cannot_be_told_apart": sum(row["cannot_be_told_apart"] for row in rows),
        "scores_within_35_to_65": sum(low <= row["score_p5"] and row["score_p95"] <= high for row in rows),
        "score_p5": _mean([row["score_p5"] for row in rows]),
        "score_p95": _mean([row["score_p95"] for row in rows]),
    }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
