"""What must not get worse while an experiment runs, watched at every moment.

A share of bad events in treatment against that in control, d = p₁ − p₀, is breached once the one-sided anytime-valid
sequence of `anytime` lies above nil, at an error of .05/k for k guardrails (Bonferroni). The error's variance is the
larger one of two, for the sequence is asymptotic and a small arm without a bad event seems to be certain:

    one bad and one good added to each arm (A. Agresti, B. Caffo, The American Statistician 2000): p̃₁q̃₁/n₁ + p̃₀q̃₀/n₀
    what both arms have in common: p̃q̃ (1/n₁ + 1/n₀)

Simulated from 20 units on to 1,000 in all, looked at after each, with k = 4, shares of 1 to 50 % and splits of 10 to
90 %: breached without cause in .7 % of runs at most, where 1.25 % are allowed; with the plain variance in up to 31 %.
What it does not do: know of accounts. Units of the same account count as independent ones.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from experiments.engine.anytime import lower_bound, tightest_at
from reps.engine.unavailable import Unavailable

ERROR = 0.05  # of all guardrails together
LEAST_TREATED = 20
LEAST_CONTROL = 20


class Guardrail(StrEnum):
    FIRST_TOUCH_MISSED = "first_touch_missed"
    NEVER_TOUCHED = "never_touched"
    UNASSIGNED = "unassigned"
    OVERLOAD = "overload"


@dataclass(frozen=True)
class BadEvents:
    """Of so many units in each arm, how many had it. Of overload: assignments that took a rep past the threshold."""

    treated: int
    treated_units: int
    control: int
    control_units: int

    def __post_init__(self) -> None:
        if not (0 <= self.treated <= self.treated_units and 0 <= self.control <= self.control_units):
            raise ValueError("there are no more events than units")


@dataclass(frozen=True)
class Watched:
    """`excess` of the share in treatment; the truth lies above `least` at every look at once, but for the error."""

    treated_share: float
    control_share: float
    excess: float
    least: float
    is_breached: bool


def watch(
    events: BadEvents, *, guardrails: int, planned_units: float, error: float = ERROR
) -> Watched | Unavailable:
    """One of so many guardrails. `planned_units` of both arms, which say where the sequence is narrowest."""
    if events.treated_units < LEAST_TREATED:
        return Unavailable(f"fewer than {LEAST_TREATED} treated")
    if events.control_units < LEAST_CONTROL:
        return Unavailable(f"fewer than {LEAST_CONTROL} in control")
    treated, control = events.treated / events.treated_units, events.control / events.control_units
    excess = treated - control
    least = lower_bound(
        excess,
        math.sqrt(_variance(events)),
        events.treated_units + events.control_units,
        narrowest_at=tightest_at(planned_units),
        error=error / guardrails,
    )
    return Watched(treated, control, excess, least, is_breached=least > 0)


def watch_all(
    events: Mapping[Guardrail, BadEvents], *, planned_units: float
) -> dict[Guardrail, Watched | Unavailable]:
    """Each at its share of the error, whether or not it can be told yet."""
    return {
        name: watch(one, guardrails=len(events), planned_units=planned_units) for name, one in events.items()
    }


def breaches(watched: Mapping[Guardrail, Watched | Unavailable]) -> Sequence[Guardrail]:
    return [name for name, one in watched.items() if isinstance(one, Watched) and one.is_breached]


def _variance(events: BadEvents) -> float:
    n1, n0 = events.treated_units, events.control_units
    p1, p0 = (events.treated + 1) / (n1 + 2), (events.control + 1) / (n0 + 2)
    both = (events.treated + events.control + 1) / (n1 + n0 + 2)
    return max(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0, both * (1 - both) * (1 / n1 + 1 / n0))
