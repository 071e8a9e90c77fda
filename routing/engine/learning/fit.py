"""Fitting the hierarchical logistic model: scikit-learn's ridge, scales from the data, calibration.

    minimise  ½‖θ‖² + Σ weight · log-loss(y, Xθ)      X with columns scaled by prior sd, so β = sd · θ

The scales of the rep and cross effects come from MacKay's fixed point ("Bayesian interpolation", Neural Computation
1992):

    sd² ← (Σ β² + ν·s₀²) / (γ + ν),   γ = p − Σ posterior variance of β / sd²

on the posterior covariance of a block-arrow matrix: each rep's block is eliminated, the shared part factored.
What it does not do: choose between models (learning.champion), read databases, score (learning.learned).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from sklearn.linear_model import LogisticRegression

from routing.engine.columns import Prior
from routing.engine.learning.design import (
    PAIR_PRIORS,
    Design,
    Layout,
    Scales,
    imaginary_deals,
    make_design,
)
from routing.engine.learning.table import DealTable, Floats, Ints
from routing.engine.model import logistic

LEAD_SCALES = (0.1, 0.3, 0.55, 1.0, 1.8)
FOLDS = 5
ENOUGH_FOR_SCALE = 6000
DENSE_UP_TO = 300  # columns: the Hessian is formed and factored
ROUNDS = 8
PRIOR_WEIGHT = 0.3  # ν: how much the starting scale counts
REP_SD, CROSS_SD = 0.3, 0.1  # s₀


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
) -> Fit:
    """Fits the whole model. `adapt` False keeps the scales of the rep and cross effects fixed; `near` are scales of
    nearly the same deals to start from, which saves most of the search. Raises CannotTrain."""
    check_trainable(table)
    believed = PAIR_PRIORS if priors is None else priors
    if near is not None and adapt:
        return _with_adapted_scales(table, near, believed)
    lead_scale = choose_lead_scale(table, seed)
    if not adapt:
        scales = Scales(lead_scale)
        design = make_design(table, scales)
        return Fit(
            _solve(design, table, believed) * design.sd,
            design.layout,
            scales,
            np.full(len(design.sd), np.nan),
        )
    return _with_adapted_scales(table, Scales(lead_scale, REP_SD, CROSS_SD), believed)


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


def _with_adapted_scales(table: DealTable, scales: Scales, priors: dict[str, Prior]) -> Fit:
    theta: Floats | None = None
    for _ in range(ROUNDS):
        design = make_design(table, scales)
        theta = _solve(design, table, priors, start=theta)
        beta = theta * design.sd
        sd = posterior_sd(design, table, theta, priors)
        updated = _update(scales, beta, sd, design.layout)
        settled = abs(updated.rep - scales.rep) < 0.003 and abs(updated.cross - scales.cross) < 0.002
        if settled:
            break
        theta = theta * design.sd / _rescaled(design, updated)
        scales = updated
    return Fit(beta, design.layout, scales, sd)


def _rescaled(design: Design, scales: Scales) -> Floats:
    """The sds that the design will have under other rep and cross scales."""
    sd = design.sd.copy()
    own = np.full(design.layout.block, scales.cross)
    own[0] = scales.rep
    sd[len(design.layout.shared) :] = np.tile(own, design.layout.reps)
    return sd


def _update(scales: Scales, beta: Floats, sd: Floats, layout: Layout) -> Scales:
    blocks = beta[len(layout.shared) :].reshape(layout.reps, layout.block)
    spread = sd[len(layout.shared) :].reshape(layout.reps, layout.block)
    rep = _fixed_point(blocks[:, 0], spread[:, 0], scales.rep, REP_SD)
    cross = (
        _fixed_point(blocks[:, 1:].ravel(), spread[:, 1:].ravel(), scales.cross, CROSS_SD)
        if layout.crossed
        else scales.cross
    )
    return Scales(scales.lead, rep, cross)


def _fixed_point(beta: Floats, sd: Floats, scale: float, start: float) -> float:
    determined = len(beta) - float((sd**2).sum()) / scale**2
    squared = (float((beta**2).sum()) + PRIOR_WEIGHT * start**2) / (max(determined, 0.0) + PRIOR_WEIGHT)
    return float(np.clip(np.sqrt(squared), 0.01, 1.5))


def _solve(design: Design, table: DealTable, priors: dict[str, Prior], start: Floats | None = None) -> Floats:
    """θ of the ridge logistic regression on the deals and the imaginary ones."""
    extra, labels, weights = imaginary_deals(design.layout, design.sd, priors)
    matrix = sparse.vstack([design.matrix, extra], format="csr") if len(labels) else design.matrix
    y = np.concatenate([table.won, labels])
    weight = np.concatenate([table.weight, weights])
    return ridge(matrix, y, weight, start)


def ridge(matrix: sparse.csr_matrix, y: Floats, weight: Floats, start: Floats | None = None) -> Floats:
    """scikit-learn's logistic regression with C = 1, no intercept of its own.

    Newton's methods: with an intercept of prior sd 5 beside effects of .1 the problem is too badly conditioned for
    L-BFGS, which stops after hundreds of steps short of the optimum; these take about seven.
    """
    solver = "newton-cholesky" if matrix.shape[1] <= DENSE_UP_TO else "newton-cg"
    model = LogisticRegression(
        C=1.0, fit_intercept=False, solver=solver, max_iter=100, tol=1e-6, warm_start=True
    )
    if start is not None:
        model.coef_ = start[None, :].copy()
    model.fit(matrix, y, sample_weight=weight)
    return np.asarray(model.coef_[0], dtype=float)


def posterior_sd(design: Design, table: DealTable, theta: Floats, priors: dict[str, Prior]) -> Floats:
    """Posterior sd of each β (Laplace). The Hessian is a block arrow: shared columns × independent reps."""
    layout, shared = design.layout, len(design.layout.shared)
    p = logistic(design.matrix @ theta)
    curvature = table.weight * p * (1 - p)
    extra, _, weights = imaginary_deals(layout, design.sd, priors)
    tip = _gram(design.matrix[:, :shared], curvature) + np.eye(shared)
    if len(weights):
        q = logistic(extra @ theta)
        tip += _gram(extra[:, :shared], weights * q * (1 - q))
    variance = np.ones(layout.width)
    solved: list[tuple[int, Ints, Floats, Floats]] = []
    by_rep = np.argsort(table.rep, kind="stable")
    bounds = np.searchsorted(table.rep[by_rep], np.arange(layout.reps + 1))
    for rep in range(layout.reps):
        rows = by_rep[bounds[rep] : bounds[rep + 1]]
        if not len(rows):
            continue
        start = layout.start(rep)
        own = design.matrix[rows, start : start + layout.block]
        used = np.unique(own.indices)
        dense = own[:, used].toarray()
        weighted = dense * curvature[rows][:, None]
        inverse = linalg.inv(dense.T @ weighted + np.eye(len(used)))
        arm = np.asarray(design.matrix[rows, :shared].T @ weighted)
        tip -= arm @ inverse @ arm.T
        solved.append((start, used, inverse, arm))
    tip_inverse = linalg.inv(tip)
    variance[:shared] = np.diag(tip_inverse)
    for start, used, inverse, arm in solved:
        reach = inverse @ arm.T
        variance[start + used] = np.diag(inverse) + ((reach @ tip_inverse) * reach).sum(axis=1)
    return np.sqrt(np.maximum(variance, 0)) * design.sd


def _gram(matrix: sparse.csr_matrix, weight: Floats) -> Floats:
    return np.asarray((matrix.T @ matrix.multiply(weight[:, None])).todense())


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
        theta = _solve(part, table.take(inside), believed, start=theta)
        log_odds[outside] = design.matrix[outside] @ theta
        pairing[outside] = design.matrix[outside] @ np.where(own, theta, 0.0)
        beta = dict(zip(design.layout.shared, theta * design.sd, strict=False))
        for name, column in (average or {}).items():
            pairing[outside] -= beta.get(name, 0.0) * column[outside]
    return CrossFit(log_odds, pairing)


def cross_fitted(table: DealTable, *, seed: int = 0) -> Floats:
    """Out-of-fold log-odds of the whole model, scales chosen once on all deals."""
    return cross_fit(table, fit(table, seed=seed).scales, seed=seed).log_odds
