"""Secondary metrics: whether the winning arm pays for its wins elsewhere.

    r = Σ x / Σ k by arm    variance G/(G − 1) · Σ (x_g − r k_g)² / (Σ k)²    over accounts g with k_g leads worth x_g
    (reps in a rep partition, periods in a switchback)

p by t with G − 2 degrees of freedom below 60 accounts, adjusted over all secondary metrics by S. Holm (Scandinavian
Journal of Statistics 1979); intervals by the bootstrap of accounts, bias-corrected and accelerated (B. Efron, JASA
1987), for revenue is skewed. Deal size is revenue per assigned lead, nil for a lead that was not won: the mean over
won deals alone compares different deals, for arms choose which are won. A won deal without a value is missing, not
nil, and the share missing is told by arm. What it does not do: adjust for repeated looks. It is read once, at the
end, of leads older than the horizon; the caller leaves the younger ones out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests

from experiments.engine.effect import ArmEstimate, Interval, difference, p_of_one_look
from reps.engine.unavailable import Unavailable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LEAST = 20  # values known, and accounts, in each arm
RESAMPLES = 2000
LEVEL = 0.05


@dataclass(frozen=True)
class Values:
    """n leads of one arm; `value` is no number where it is missing; `cluster` ids of accounts, None: one lead each."""

    value: Floats
    cluster: Ints | None = None

    @property
    def share_missing(self) -> float:
        return float(np.isnan(self.value).mean()) if len(self.value) else 0.0

    def sums(self) -> tuple[Floats, Floats]:
        """By account, of the values known: their sum and how many they are."""
        known = ~np.isnan(self.value)
        ids = np.arange(len(self.value)) if self.cluster is None else self.cluster
        _, member = np.unique(ids[known], return_inverse=True)
        totals = np.bincount(member, weights=self.value[known])
        return totals.astype(np.float64), np.bincount(member).astype(np.float64)


@dataclass(frozen=True)
class Secondary:
    """`interval` of the difference at 95 %, not adjusted; `p_adjusted` by Holm once all are known."""

    name: str
    treatment: float
    control: float
    difference: float
    interval: Interval
    p: float
    p_adjusted: float
    treatment_missing: float
    control_missing: float

    @property
    def is_worse(self) -> bool:
        return self.p_adjusted < LEVEL and self.difference < 0


def revenue(won: Mask, value: Floats, cluster: Ints | None = None) -> Values:
    """Of each assigned lead: its value where it was won, else nil."""
    return Values(np.where(won, value, 0.0), cluster)


def compare(name: str, treatment: Values, control: Values, *, seed: int) -> Secondary | Unavailable:
    """`seed` of the bootstrap."""
    sums = [treatment.sums(), control.sums()]
    if min(k.sum() for _, k in sums) < LEAST:
        return Unavailable(f"fewer than {LEAST} values in an arm")
    if (groups := min(len(x) for x, _ in sums)) < LEAST:
        return Unavailable(f"only {groups} independent groups in an arm; at least {LEAST} are needed")
    arms = [_mean(x, k) for x, k in sums]
    effect = difference(*arms)
    if isinstance(effect, Unavailable):
        return Unavailable("all values of both arms are the same")
    p = p_of_one_look(effect)
    return Secondary(
        name=name,
        treatment=arms[0].value,
        control=arms[1].value,
        difference=effect.value,
        interval=_bootstrap(sums[0], sums[1], seed),
        p=p,
        p_adjusted=p,
        treatment_missing=treatment.share_missing,
        control_missing=control.share_missing,
    )


def adjusted(metrics: Sequence[Secondary]) -> list[Secondary]:
    """All secondary metrics of one experiment, by Holm."""
    if not metrics:
        return []
    found = multipletests([one.p for one in metrics], alpha=LEVEL, method="holm")[1]
    return [replace(one, p_adjusted=float(p)) for one, p in zip(metrics, found, strict=True)]


def _mean(x: Floats, k: Floats) -> ArmEstimate:
    ratio, groups = float(x.sum() / k.sum()), len(x)
    variance = groups / (groups - 1) * float(((x - ratio * k) ** 2).sum()) / float(k.sum()) ** 2
    return ArmEstimate(ratio, float(np.sqrt(variance)), int(k.sum()), groups)


def _bootstrap(treatment: tuple[Floats, Floats], control: tuple[Floats, Floats], seed: int) -> Interval:
    def gap(mine: Ints, other: Ints, axis: int = -1) -> Floats:
        means = [
            x[i].sum(axis=axis) / k[i].sum(axis=axis) for i, (x, k) in ((mine, treatment), (other, control))
        ]
        return np.asarray(means[0] - means[1])

    found = stats.bootstrap(
        (np.arange(len(treatment[0])), np.arange(len(control[0]))),
        gap,
        n_resamples=RESAMPLES,
        batch=200,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(found.low), float(found.high))
