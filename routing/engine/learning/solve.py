"""Solving one ridge logistic regression, and the uncertainty of what it finds.

    minimise  ½‖θ‖² + Σ weight · log-loss(y, Xθ)      X with columns scaled by prior sd, so β = sd · θ

The posterior covariance (Laplace) is that of a block-arrow matrix: each rep's block is eliminated, the shared part
factored.
"""

import numpy as np
from scipy import linalg, sparse
from sklearn.linear_model import LogisticRegression

from routing.engine.columns import Prior
from routing.engine.learning.design import Design, imaginary_deals
from routing.engine.learning.table import DealTable, Floats, Ints
from routing.engine.model import logistic

GRADIENT = 1e-3  # of the summed loss, at which a solution counts as found
DENSE_UP_TO = 300  # columns: the Hessian is formed and factored


def solve(design: Design, table: DealTable, priors: dict[str, Prior], start: Floats | None = None) -> Floats:
    """θ of the ridge logistic regression on the deals and the imaginary ones."""
    extra, labels, weights = imaginary_deals(design.layout, design.sd, priors)
    matrix = sparse.vstack([design.matrix, extra], format="csr") if len(labels) else design.matrix
    y = np.concatenate([table.won, labels])
    weight = np.concatenate([table.weight, weights])
    return ridge(matrix, y, weight, start)


def ridge(matrix: sparse.csr_matrix, y: Floats, weight: Floats, start: Floats | None = None) -> Floats:
    """scikit-learn's logistic regression with C = 1, no intercept of its own.

    Newton's methods: with an intercept of prior sd 5 beside effects of .1 the problem is too badly conditioned for
    L-BFGS, which stops after hundreds of steps short of the optimum; these take about seven. scikit-learn's tolerance
    is on the gradient of the *mean* loss, and the imaginary deals weigh tens of thousands: undivided by their weight it
    would let a warm start stop where it began.
    """
    solver = "newton-cholesky" if matrix.shape[1] <= DENSE_UP_TO else "newton-cg"
    model = LogisticRegression(
        C=1.0,
        fit_intercept=False,
        solver=solver,
        max_iter=200,
        tol=GRADIENT / float(weight.sum()),
        warm_start=True,
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
