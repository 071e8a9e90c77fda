"""Reps who disqualify more than their leads explain: dropping bad leads would raise one's own win rate.

With p the out-of-fold probability that a deal is disqualified, from its lead alone and recalibrated, for rep r

    observed O = Σ disqualified,   expected E = Σ p,   variance V = Σ p(1 − p)

and p_value = P(B ≥ O) for B binomial(deals, E / deals), whose tail above the mean is no smaller than that of the sum of
unequal chances (W. Hoeffding, Ann. Math. Stat. 1956). Flagged: p_value below .05 / reps and O − E of five deals or
more. Each disqualified deal of a flagged rep then enters the win model as lost with the weight (O − E) / O.

What it does not see: leads that only one rep gets explain away how often he drops them; and whether a drop was right.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from routing.engine.learning.fit import calibrate, lead_only_log_odds
from routing.engine.learning.table import DealTable, Floats
from routing.engine.model import logistic

LEVEL = 0.05
LEAST_EXCESS = 5.0  # deals over expectation; less is not worth a word, however unlikely


@dataclass(frozen=True)
class Dropped:
    """How many of a rep's `deals` were disqualified, how many of such leads usually are, and whether it stands out."""

    rep_id: int
    deals: int
    observed: int
    expected: float
    variance: float
    p_value: float
    is_flagged: bool


def find_dropped(table: DealTable, *, seed: int = 0) -> tuple[Dropped, ...]:
    """`table`: all closed deals, `won` telling 1 for the disqualified. One row for each rep with deals."""
    known = replace(table, weight=np.ones(len(table))).take(table.rep >= 0)
    p = disqualification_rate(known, seed=seed)
    reps = len(known.rep_ids)
    deals = np.bincount(known.rep, minlength=reps)
    observed = np.bincount(known.rep, known.won, reps)
    expected = np.bincount(known.rep, p, reps)
    variance = np.bincount(known.rep, p * (1 - p), reps)
    active = np.flatnonzero(deals)
    p_value = stats.binom.sf(observed - 1, deals, expected / np.maximum(deals, 1))
    stands_out = (p_value < LEVEL / max(len(active), 1)) & (observed - expected >= LEAST_EXCESS)
    return tuple(
        Dropped(
            rep_id=known.rep_ids[r],
            deals=int(deals[r]),
            observed=int(observed[r]),
            expected=float(expected[r]),
            variance=float(variance[r]),
            p_value=float(p_value[r]),
            is_flagged=bool(stands_out[r]),
        )
        for r in active
    )


def disqualification_rate(table: DealTable, *, seed: int = 0) -> Floats:
    """Probability that each deal is disqualified, by its lead alone, out of fold; the plain rate where fewer than
    LEAST_EXCESS are or are not, as nobody can stand out then."""
    total = float(table.won.sum())
    if min(total, len(table) - total) < LEAST_EXCESS:
        return np.full(len(table), total / max(len(table), 1))
    log_odds = lead_only_log_odds(table, seed=seed)
    line = calibrate(table, seed=seed, log_odds=log_odds)
    return logistic(line.intercept + line.slope * log_odds)


def excess_weight(dropped: Iterable[Dropped]) -> dict[int, float]:
    """(observed − expected) / observed by id of each flagged rep: the weight as lost of each disqualified deal."""
    return {row.rep_id: (row.observed - row.expected) / row.observed for row in dropped if row.is_flagged}
