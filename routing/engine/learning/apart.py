"""Can the reps be told apart with this data? A test's verdict, not a taste.

With p the out-of-fold probability of each deal from its lead alone (recalibrated), for rep r

    O_r = Σ (won − p),   V_r = Σ p(1 − p),   Σ O_r² / V_r  ~  χ² with (reps − 1) degrees of freedom

when all reps are alike. The same for rep × industry, product, source, size once each rep's own level is taken out,
Bonferroni over the four. What it does not do: decide anything. Shrunken effects stay in use below significance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from routing.engine.learning.fit import lead_only_log_odds
from routing.engine.learning.table import DealTable, Floats, Ints
from routing.engine.model import logistic

LEVEL = 0.05
POWER = 0.8
CROSSED = ("industry", "product", "source", "size")
LEAST_EXPECTED = 1.0  # cells whose Σ p(1 − p) is smaller say nothing and spoil the χ² approximation


@dataclass(frozen=True)
class Test:
    """A χ² test: statistic, degrees of freedom, p."""

    statistic: float
    degrees: int
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """`reps` tests the reps' own level, `crossed` the reps with each category (p not corrected yet).

    `deals_needed`: about how many deals it would take to see a difference of the size estimated from these, at 80 %
    power; None where none is estimated.
    """

    reps: Test
    crossed: Mapping[str, Test]
    deals: int
    deals_needed: int | None

    @property
    def are_distinguishable(self) -> bool:
        """Whether the reps' own levels differ beyond chance."""
        return self.reps.p_value < LEVEL

    @property
    def has_affinity(self) -> bool:
        """Whether some reps are better with some leads, beyond chance and beyond their own level."""
        return any(test.p_value * len(self.crossed) < LEVEL for test in self.crossed.values())


def tell_apart(table: DealTable, *, seed: int = 0, prospects: Floats | None = None) -> Verdict:
    """The verdict on the deals that have a rep. `prospects`: their lead-only log-odds out of fold, where at hand."""
    has_rep = table.rep >= 0
    known = table.take(has_rep)
    found = lead_only_log_odds(known, seed=seed) if prospects is None else prospects[has_rep]
    p = _recalibrated(found, known)
    reps = _test(known.won - p, p, known.rep, constraints=1)
    levelled = _level_out(p, known)
    crossed = {
        name: _test(
            known.won - levelled,
            levelled,
            known.rep * len(known.lead[name].levels) + known.lead[name].codes,
            constraints=len(set(known.rep.tolist())),
            where=known.lead[name].codes >= 0,
        )
        for name in CROSSED
        if name in known.lead
    }
    return Verdict(reps, crossed, len(known), _deals_needed(reps, p, known))


def _recalibrated(log_odds: Floats, table: DealTable) -> Floats:
    """Probabilities with intercept and slope fitted, so that the lead-only model cannot be blamed on the reps."""
    intercept, slope = 0.0, 1.0
    for _ in range(30):
        p = logistic(intercept + slope * log_odds)
        error, curve = table.won - p, p * (1 - p)
        gradient = np.array([error.sum(), (error * log_odds).sum()])
        cross = (curve * log_odds).sum()
        hessian = np.array([[curve.sum(), cross], [cross, (curve * log_odds**2).sum() + 1e-9]])
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        intercept, slope = intercept + step[0], slope + step[1]
        if np.abs(step).max() < 1e-10:
            break
    return logistic(intercept + slope * log_odds)


def _level_out(p: Floats, table: DealTable) -> Floats:
    """p with each rep's own level added, so that the rep's deals sum to what was won (as far as that is finite)."""
    reps = len(table.rep_ids)
    base = np.log(p / (1 - p))
    shift = np.zeros(reps)
    for _ in range(25):
        q = logistic(base + shift[table.rep])
        error = np.bincount(table.rep, table.won - q, reps) - 0.1 * shift
        curve = np.bincount(table.rep, q * (1 - q), reps) + 0.1
        shift = np.clip(shift + error / curve, -6, 6)
    return logistic(base + shift[table.rep])


def _test(
    error: Floats, p: Floats, cell: Ints, *, constraints: int, where: npt.NDArray[np.bool_] | None = None
) -> Test:
    """Σ O²/V over cells that hold enough, against χ² with (cells − constraints) degrees of freedom."""
    if where is not None:
        error, p, cell = error[where], p[where], cell[where]
    _, code = np.unique(cell, return_inverse=True)
    observed = np.bincount(code, error)
    variance = np.bincount(code, p * (1 - p))
    enough = variance >= LEAST_EXPECTED
    degrees = max(int(enough.sum()) - constraints, 1)
    statistic = float((observed[enough] ** 2 / variance[enough]).sum())
    return Test(statistic, degrees, float(stats.chi2.sf(statistic, degrees)))


def _deals_needed(test: Test, p: Floats, table: DealTable) -> int | None:
    """From the excess of the statistic over its degrees of freedom, which grows in proportion to the deals."""
    excess = (test.statistic - test.degrees) / len(table)
    if excess <= 0:
        return None
    critical = stats.chi2.isf(LEVEL, test.degrees)
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        if stats.ncx2.sf(critical, test.degrees, middle) < POWER:
            low = middle
        else:
            high = middle
    return int(np.ceil(high / excess))
