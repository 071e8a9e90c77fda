"""Wins to expect from the model's choices, without optimism.

    gain     = mean over leads of [p(best) − mean p over candidates],  best = argmax p,  p by the fit on all deals
    gain_low = the same with the best chosen by the fit on one random half and p by the fit on the other half,
               with half of the belief in declared skills; both ways, averaged over some random splits
    ratio    = gain_low / gain, held within 0 and 1

The best of many estimates is flattered by chance: the one that was overestimated most tends to be chosen (the
"optimizer's curse", J. Smith and R. Winkler, Management Science 2006). A half that did not choose is not flattered;
being a fit on half of the deals it is more shrunken too, so `gain_low` errs on the low side where reps differ. What
both halves share they cannot correct in each other: the prior means of the pair effects (hence BELIEF_SHARE), and
a confounded history. Where managers gave favourites the leads that looked good for reasons that are not in the data,
both halves believe the favourites. So promise `gain_low`, show the range, and let the hold-out prove it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from routing.engine.columns import Prior
from routing.engine.learning.design import PAIR_PRIORS, Scales, make_design
from routing.engine.learning.fit import Calibration, Fit, check_trainable
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.solve import solve
from routing.engine.learning.table import DealTable, Floats, Mask
from routing.engine.model import logistic

Probability = TypeVar("Probability", float, Floats)
SPLITS = 2
# Of prior means, which are belief and not data, so much is promised. In simulated worlds of 500 deals all of it would
# promise 2.6 points of win probability where there is no difference, and 8.2 of 12.7 where there is a strong one; none
# of it −.4 and 4.8.
BELIEF_SHARE = 0.5


@dataclass(frozen=True)
class Candidates:
    """m leads against n reps: pair columns m × n by effect, and who could take which lead (None: everybody)."""

    leads: DealTable
    pair: Mapping[str, Floats]
    rep_ids: tuple[int, ...]
    can_take: Mask | None = None

    def __post_init__(self) -> None:
        shape = (len(self.leads), len(self.rep_ids))
        wrong = [name for name, column in self.pair.items() if column.shape != shape]
        if wrong or (self.can_take is not None and self.can_take.shape != shape):
            raise ValueError(f"pair columns and can_take are leads × reps, {shape}: {wrong or 'can_take'}")


@dataclass(frozen=True)
class Forecast:
    """Mean gain in win probability of the top choice over the average candidate, and how much of it to promise."""

    gain: float
    gain_low: float
    ratio: float


def forecast(
    table: DealTable,
    candidates: Candidates,
    scales: Scales,
    calibration: Calibration,
    *,
    priors: dict[str, Prior] | None = None,
    seed: int = 0,
    splits: int = SPLITS,
) -> Forecast:
    """What the top choices for these leads gain. Raises CannotTrain; leads that nobody could take do not count."""
    check_trainable(table)
    believed = PAIR_PRIORS if priors is None else priors
    doubted = {name: Prior(BELIEF_SHARE * prior.mean, prior.sd) for name, prior in believed.items()}
    whole = _probabilities(table, candidates, scales, calibration, believed)
    gain = _gain(whole, whole)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        half = random_half(table.won, rng)
        parts = [table.take(half), table.take(~half)]
        choosing = [_probabilities(part, candidates, scales, calibration, believed) for part in parts]
        valuing = [_probabilities(part, candidates, scales, calibration, doubted) for part in parts]
        found += [_gain(choosing[0], valuing[1]), _gain(choosing[1], valuing[0])]
    low = float(np.mean(found))
    return Forecast(gain, low, float(np.clip(low / gain, 0, 1)) if gain > 0 else 1.0)


def corrected(p_chosen: Probability, p_average: Probability, ratio: float) -> tuple[Probability, Probability]:
    """(low, high) win probability of the chosen rep: the gain over the average candidate at `ratio`, and in full."""
    promised = p_average + ratio * (p_chosen - p_average)
    return np.minimum(promised, p_chosen), np.maximum(promised, p_chosen)


def fit_with_scales(table: DealTable, scales: Scales, priors: dict[str, Prior]) -> Fit:
    """The whole model with scales that are known already: one ridge, no search, no posterior."""
    design = make_design(table, scales)
    theta = solve(design, table, priors)
    return Fit(theta * design.sd, design.layout, scales, np.full(len(design.sd), np.nan))


def random_half(won: Floats, rng: np.random.Generator) -> Mask:
    """A mask of half of the deals, with half of the won and half of the lost ones."""
    order = rng.permutation(len(won))
    order = order[np.argsort(won[order], kind="stable")]
    half = np.zeros(len(won), dtype=bool)
    half[order[::2]] = True
    return half


def _probabilities(
    table: DealTable,
    candidates: Candidates,
    scales: Scales,
    calibration: Calibration,
    priors: dict[str, Prior],
) -> Floats:
    """m × n calibrated win probabilities by a fit on these deals; NaN where the rep could not take the lead."""
    model = LearnedModel.from_fit(fit_with_scales(table, scales, priors), table, calibration)
    log_odds = model.base(candidates.leads)[:, None] + model.rep_log_odds(
        candidates.leads, candidates.rep_ids
    )
    log_odds = log_odds + model.pair_log_odds(candidates.pair)
    p = logistic(calibration.intercept + calibration.slope * log_odds)
    return p if candidates.can_take is None else np.where(candidates.can_take, p, np.nan)


def _gain(choosing: Floats, valuing: Floats) -> float:
    """Mean over leads of the value of the best choice less the average candidate's; 0 where nobody could take any."""
    some = np.flatnonzero(~np.isnan(choosing).all(axis=1))
    if not len(some):
        return 0.0
    best = np.nanargmax(choosing[some], axis=1)
    return float((valuing[some, best] - np.nanmean(valuing[some], axis=1)).mean())
