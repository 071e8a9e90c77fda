"""Champion and challenger on the newest, held-out deals: may the new model decide from now on?

Held out are the newest four weeks, or the newest 15 % of the deals if that is more; the challenger is fitted on the
rest. It is promoted when its log loss there is not worse than the champion's by more than one standard error of the
paired difference (and more than .001), and its calibration slope lies within .8 and 1.25, give or take one standard
error too. Below 30 held-out deals both are compared by cross-validation over all deals.

What the champion has learned from already would flatter it, so it is judged as it was only on deals that closed after
its own training; where fewer than 30 of the held-out ones did, its recipe (scales, priors) is fitted anew on the same
older deals. See docs/decisions/0006.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reps.engine.unavailable import Unavailable
from routing.engine.columns import Prior
from routing.engine.learning.dataset import Dataset
from routing.engine.learning.design import Scales
from routing.engine.learning.fit import CrossFit, calibrate, cross_fit, fit
from routing.engine.learning.forecast import fit_with_scales
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.quality import calibration_line, difference, log_losses
from routing.engine.learning.table import Category, DealTable, Floats, Mask
from routing.engine.levels import POOLED, Levels

HELD_OUT_DAYS = 28
HELD_OUT_SHARE = 0.15
LEAST_HELD_OUT = 30
SLOPE_FROM, SLOPE_TO = 0.8, 1.25
SMALLEST_DIFFERENCE = (
    0.001  # of log loss; two nearly identical models differ by less, with nearly no standard error
)


@dataclass(frozen=True)
class Champion:
    """The model that decides now: its artifact, and before which day the deals it learned from had closed."""

    number: int
    artifact: Mapping[str, Any]
    as_of: datetime.date | None

    @property
    def is_learned(self) -> bool:
        return self.artifact.get("format") == 2


@dataclass(frozen=True)
class Trial:
    """`how`: held_out or cross_validation; `champion_judged`: as_it_was, refitted or rules. Losses are means per deal,
    `worse_by` challenger − champion with its standard error; `slope` None where it cannot be told."""

    how: str
    champion_judged: str
    deals: int
    challenger_loss: float
    champion_loss: float
    worse_by: float
    standard_error: float
    slope: float | None
    is_promoted: bool
    why: str


def held_out(dataset: Dataset) -> Mask:
    """Which deals are held out; deals are in order of closing."""
    m = len(dataset.deals)
    newest = np.zeros(m, dtype=bool)
    newest[m - round(HELD_OUT_SHARE * m) :] = True
    within = np.nan_to_num(dataset.ages_days, nan=np.inf) <= HELD_OUT_DAYS
    return newest if newest.sum() >= within.sum() else within


def try_challenger(
    dataset: Dataset,
    champion: Champion,
    out_of_fold: CrossFit,
    scales: Scales,
    *,
    priors: Mapping[str, Prior],
    seed: int = 0,
) -> Trial:
    """The verdict. `out_of_fold` and `scales` of the challenger on all deals: the one for when too few can be held out,
    the other for where its search for its own begins."""
    away = held_out(dataset)
    rest = dataset.deals.take(~away)
    enough = int(away.sum()) >= LEAST_HELD_OUT and len(set(rest.won.tolist())) == 2
    if not enough:
        return _by_cross_validation(dataset, champion, out_of_fold, priors, seed)
    fitted = fit(rest, seed=seed, priors=dict(priors), near=scales)
    inner = cross_fit(rest, fitted.scales, priors=dict(priors), seed=seed)
    challenger = LearnedModel.from_fit(fitted, rest, calibrate(rest, seed=seed, log_odds=inner.log_odds))
    tested = dataset.deals.take(away)
    judged, log_odds = _champion_on(dataset, champion, away, priors, seed)
    if judged == "as_it_was":
        fresh = _is_fresh(dataset, champion, away)[away]
        tested, log_odds = tested.take(fresh), log_odds[fresh]
    return _verdict("held_out", judged, tested, calibrated_log_odds(challenger, tested), log_odds)


def _is_fresh(dataset: Dataset, champion: Champion, away: Mask) -> Mask:
    """Held-out deals that closed after the champion was trained."""
    if champion.as_of is None:
        return away
    since = (dataset.as_of - champion.as_of).days
    return away & (np.nan_to_num(dataset.ages_days, nan=np.inf) <= since)


def _champion_on(
    dataset: Dataset, champion: Champion, away: Mask, priors: Mapping[str, Prior], seed: int
) -> tuple[str, Floats]:
    """How the champion was judged, and its log-odds of the held-out deals."""
    rest, tested = dataset.deals.take(~away), dataset.deals.take(away)
    if not champion.is_learned:
        return "rules", rules_log_odds(champion.artifact["effects"], rest, tested)
    was = LearnedModel.from_artifact(champion.artifact)
    if int(_is_fresh(dataset, champion, away).sum()) >= LEAST_HELD_OUT:
        words = in_words_of(tested, Levels.from_json(champion.artifact["levels"]))
        return "as_it_was", calibrated_log_odds(was, words)
    inner = cross_fit(rest, was.scales, priors=dict(priors), seed=seed)
    calibration = calibrate(rest, seed=seed, log_odds=inner.log_odds)
    again = LearnedModel.from_fit(fit_with_scales(rest, was.scales, dict(priors)), rest, calibration)
    return "refitted", calibrated_log_odds(again, tested)


def _by_cross_validation(
    dataset: Dataset, champion: Champion, out_of_fold: CrossFit, priors: Mapping[str, Prior], seed: int
) -> Trial:
    deals = dataset.deals
    line = calibrate(deals, seed=seed, log_odds=out_of_fold.log_odds)
    challenger = line.intercept + line.slope * out_of_fold.log_odds
    if not champion.is_learned:
        judged, log_odds = "rules", rules_log_odds(champion.artifact["effects"], deals, deals)
    else:
        was: Scales = LearnedModel.from_artifact(champion.artifact).scales
        again = cross_fit(deals, was, priors=dict(priors), seed=seed)
        other = calibrate(deals, seed=seed, log_odds=again.log_odds)
        judged, log_odds = "refitted", other.intercept + other.slope * again.log_odds
    return _verdict("cross_validation", judged, deals, challenger, log_odds)


def _verdict(how: str, judged: str, deals: DealTable, challenger: Floats, champion: Floats) -> Trial:
    new, old = log_losses(deals.won, challenger), log_losses(deals.won, champion)
    paired = difference(new, old)
    line = calibration_line(deals.won, challenger)
    slope, error = (None, 0.0) if isinstance(line, Unavailable) else (line.slope, line.slope_error)
    is_no_worse = paired.mean <= max(paired.standard_error, SMALLEST_DIFFERENCE)
    is_calibrated = slope is None or (slope + error >= SLOPE_FROM and slope - error <= SLOPE_TO)
    return Trial(
        how=how,
        champion_judged=judged,
        deals=len(deals),
        challenger_loss=float(new.mean()),
        champion_loss=float(old.mean()),
        worse_by=paired.mean,
        standard_error=paired.standard_error,
        slope=slope,
        is_promoted=is_no_worse and is_calibrated,
        why=_why(is_no_worse, is_calibrated, paired.mean, paired.standard_error, slope),
    )


def _why(is_no_worse: bool, is_calibrated: bool, worse_by: float, error: float, slope: float | None) -> str:
    if not is_no_worse:
        return (
            f"On the newest deals its log loss is {worse_by:.4f} higher than the champion's, "
            f"more than the {error:.4f} that chance explains."
        )
    if not is_calibrated:
        return f"Its probabilities are not to be trusted: their slope is {slope:.2f}, outside .8 to 1.25."
    if worse_by < -max(error, SMALLEST_DIFFERENCE):
        return (
            f"On the newest deals its log loss is {-worse_by:.4f} lower than the champion's (± {error:.4f})."
        )
    return "On the newest deals it does as well as the champion."


# --- log-odds of tables by models -------------------------------------------------------------------------------


def calibrated_log_odds(model: LearnedModel, deals: DealTable) -> Floats:
    """m log-odds of the deals with the reps who had them, as the model would show them."""
    total = model.base(deals) + own_pairing(model, deals)
    return np.asarray(model.calibration.intercept + model.calibration.slope * total)


def own_pairing(model: LearnedModel, deals: DealTable) -> Floats:
    """m log-odds of each deal's own pairing: pair effects, rep, rep × level."""
    found = np.zeros(len(deals)) + model.pair_log_odds(deals.pair)
    rep = np.array([model.rep.get(rep_id, 0.0) for rep_id in deals.rep_ids] + [0.0])
    found += rep[deals.rep]
    for name, levels in model.cross.items():
        category = deals.lead.get(name)
        if category is None:
            continue
        table = np.zeros((len(category.levels) + 1, len(deals.rep_ids) + 1))
        for code, level in enumerate(category.levels):
            by_rep = levels.get(level, {})
            table[code, :-1] = [by_rep.get(rep_id, 0.0) for rep_id in deals.rep_ids]
        found += table[category.codes, deals.rep]
    return np.asarray(found)


def rules_log_odds(effects: Mapping[str, float], known: DealTable, tested: DealTable) -> Floats:
    """The rules' opinion as a probability: what is declared, at the level that the known deals were won."""
    own = sum(
        (effects[name] * known.pair[name] for name in effects if name in known.pair),
        start=np.zeros(len(known)),
    )
    shift = 0.0
    for _ in range(30):  # Newton, one parameter
        p = 1 / (1 + np.exp(-(shift + own)))
        step = float((known.weight * (known.won - p)).sum() / max((known.weight * p * (1 - p)).sum(), 1e-12))
        shift += step
        if abs(step) < 1e-10:
            break
    there = sum(
        (effects[name] * tested.pair[name] for name in effects if name in tested.pair),
        start=np.zeros(len(tested)),
    )
    return np.asarray(shift + there)


def in_words_of(deals: DealTable, levels: Levels) -> DealTable:
    """The same deals in another vocabulary: levels that it pools are called so."""
    lead = {
        name: Category(category.codes, tuple(_word(levels, name, level) for level in category.levels))
        for name, category in deals.lead.items()
    }
    return DealTable(
        deals.won, deals.rep, deals.rep_ids, deals.weight, deals.value, deals.season, lead, deals.pair
    )


def _word(levels: Levels, name: str, level: str) -> str:
    kept = levels.kept.get(name, ())
    return level if level in kept or POOLED not in kept else POOLED
