"""The effect of an experiment's primary metric, from what became of the opportunities of its arms.

    by stage     difference of the arms' figures: `incidence`, `first_touch` or `velocity`
    together     `stages.combined`; of a ramp without the stages below 40 % of treatment, which are there for safety

What falls to an arm together is one group of the errors, for its outcomes are alike:

    slot split, lead split    the account
    rep partition             the rep: who happens to be in the arm is a part of chance
    switchback                the period: its leads share weeks and the load that they found

By account a rep partition called a difference without cause in 9 to 12 of 100 runs, a switchback in 6 to 13. What it
does not do: know, in a rep partition, of accounts with several reps; what waits for a rep still is one group there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.engine import first_touch, velocity
from experiments.engine.allocation import Design
from experiments.engine.effect import Effect, difference
from experiments.engine.incidence import Followed, won_within
from experiments.engine.stages import StageEffect, combined
from experiments.engine.verdict import SIZED_FROM, Metric
from reps.engine.unavailable import Unavailable

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Primary:
    """The metric that decides. A win counts within `horizon_days`, a first touch within `touch_minutes`."""

    metric: Metric
    horizon_days: float
    touch_minutes: float = 240.0


@dataclass(frozen=True)
class StageSeen:
    """Who was first exposed while `split` was the share of treatment; of first touches where that is the metric."""

    split: float
    treatment: Followed
    control: Followed
    treatment_units: int
    control_units: int


def groups_of(design: Design, *, account: Ints, rep: Ints, period: Ints) -> Ints:
    """Of n opportunities, what each fell to its arm together with."""
    if design is Design.REP_PARTITION:
        return rep
    return period if design is Design.SWITCHBACK else account


def clusters_of(groups: Ints) -> Ints | None:
    """None where each is alone in its group, so that each is independent of the others."""
    return None if len(np.unique(groups)) == len(groups) else groups


def effect_of(primary: Primary, stages: Sequence[StageSeen], *, is_ramp: bool) -> Effect | Unavailable:
    """All stages that count, never pooled."""
    counted = [stage for stage in stages if not is_ramp or stage.split >= SIZED_FROM]
    if stages and not counted:
        return Unavailable(f"estimates come from stages with {SIZED_FROM:.0%} in treatment or more")
    whole = combined([stage_effect(primary, stage) for stage in counted])
    return whole if isinstance(whole, Unavailable) else whole.effect


def stage_effect(primary: Primary, stage: StageSeen) -> StageEffect:
    found = _difference(primary, stage.treatment, stage.control)
    return StageEffect(stage.treatment_units, stage.control_units, found)


def _difference(primary: Primary, treated: Followed, control: Followed) -> Effect | Unavailable:
    if primary.metric is Metric.FIRST_TOUCH:
        return first_touch.compare(treated, control, primary.touch_minutes)
    if primary.metric is Metric.VELOCITY:
        return velocity.compare(treated, control, primary.horizon_days)
    return difference(*(won_within(arm, primary.horizon_days) for arm in (treated, control)))
