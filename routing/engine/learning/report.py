"""What a training tells about the model it made: plain data for the model page (JSON), in the words of the model.

Everything here is computed out of fold or on leads that nobody has closed for the model's sake; nothing is a promise.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from routing.engine.columns import COLUMNS
from routing.engine.learning.dataset import Dataset
from routing.engine.learning.fit import Fit
from routing.engine.learning.forecast import Candidates
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.table import Floats
from routing.engine.model import match_score

HISTOGRAM_BINS = 20  # of five points each
LITTLE_HISTORY = 10  # closed deals
MOST_EFFECTS = 40
MOVERS = 8


def trained_on(
    dataset: Dataset, feedback_by_reason: Mapping[str, int], feedback_weight: float
) -> dict[str, Any]:
    """What the model was made of."""
    deals = dataset.deals
    counts = np.bincount(deals.rep[deals.rep >= 0], minlength=len(dataset.rep_ids))
    return {
        "as_of": dataset.as_of.isoformat(),
        "months": dataset.months,
        "deals": len(deals),
        "won": int(deals.won.sum()),
        "disqualified": int(dataset.dropped.won.sum()),
        "undated": dataset.undated,
        "reps": int((counts > 0).sum()),
        "effective_deals": round(float(deals.weight.sum()), 1),
        "has_season": bool(dataset.season),
        "left_out": list(dataset.left_out),
        "feedback": dict(feedback_by_reason),
        "feedback_weight": feedback_weight,
        "categories": {name: len(kept) for name, kept in dataset.levels.kept.items()},
    }


def little_history(dataset: Dataset, active: tuple[int, ...]) -> list[list[int]]:
    """[rep id, closed deals] of active reps with fewer than LITTLE_HISTORY, fewest first."""
    known = dataset.deals.rep[dataset.deals.rep >= 0]
    counts = dict(
        zip(dataset.rep_ids, np.bincount(known, minlength=len(dataset.rep_ids)).tolist(), strict=True)
    )
    few = [[rep_id, counts.get(rep_id, 0)] for rep_id in active if counts.get(rep_id, 0) < LITTLE_HISTORY]
    return sorted(few, key=lambda row: (row[1], row[0]))


def effects(fitted: Fit, dataset: Dataset) -> list[dict[str, Any]]:
    """The effects of pair columns and the strongest of the leads, with posterior sd and, where there is one, the prior
    mean: what the model believes."""
    shared = fitted.layout.shared
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "kind": "pair" if name in COLUMNS else "lead",
            "effect": round(float(fitted.beta[i]), 4),
            "sd": round(float(fitted.posterior_sd[i]), 4),
            "prior": COLUMNS[name].prior.mean if name in COLUMNS else 0.0,
            "deals": int((dataset.deals.pair[name] != 0).sum()) if name in dataset.deals.pair else None,
        }
        for i, name in enumerate(shared)
        if name != "intercept"
    ]
    strongest = sorted(rows, key=_strength)
    leads = [row for row in strongest if row["kind"] == "lead"]
    return [*(row for row in strongest if row["kind"] == "pair"), *leads[:MOST_EFFECTS]]


def _strength(row: Mapping[str, Any]) -> float:
    return -abs(float(row["effect"]))


def rep_effects(fitted: Fit, dataset: Dataset) -> dict[str, list[float]]:
    """Rep id → [effect, posterior sd] of the rep's own level."""
    layout = fitted.layout
    places = [layout.start(i) for i in range(layout.reps)]
    return {
        str(rep_id): [round(float(fitted.beta[place]), 4), round(float(fitted.posterior_sd[place]), 4)]
        for rep_id, place in zip(dataset.rep_ids, places, strict=True)
    }


# --- on recent leads --------------------------------------------------------------------------------------------


def pair_log_odds(model: LearnedModel, candidates: Candidates) -> Floats:
    """m × n log-odds of the pairings against the average rep who could have the lead; NaN where one could not."""
    raw = model.rep_log_odds(candidates.leads, candidates.rep_ids) + model.pair_log_odds(candidates.pair)
    if candidates.can_take is not None:
        raw = np.where(candidates.can_take, raw, np.nan)
    some = ~np.isnan(raw).all(axis=1) if raw.size else np.zeros(len(raw), dtype=bool)
    found = np.full(raw.shape, np.nan)
    found[some] = raw[some] - np.nanmean(raw[some], axis=1)[:, None]
    return found


def scores_on_recent(model: LearnedModel, candidates: Candidates) -> dict[str, Any]:
    """Match scores of recent leads: histogram of all and of the best, and where the middle nine tenths lie."""
    ratios = pair_log_odds(model, candidates)
    scores = match_score(ratios[~np.isnan(ratios)])
    some = ~np.isnan(ratios).all(axis=1) if ratios.size else np.zeros(len(ratios), dtype=bool)
    if not len(scores):
        return {"leads": 0}
    best = match_score(np.nanmax(ratios[some], axis=1))
    edges = np.linspace(0, 100, HISTOGRAM_BINS + 1)
    return {
        "leads": int(some.sum()),
        "reps": len(candidates.rep_ids),
        "all": np.histogram(scores, edges)[0].tolist(),
        "best": np.histogram(best, edges)[0].tolist(),
        "p5": round(float(np.percentile(scores, 5)), 1),
        "p95": round(float(np.percentile(scores, 95)), 1),
        "best_mean": round(float(best.mean()), 1),
    }


def drift(before: LearnedModel, after: LearnedModel, candidates: Candidates) -> dict[str, Any]:
    """How far the new model thinks otherwise than the last one, on the same recent leads."""
    old, new = pair_log_odds(before, candidates), pair_log_odds(after, candidates)
    known = ~np.isnan(old) & ~np.isnan(new)
    if known.sum() < 2 or old[known].std() == 0 or new[known].std() == 0:
        return {"leads": 0}
    some = known.any(axis=1)
    same = np.nanargmax(old[some], axis=1) == np.nanargmax(new[some], axis=1)
    moved = sorted(
        ((rep, before.rep.get(rep, 0.0), value) for rep, value in after.rep.items()),
        key=lambda row: -abs(row[2] - row[1]),
    )
    return {
        "leads": int(some.sum()),
        "correlation": round(float(np.corrcoef(old[known], new[known])[0, 1]), 3),
        "mean_change": round(float(np.abs(old[known] - new[known]).mean()), 4),
        "same_first_choice": round(float(same.mean()), 3),
        "movers": [[rep, round(was, 3), round(now, 3)] for rep, was, now in moved[:MOVERS]],
    }
