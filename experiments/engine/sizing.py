"""Before the launch: what an experiment of this size could show, and when.

    units needed            statsmodels' samplesize_proportions_2indep_onetail, two-sided .05, power .8
                            × 1.05 for the daily looks × (1 + (m − 1) ρ) for accounts of m opportunities, alike by ρ
    detectable difference   the one that needs as many units as there will be
    earliest answer         weeks of accrual + the horizon
    of a mean, as of days   (z.975 + z.8) √(v (1/n₁ + 1/n₀) × 1.05 × the accounts' factor)
    planned information     1 / (v (1/n₁ + 1/n₀)) by stage, summed; v = p(1 − p) of a share

The factor for accounts is L. Kish's (Survey Sampling, 1965). The horizon is at least the 90th percentile of past days
to win, else wins that were coming are missed, and more of them in a slower arm. Of a switchback the leads of the
washout do not count, which is half of them. What it does not do: foresee how much reps (of a rep partition) or periods
(of a switchback) differ, which takes from what can be detected; or correct for interference, for which the difference
that is found is not that of a full roll-out, whatever its error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from experiments.engine.allocation import PERIOD, WASHOUT, Design
from experiments.engine.incidence import LEAST_CLUSTERS
from reps.engine.unavailable import Unavailable

Floats = npt.NDArray[np.float64]

ERROR, POWER = 0.05, 0.8
LOOKS = 1.05  # units more than one look would need
LEAST_WEEKS, LEAST_PER_GROUP = 4, 200  # the recommended minimum
WIDEST = 0.25  # of the base rate: a larger detectable difference is hardly to be hoped for
HORIZON_QUANTILE, LEAST_WINS = 0.9, 20
STEP = 1e-4  # the smallest difference looked for
LEAST_PERIODS = 2 * LEAST_CLUSTERS  # of a switchback, both arms together
PERIOD_WEEKS = PERIOD.days / 7
GROUPS = {Design.REP_PARTITION: "reps", Design.SWITCHBACK: "periods"}


@dataclass(frozen=True)
class Accounts:
    """`size`: opportunities of an account, on average; `correlation` of their outcomes."""

    size: float = 1.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if not (self.size >= 1 and 0 <= self.correlation <= 1):
            raise ValueError("accounts have at least one opportunity, and a correlation within 0 and 1")

    @property
    def factor(self) -> float:
        return 1 + (self.size - 1) * self.correlation


ONE_EACH = Accounts()


@dataclass(frozen=True)
class Setting:
    """`base_rate` of the metric's share in control · `split` the share of treatment."""

    base_rate: float
    horizon_days: float
    units_per_week: float
    weeks: float
    split: float = 0.5
    accounts: Accounts = ONE_EACH
    design: Design = Design.SLOT_SPLIT

    def __post_init__(self) -> None:
        if not (0 < self.base_rate < 1 and 0 < self.split < 1):
            raise ValueError("base rate and split lie between 0 and 1")
        if not (self.horizon_days > 0 and self.units_per_week > 0 and self.weeks > 0):
            raise ValueError("horizon, units and weeks lie above 0")

    @property
    def counted_per_week(self) -> float:
        counted = 1 - WASHOUT / PERIOD if self.design is Design.SWITCHBACK else 1.0
        return self.units_per_week * counted


@dataclass(frozen=True)
class Plan:
    """`detectable`: the smallest difference upwards that would be seen in four of five runs; None where no difference
    would. `of_200`: the same for 200 in each group and a single look. `warnings` are sentences."""

    treatment_units: int
    control_units: int
    detectable: float | None
    of_200: float | None
    earliest_days: float
    planned_information: float
    warnings: tuple[str, ...]


def plan(setting: Setting) -> Plan:
    total = setting.counted_per_week * setting.weeks
    treatment, control = math.floor(total * setting.split), math.floor(total * (1 - setting.split))
    base, factor = setting.base_rate, setting.accounts.factor
    found = detectable(base, treatment, control, factor)
    two_hundred = detectable(base, LEAST_PER_GROUP, LEAST_PER_GROUP, factor / LOOKS)
    return Plan(
        treatment_units=treatment,
        control_units=control,
        detectable=found,
        of_200=two_hundred,
        earliest_days=setting.weeks * 7 + setting.horizon_days,
        planned_information=planned_information(base * (1 - base), [(treatment, control)]),
        warnings=tuple(_warnings(setting, min(treatment, control), found, two_hundred)),
    )


def treatment_units_needed(base_rate: float, difference: float, split: float, factor: float = 1.0) -> float:
    """To see this difference in four of five runs; control's follow from the split."""
    found = samplesize_proportions_2indep_onetail(
        difference, base_rate, POWER, ratio=(1 - split) / split, alpha=ERROR
    )
    return float(found) * LOOKS * factor


def weeks_needed(setting: Setting, difference: float) -> float:
    """Of accrual, to see this difference."""
    treated = treatment_units_needed(setting.base_rate, difference, setting.split, setting.accounts.factor)
    return treated / setting.split / setting.counted_per_week


def detectable(base_rate: float, treatment: float, control: float, factor: float = 1.0) -> float | None:
    """The smallest difference upwards that so many units show; None where even the largest is not seen."""
    if min(treatment, control) < 1:
        return None
    split, largest = treatment / (treatment + control), 1 - base_rate - STEP

    def short_of(difference: float) -> float:
        return treatment_units_needed(base_rate, difference, split, factor) - treatment

    if largest <= STEP or short_of(largest) > 0:
        return None
    if short_of(STEP) <= 0:
        return STEP
    return float(optimize.brentq(short_of, STEP, largest, xtol=1e-7))


def detectable_mean(variance: float, treatment: float, control: float, factor: float = 1.0) -> float | None:
    """The smallest difference of means that so many units show. `variance` of one unit's value: of days gained, the
    squared error of the past's times its units."""
    if min(treatment, control) < 1:
        return None
    reach = float(special.ndtri(1 - ERROR / 2) + special.ndtri(POWER))
    return reach * math.sqrt(variance * (1 / treatment + 1 / control) * LOOKS * factor)


def planned_information(variance: float, stages: Sequence[tuple[float, float]]) -> float:
    """At the end, of stages with (treatment, control) units: what the looks count as 1; as if units were independent,
    as `effect` has it. `variance` as in `detectable_mean`, p(1 − p) of a share."""
    weights = (n1 * n0 / (n1 + n0) for n1, n0 in stages if n1 and n0)
    return sum(weights) / variance


def least_horizon(days_to_win: Floats) -> float | Unavailable:
    """Nine of ten past wins came within so many whole days."""
    if len(days_to_win) < LEAST_WINS:
        return Unavailable(f"{len(days_to_win)} past wins; at least {LEAST_WINS} say how long a win takes")
    return float(math.ceil(np.quantile(days_to_win, HORIZON_QUANTILE)))


def _warnings(setting: Setting, smaller: int, found: float | None, two_hundred: float | None) -> list[str]:
    said = []
    base = setting.base_rate
    if found is None:
        said.append("Even the largest possible difference would not be seen with so few opportunities.")
    elif found > WIDEST * base:
        said.append(
            f"Differences below {found * 100:.1f} points would mostly be missed; that is more than a quarter of the "
            f"base rate of {base:.0%}."
        )
    if setting.weeks < LEAST_WEEKS:
        said.append(f"{setting.weeks:g} weeks are less than the recommended minimum of {LEAST_WEEKS}.")
    if smaller < LEAST_PER_GROUP:
        said.append(
            f"{smaller} opportunities in the smaller group are less than the recommended minimum of {LEAST_PER_GROUP}."
        )
    if said and two_hundred is not None:
        said.append(
            f"{LEAST_PER_GROUP} per group detects only a {two_hundred * 100:.0f}-point difference "
            f"at a {base:.0%} base, in a single look at that."
        )
    return said + _doubts_of_design(setting)


def _doubts_of_design(setting: Setting) -> list[str]:
    """What the calculator can not know of the groups of a design, and whether there will be enough periods."""
    said = []
    if setting.design is Design.SWITCHBACK and setting.weeks < LEAST_PERIODS * PERIOD_WEEKS:
        said.append(
            f"A switchback says nothing before {LEAST_PERIODS} periods of two weeks "
            f"({LEAST_PERIODS * PERIOD_WEEKS:g} weeks); these are {int(setting.weeks / PERIOD_WEEKS)}."
        )
    if setting.design in GROUPS:
        said.append(
            f"How much {GROUPS[setting.design]} differ is not known before: a difference of that size "
            "may well be missed."
        )
    return said
