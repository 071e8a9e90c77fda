"""One training, from the dataset to an artifact with its report and the verdict on whether it may decide.

Stages: check, season, fit, calibrate, compare, forecast, report. Pure: what is read and written is the caller's, and so
is how progress is shown (`say`). See docs/model.md for the recipe and its sources.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from routing.engine.columns import Prior
from routing.engine.learning import report as reports
from routing.engine.learning.apart import Verdict, tell_apart
from routing.engine.learning.dataset import Dataset, joined, replaced
from routing.engine.learning.design import PAIR_PRIORS
from routing.engine.learning.disqualified import Dropped, excess_weight, find_dropped
from routing.engine.learning.fit import (
    CannotTrain,
    CrossFit,
    Fit,
    calibrate,
    check_trainable,
    cross_fit,
    fit,
    lead_only_log_odds,
)
from routing.engine.learning.forecast import Candidates, Forecast, forecast
from routing.engine.learning.leaks import find_leaks
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.quality import (
    calibration_line,
    concordance,
    difference,
    discrimination,
    expected_calibration_error,
    log_losses,
    reliability,
    told,
)
from routing.engine.learning.segments import segments, tallies
from routing.engine.learning.table import DealTable, Floats
from routing.engine.learning.trial import Champion, Trial, try_challenger
from routing.engine.model import logistic

LEAST_DEALS = 100  # won and lost; below, rules decide (specification, Initial Training)
STAGES = (
    "Checking the deals",
    "Fitting",
    "Calibrating",
    "Comparing with the champion",
    "Forecasting",
    "Reporting",
)

Say = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trained:
    """`artifact` as it goes into the registry, `report` for the model page, `trial` the verdict."""

    artifact: dict[str, Any]
    report: dict[str, Any]
    trial: Trial


def believed(tag_trust: float) -> dict[str, Prior]:
    """The priors, with the means of what is declared scaled by how much the organisation believes its tags."""
    return {
        name: Prior(prior.mean * (1.0 if name == "load_above_80" else tag_trust), prior.sd)
        for name, prior in PAIR_PRIORS.items()
    }


def train(
    dataset: Dataset,
    candidates: Candidates,
    champion: Champion,
    *,
    priors: Mapping[str, Prior] | None = None,
    feedback_by_reason: Mapping[str, int] | None = None,
    labels: Mapping[str, str] | None = None,
    least_deals: int = LEAST_DEALS,
    seed: int = 0,
    say: Say = lambda stage, done, total: None,
) -> Trained:
    """Fits, calibrates, tries and reports. Raises CannotTrain with a sentence for people."""
    priors = dict(PAIR_PRIORS if priors is None else priors)
    step = _Steps(say)
    step.next()
    check(dataset, least_deals, labels or {})
    dropped = find_dropped(dataset.dropped)
    deals = with_dropped(dataset, dropped)
    step.next()
    fitted = fit(joined([deals, dataset.feedback]), seed=seed, priors=priors, scales_from=dataset.deals)
    step.next()
    out_of_fold = cross_fit(dataset.deals, fitted.scales, priors=priors, average=dataset.average, seed=seed)
    calibration = calibrate(dataset.deals, seed=seed, log_odds=out_of_fold.log_odds)
    model = LearnedModel.from_fit(fitted, deals, calibration)
    step.next()
    trial = try_challenger(dataset, champion, out_of_fold, fitted.scales, priors=priors, seed=seed)
    step.next()
    expected = forecast(dataset.deals, candidates, fitted.scales, calibration, priors=priors, seed=seed)
    step.next()
    prospects = lead_only_log_odds(dataset.deals, seed=seed)
    report = {
        "trained_on": reports.trained_on(
            dataset, feedback_by_reason or {}, float(dataset.feedback.weight.sum())
        ),
        "quality": quality(dataset.deals, out_of_fold, prospects, model),
        "reps_apart": apart(tell_apart(dataset.deals, prospects=prospects)),
        "trial": asdict(trial),
        "forecast": asdict(expected),
        "dropped": [asdict(row) for row in dropped if row.is_flagged],
        **_beliefs(fitted, dataset, candidates, model, champion),
    }
    return Trained(_artifact(model, dataset, expected), report, trial)


class _Steps:
    """Tells which stage begins."""

    def __init__(self, say: Say) -> None:
        self.say, self.number = say, 0

    def next(self) -> None:
        self.say(STAGES[self.number], self.number, len(STAGES))
        self.number += 1


def check(dataset: Dataset, least_deals: int, labels: Mapping[str, str]) -> None:
    """Raises CannotTrain for deals that no model can be learned from."""
    check_trainable(dataset.deals)
    if len(dataset.deals) < least_deals:
        raise CannotTrain(
            f"{len(dataset.deals)} won and lost deals with an owner in {dataset.months} months; {least_deals} are "
            f"needed before a model can be learned. Until then rules decide."
        )
    leaks = find_leaks(dataset.deals, labels=labels)
    if leaks:
        raise CannotTrain(" ".join(leak.sentence for leak in leaks))


def with_dropped(dataset: Dataset, dropped: tuple[Dropped, ...]) -> DealTable:
    """The deals, and, of reps who disqualify far more than their leads explain, the disqualified ones as lost in part:
    dropping bad leads must not raise one's own win rate."""
    weights = excess_weight(dropped)
    table = dataset.dropped
    share = np.array([weights.get(rep_id, 0.0) for rep_id in table.rep_ids] + [0.0])[table.rep]
    rows = np.flatnonzero((table.won == 1) & (share > 0))
    if not len(rows):
        return dataset.deals
    excess = replaced(table.take(rows), won=np.zeros(len(rows)), weight=share[rows] * table.weight[rows])
    return joined([dataset.deals, excess])


def quality(
    deals: DealTable, out_of_fold: CrossFit, prospects: Floats, model: LearnedModel
) -> dict[str, Any]:
    """How good the predictions are, out of fold: against the base rate and against the same without reps."""
    line = model.calibration
    shown = line.intercept + line.slope * out_of_fold.log_odds
    alone = calibrate(deals, log_odds=prospects)
    lead_only = alone.intercept + alone.slope * prospects
    rate = float(deals.won.mean())
    base = np.full(len(deals), np.log(rate / (1 - rate)))
    losses = {
        "model": log_losses(deals.won, shown),
        "without_reps": log_losses(deals.won, lead_only),
        "base_rate": log_losses(deals.won, base),
    }
    bins = reliability(logistic(shown), deals.won)
    return {
        "log_loss": {name: round(float(loss.mean()), 5) for name, loss in losses.items()},
        "better_than_base": told(difference(losses["base_rate"], losses["model"])),
        "better_than_without_reps": told(difference(losses["without_reps"], losses["model"])),
        "auc": told(discrimination(deals.won, shown)),
        "calibration": told(calibration_line(deals.won, shown)),
        "calibration_error": round(expected_calibration_error(logistic(shown), deals.won), 4),
        "reliability": [asdict(one) for one in bins],
        "concordance": told(concordance(deals.won, prospects, out_of_fold.pairing)),
        "shown_calibration": asdict(line),
        "scales": asdict(model.scales),
    }


def apart(verdict: Verdict) -> dict[str, Any]:
    """The verdict on whether reps can be told apart, as plain data."""
    return {
        "p_value": verdict.reps.p_value,
        "distinguishable": verdict.are_distinguishable,
        "affinity": verdict.has_affinity,
        "crossed": {name: test.p_value for name, test in verdict.crossed.items()},
        "deals": verdict.deals,
        "deals_needed": verdict.deals_needed,
    }


def _beliefs(
    fitted: Fit, dataset: Dataset, candidates: Candidates, model: LearnedModel, champion: Champion
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "effects": reports.effects(fitted, dataset),
        "rep_effects": reports.rep_effects(fitted, dataset),
        "segments": segments(dataset),
        "little_history": reports.little_history(dataset, candidates.rep_ids),
        "scores": reports.scores_on_recent(model, candidates),
    }
    if champion.is_learned:
        before = LearnedModel.from_artifact(champion.artifact)
        found["drift"] = {"against": champion.number, **reports.drift(before, model, candidates)}
    return found


def _artifact(model: LearnedModel, dataset: Dataset, expected: Forecast) -> dict[str, Any]:
    return model.to_artifact() | {
        "levels": dataset.levels.to_json(),
        "season": {level: list(pair) for level, pair in dataset.season.items()},
        "forecast": {name: round(value, 9) for name, value in asdict(expected).items()},
        "tallies": {
            name: {level: {str(rep): pair for rep, pair in by.items()} for level, by in levels.items()}
            for name, levels in tallies(dataset).items()
        },
        "months": dataset.months,
    }
