"""Fitting the hierarchical logistic model: scales from the data, one ridge, calibration.

What it does not do: choose between models (learning.trial), read databases, score (routing.engine.model).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from routing.engine.columns import Prior
from routing.engine.learning.design import PAIR_PRIORS, Design, Layout, Scales, make_design
from routing.engine.learning.scales import START, estimate_scales
from routing.engine.learning.solve import posterior_sd, ridge, solve
from routing.engine.learning.table import DealTable, Floats, Ints
from routing.engine.model import logistic

LEAD_SCALES = (0.1, 0.3, 0.55, 1.0, 1.8)
FOLDS = 5
ENOUGH_FOR_SCALE = 6000


class CannotTrain(ValueError):
    """Deals that no model can be learned from; the message says why, for people."""


@dataclass(frozen=True)
class Fit:
    """`beta` (width) in log-odds, unscaled; the scales in force; posterior sd of each (NaN where not computed)."""

    beta: Floats
    layout: Layout
    scales: Scales
    posterior_sd: Floats


def fit(
    table: DealTable,
    *,
    seed: int = 0,
    priors: dict[str, Prior] | None = None,
    adapt: bool = True,
    near: Scales | None = None,
    scales_from: DealTable | None = None,
) -> Fit:
    """Fits the whole model. `adapt` False keeps the scales of the rep and cross effects fixed; `near` are scales of
    nearly the same deals, from which the search begins; `scales_from` are the deals that tell the scales, where the
    table has others besides (feedback). Raises CannotTrain."""
    check_trainable(table)
    believed = PAIR_PRIORS if priors is None else priors
    start = near or Scales(choose_lead_scale(table, seed), *START)
    scales = estimate_scales(scales_from or table, start, believed) if adapt else Scales(start.lead)
    design = make_design(table, scales)
    theta = solve(design, table, believed)
    sd = posterior_sd(design, table, theta, believed) if adapt else np.full(len(theta), np.nan)
    return Fit(theta * design.sd, design.layout, scales, sd)


def check_trainable(table: DealTable) -> None:
    """Raises CannotTrain with a sentence."""
    if len(table) == 0:
        raise CannotTrain("There are no won or lost deals to learn from.")
    won = float(table.won.mean())
    if won in (0.0, 1.0):
        raise CannotTrain(
            f"All {len(table):,} deals were {'won' if won else 'lost'}: there is nothing to tell apart."
        )
    if len(set(table.rep[table.rep >= 0].tolist())) < 2:
        raise CannotTrain("All deals belong to one rep: there is nobody to compare with.")


def folds(m: int, seed: int) -> Ints:
    """A fold number for each deal, balanced, from the seed."""
    order = np.random.default_rng(seed).permutation(m)
    found = np.empty(m, dtype=np.int64)
    found[order] = np.arange(m) % FOLDS
    return found


def choose_lead_scale(table: DealTable, seed: int) -> float:
    """The multiplier of the lead effects' sds with the least cross-validated log loss of the lead-only model; where
    there are very many deals, on some of them, drawn by the seed: the more there are, the less it matters."""
    if len(table) < 2 * FOLDS:
        return LEAD_SCALES[1]
    if len(table) > ENOUGH_FOR_SCALE:
        table = table.take(np.random.default_rng(seed).permutation(len(table))[:ENOUGH_FOR_SCALE])
    fold = folds(len(table), seed)
    losses = []
    for scale in LEAD_SCALES:
        design = make_design(table, Scales(scale), with_reps=False)
        losses.append(log_loss(table.won, _out_of_fold(design.matrix, table, fold), table.weight))
    return LEAD_SCALES[int(np.argmin(losses))]


def _out_of_fold(matrix: sparse.csr_matrix, table: DealTable, fold: Ints) -> Floats:
    found = np.zeros(len(table))
    for number in range(FOLDS):
        inside, outside = fold != number, fold == number
        if len(set(table.won[inside].tolist())) < 2:
            continue
        theta = ridge(matrix[inside], table.won[inside], table.weight[inside])
        found[outside] = matrix[outside] @ theta
    return found


def lead_only_log_odds(table: DealTable, *, seed: int = 0) -> Floats:
    """Out-of-fold log-odds of each deal from its lead alone, whoever had it."""
    design = make_design(table, Scales(choose_lead_scale(table, seed)), with_reps=False)
    return _out_of_fold(design.matrix, table, folds(len(table), seed))


def log_loss(won: Floats, log_odds: Floats, weight: Floats) -> float:
    """Weighted mean of −log likelihood."""
    signed = np.where(won > 0.5, log_odds, -log_odds)
    return float(np.average(np.logaddexp(0, -signed), weights=weight))


@dataclass(frozen=True)
class Calibration:
    """log-odds as shown = intercept + slope · log-odds of the model."""

    intercept: float = 0.0
    slope: float = 1.0


SLOPE_SD = 0.25  # the slope is believed to be 1 ± .25 before any deal


def calibrate(table: DealTable, *, seed: int = 0, log_odds: Floats | None = None) -> Calibration:
    """Intercept and slope from out-of-fold log-odds of the whole model (made here where not given); prior slope
    1 ± .25."""
    if len(table) < 2 * FOLDS:
        return Calibration()
    log_odds = cross_fitted(table, seed=seed) if log_odds is None else log_odds
    intercept, slope = 0.0, 1.0
    for _ in range(30):  # Newton on two parameters
        p = logistic(intercept + slope * log_odds)
        error = table.weight * (table.won - p)
        curve = table.weight * p * (1 - p)
        gradient = np.array([error.sum(), (error * log_odds).sum() - (slope - 1) / SLOPE_SD**2])
        cross = (curve * log_odds).sum()
        hessian = np.array([[curve.sum(), cross], [cross, (curve * log_odds**2).sum() + 1 / SLOPE_SD**2]])
        step = np.linalg.solve(hessian, gradient)
        intercept, slope = intercept + step[0], slope + step[1]
        if np.abs(step).max() < 1e-10:
            break
    return Calibration(float(intercept), float(slope))


@dataclass(frozen=True)
class CrossFit:
    """Out of fold, for each deal: `log_odds` of the whole model, and `pairing`, the part that depends on who has it
    (pair effects, rep, rep × level), against the average rep where the columns' averages were given."""

    log_odds: Floats
    pairing: Floats


def cross_fit(
    table: DealTable,
    scales: Scales,
    *,
    priors: dict[str, Prior] | None = None,
    average: Mapping[str, Floats] | None = None,
    seed: int = 0,
) -> CrossFit:
    """Five folds under scales that are known. `average`: pair columns (m) of the average rep with each lead."""
    design = make_design(table, scales)
    shared = len(design.layout.shared)
    believed = PAIR_PRIORS if priors is None else priors
    own = np.zeros(design.layout.width, dtype=bool)
    own[shared:] = True
    own[[i for i, name in enumerate(design.layout.shared) if name in table.pair]] = True
    fold = folds(len(table), seed)
    log_odds, pairing = np.zeros(len(table)), np.zeros(len(table))
    theta: Floats | None = None
    for number in range(FOLDS):
        inside, outside = fold != number, fold == number
        part = Design(design.matrix[inside], design.sd, design.layout)
        theta = solve(part, table.take(inside), believed, start=theta)
        log_odds[outside] = design.matrix[outside] @ theta
        pairing[outside] = design.matrix[outside] @ np.where(own, theta, 0.0)
        beta = dict(zip(design.layout.shared, theta * design.sd, strict=False))
        for name, column in (average or {}).items():
            pairing[outside] -= beta.get(name, 0.0) * column[outside]
    return CrossFit(log_odds, pairing)


def cross_fitted(table: DealTable, *, seed: int = 0) -> Floats:
    """Out-of-fold log-odds of the whole model, scales chosen once on all deals."""
    return cross_fit(table, fit(table, seed=seed).scales, seed=seed).log_odds
