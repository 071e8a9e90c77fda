"""How soon a lead is touched first, compared between arms.

    primary estimate    difference of the shares touched within a bound (the policy's target, say), as cumulative
                        incidence with ended-untouched as the competing event: `incidence` at that bound
    beside it           Gehan and Breslow's rank test (E. Gehan, Biometrika 1965), which weighs early times most,
                        and quantiles of Kaplan and Meier's curve with log-log intervals

Looks want an estimate with a standard error, which a rank test has not; so its p stands beside each look and decides
nothing. Times are days of whatever clock the target is counted in. What it does not do: hide those never touched.
They count in neither quantiles nor the test beyond their end, and have a share, and a guardrail, of their own. The
rank test takes leads of the same account as independent.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from experiments.engine.effect import ArmEstimate, Effect, difference
from experiments.engine.incidence import OPEN, Followed, won_within
from reps.engine.unavailable import Unavailable

TOUCHED, ENDED_UNTOUCHED = 1, 2  # outcomes of `Followed` here; 0 waits still
MINUTES_PER_DAY = 24 * 60
LEAST_EVENTS = 5  # touched in each arm, for the rank test


@dataclass(frozen=True)
class RankTest:
    statistic: float
    p: float


@dataclass(frozen=True)
class Quantile:
    """Minutes until this share was touched, with the 95 % interval; None where the data do not reach."""

    share: float
    minutes: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Untouched:
    """`never` touched of the leads whose waiting is over."""

    never: int
    over: int

    @property
    def share(self) -> float | None:
        return self.never / self.over if self.over else None


def compare(treatment: Followed, control: Followed, bound_minutes: float) -> Effect | Unavailable:
    """Above nil is sooner."""
    return difference(touched_within(treatment, bound_minutes), touched_within(control, bound_minutes))


def touched_within(arm: Followed, bound_minutes: float) -> ArmEstimate | Unavailable:
    """The share touched within the bound."""
    return won_within(arm, bound_minutes / MINUTES_PER_DAY)


def rank_test(
    treatment: Followed, control: Followed, weight: Literal["gb"] | None = "gb"
) -> RankTest | Unavailable:
    """Whether the waiting differs at all; `weight` None is the log-rank test."""
    if min(int((arm.outcome == TOUCHED).sum()) for arm in (treatment, control)) < LEAST_EVENTS:
        return Unavailable(f"fewer than {LEAST_EVENTS} touched in an arm")
    days = np.concatenate([treatment.days, control.days])
    touched = (np.concatenate([treatment.outcome, control.outcome]) == TOUCHED).astype(np.int64)
    group = np.repeat([1, 0], [len(treatment), len(control)])
    if len(np.unique(days)) < 2:  # no variance, at which the test fails
        return Unavailable("all waited equally long")
    statistic, p = survdiff(days, touched, group, weight_type=weight)
    return RankTest(float(statistic), float(p))


def quantile(arm: Followed, share: float = 0.5) -> Quantile:
    """When this share of the leads was touched."""
    if not (arm.outcome == TOUCHED).any():
        return Quantile(share, None, None, None)
    curve = SurvfuncRight(arm.days, (arm.outcome == TOUCHED).astype(np.int64))
    with np.errstate(divide="ignore", invalid="ignore"):  # the band is undefined where the curve is 0
        low, high = curve.quantile_ci(share)
    return Quantile(share, *(_minutes(days) for days in (curve.quantile(share), low, high)))


def untouched(arm: Followed) -> Untouched:
    return Untouched(int((arm.outcome == ENDED_UNTOUCHED).sum()), int((arm.outcome != OPEN).sum()))


def _minutes(days: float) -> float | None:
    return float(days) * MINUTES_PER_DAY if np.isfinite(days) else None
