"""The nightly look at each experiment: computed once, stored, and never changed by anybody who views it.

The boundary of a look depends on those before it, so the stored ones are its input. After the last opportunity is
older than the horizon the look is the final one.
"""

import dataclasses
import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db import transaction

from experiments.engine import analysis, first_touch, secondary, sequential, velocity
from experiments.engine.allocation import Arm
from experiments.engine.anytime import tightest_at, two_sided
from experiments.engine.effect import Effect
from experiments.engine.guardrails import watch_all
from experiments.engine.incidence import curve, won_within
from experiments.engine.interference import shift
from experiments.engine.sample_ratio import Balance, SampleRatio, Split, over_stages
from experiments.engine.verdict import Metric
from experiments.models import Experiment, Look
from experiments.queries.outcomes import Part, Seen, bad_events, received, seen
from reps.engine.unavailable import Unavailable

DAY = datetime.timedelta(days=1)
CURVE_POINTS = 200
CROSSED = {
    sequential.Decision.UPWARD: Look.Crossed.UP,
    sequential.Decision.DOWNWARD: Look.Crossed.DOWN,
}


@transaction.atomic
def look_at(*, experiment_id: int, at: datetime.datetime, day: datetime.date) -> Look:
    """The look of a day; the one that is there already, should the job run twice."""
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    before = list(Look.objects.filter(experiment=experiment).order_by("looked_at"))
    if before and before[-1].day >= day:
        return before[-1]
    found = seen(experiment, at)
    effect = effect_of(experiment, found)
    look = Look(experiment=experiment, looked_at=at, day=day, is_final=is_last(experiment, at))
    if experiment.is_hold_out:
        _always_valid(look, experiment, found, effect)
    else:
        _sequential(look, experiment, before, effect)
    look.found = summary(experiment, found, effect, is_final=look.is_final)
    look.save()
    return look


def is_last(experiment: Experiment, at: datetime.datetime) -> bool:
    """Whether everybody who was allocated is older than the horizon."""
    horizon = datetime.timedelta(days=experiment.horizon_days)
    return experiment.ends_at is not None and at >= experiment.ends_at + horizon


def effect_of(experiment: Experiment, found: Seen) -> Effect | Unavailable:
    """Of the primary metric, as `analysis` has it."""
    splits = _split_of_stages(experiment)
    seen_in = [_stage(experiment, found, stage, splits) for stage in found.stages()]
    return analysis.effect_of(primary_of(experiment), seen_in, is_ramp=bool(experiment.ramp))


def primary_of(experiment: Experiment) -> analysis.Primary:
    return analysis.Primary(Metric(experiment.metric), experiment.horizon_days, experiment.touch_minutes)


def _split_of_stages(experiment: Experiment) -> dict[int, float]:
    return {stage.number: stage.split for stage in experiment.stages.all()}


def _stage(
    experiment: Experiment, found: Seen, stage: int, splits: Mapping[int, float]
) -> analysis.StageSeen:
    arms = found.of_stage(stage)
    treated, control = arms[Arm.TREATMENT], arms[Arm.CONTROL]
    is_touch = experiment.metric == Experiment.Metric.FIRST_TOUCH
    followed = [part.of_touches() if is_touch else part.of_wins() for part in (treated, control)]
    return analysis.StageSeen(
        splits.get(stage, experiment.split), followed[0], followed[1], treated.units, control.units
    )


def _sequential(
    look: Look, experiment: Experiment, before: Sequence[Look], effect: Effect | Unavailable
) -> None:
    if isinstance(effect, Unavailable):
        look.unavailable = effect.reason
        return
    found = sequential.look(
        [as_engine(one) for one in before if one.bound is not None],
        effect,
        planned_information=experiment.planned_information or math.nan,
        is_last=look.is_final,
    )
    look.estimate, look.se = effect.value, effect.standard_error
    if isinstance(found, Unavailable):
        look.unavailable = found.reason
        return
    look.information, look.fraction, look.bound = found.information, found.time, found.bound
    look.low, look.high = found.low, found.high
    look.crossed = CROSSED.get(found.decision, Look.Crossed.NO)


def as_engine(look: Look) -> sequential.Look:
    """A stored look as the statistics take it."""
    assert look.estimate is not None
    assert look.se is not None
    assert look.bound is not None
    decision = {"up": sequential.Decision.UPWARD, "down": sequential.Decision.DOWNWARD}.get(look.crossed)
    is_over = (look.fraction or 0.0) >= 1
    return sequential.Look(
        estimate=look.estimate,
        standard_error=look.se,
        information=look.information or 0.0,
        time=look.fraction or 0.0,
        z=look.estimate / look.se if look.se else 0.0,
        bound=look.bound,
        low=look.low or 0.0,
        high=look.high or 0.0,
        decision=decision or (sequential.Decision.NO_DIFFERENCE if is_over else sequential.Decision.NONE),
    )


def _always_valid(look: Look, experiment: Experiment, found: Seen, effect: Effect | Unavailable) -> None:
    """A permanent hold-out has no planned end: its interval holds at every moment at once."""
    if isinstance(effect, Unavailable):
        look.unavailable = effect.reason
        return
    if experiment.planned_units is None:
        look.unavailable = "how many units are planned was not fixed at the start"
        return
    interval = two_sided(
        effect.value,
        effect.standard_error,
        sum(part.units for part in found.arms.values()),
        narrowest_at=tightest_at(experiment.planned_units),  # never of the units so far: it would move
        error=2 * sequential.SIDE,
    )
    look.estimate, look.se, look.information = effect.value, effect.standard_error, effect.information
    look.low, look.high = interval.low, interval.high
    if interval.low > 0 or interval.high < 0:
        look.crossed = Look.Crossed.UP if interval.low > 0 else Look.Crossed.DOWN


# --- everything beside the effect -------------------------------------------------------------------------------------


def summary(
    experiment: Experiment, found: Seen, effect: Effect | Unavailable, *, is_final: bool
) -> dict[str, Any]:
    """What the results page shows besides, as plain data."""
    horizon = experiment.counts_after_days
    ratio = over_stages(_splits(experiment, found))
    watched = watch_all(bad_events(experiment, found), planned_units=experiment.planned_units or 1)
    return {
        "arms": {str(arm): _arm(experiment, part) for arm, part in found.arms.items()},
        "matured": sum(part.of_wins().matured(horizon) for part in found.arms.values()),
        "count": sum(len(part) for part in found.arms.values()),
        "apart": dict(found.apart),
        "ratio": plain(ratio),
        "stages": _stage_lines(experiment, found),
        "guardrails": {str(name): plain(one) for name, one in watched.items()},
        "reps_over": found.reps_over,
        "curves": {str(arm): _curve(experiment, part) for arm, part in found.arms.items()},
        "shift": plain(shift(*received(experiment, found))),
        "touch": _touch(experiment, found),
        "secondaries": _secondaries(experiment, found) if is_final else [],
    }


def plain(found: Any) -> dict[str, Any]:
    """A finding of the statistics as JSON; what could not be said with its reason."""
    if isinstance(found, Unavailable):
        return {"unavailable": found.reason}
    return {name: _finite(value) for name, value in dataclasses.asdict(found).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _splits(experiment: Experiment, found: Seen) -> list[Split]:
    """Of a switchback, whose periods are the units, nothing is expected of single leads."""
    if experiment.design == Experiment.Design.SWITCHBACK:
        return []
    shares = _split_of_stages(experiment)
    return [
        Split((arms[Arm.TREATMENT].units, arms[Arm.CONTROL].units), (shares[stage], 1 - shares[stage]))
        for stage in found.stages()
        if stage in shares
        for arms in (found.of_stage(stage),)
    ]


def _arm(experiment: Experiment, part: Part) -> dict[str, Any]:
    followed = part.of_wins()
    return {
        "count": len(part),
        "units": part.units,
        "old": _old(experiment, part),
        "won": int(part.won.sum()),
        "lost": int((part.outcome == 2).sum()),
        "rate": plain(won_within(followed, experiment.horizon_days)),
        "median_days_to_win": velocity.median_days_to_win(followed),
    }


def _old(experiment: Experiment, part: Part) -> int:
    """Units of which every lead says all that the primary metric asks."""
    return part.where(part.age >= experiment.counts_after_days).units


def _stage_lines(experiment: Experiment, found: Seen) -> list[dict[str, Any]]:
    """Each stage by itself, also those that do not count in the estimate."""
    primary, splits = primary_of(experiment), _split_of_stages(experiment)
    effects = {
        stage: analysis.stage_effect(primary, _stage(experiment, found, stage, splits))
        for stage in found.stages()
    }
    return [
        {
            "stage": stage,
            "treatment": one.treatment_units,
            "control": one.control_units,
            **{f"old_{arm}": _old(experiment, part) for arm, part in found.of_stage(stage).items()},
            "effect": plain(one.effect),
        }
        for stage, one in effects.items()
    ]


def _curve(experiment: Experiment, part: Part) -> dict[str, Any]:
    is_touch = experiment.metric == Experiment.Metric.FIRST_TOUCH
    found = curve(part.of_touches() if is_touch else part.of_wins())
    if isinstance(found, Unavailable):
        return plain(found)
    most = len(found.days)
    at = np.unique(np.linspace(0, most - 1, min(most, CURVE_POINTS)).astype(int))
    return {
        name: [_finite(float(x)) for x in getattr(found, name)[at]]
        for name in ("days", "share", "low", "high")
    }


def _touch(experiment: Experiment, found: Seen) -> dict[str, Any]:
    treated, control = (found.arms[arm].of_touches() for arm in (Arm.TREATMENT, Arm.CONTROL))
    return {
        "rank": plain(first_touch.rank_test(treated, control)),
        "treatment": plain(first_touch.quantile(treated)),
        "control": plain(first_touch.quantile(control)),
        "never": {
            "treatment": plain(first_touch.untouched(treated)),
            "control": plain(first_touch.untouched(control)),
        },
    }


def _secondaries(experiment: Experiment, found: Seen) -> list[dict[str, Any]]:
    """Read once, at the end, of those older than the horizon."""
    old = {arm: part.where(part.age >= experiment.horizon_days) for arm, part in found.arms.items()}
    treated, control = old[Arm.TREATMENT], old[Arm.CONTROL]
    told: list[secondary.Secondary] = []
    said: list[dict[str, Any]] = []
    for name in experiment.secondaries:
        values = [
            secondary.revenue(part.won, part.value, part.cluster)
            if name == "deal_size"
            else secondary.Values(part.score, part.cluster)
            for part in (treated, control)
        ]
        one = secondary.compare(name, values[0], values[1], seed=experiment.pk)
        if isinstance(one, Unavailable):
            missing = {
                "treatment_missing": values[0].share_missing,
                "control_missing": values[1].share_missing,
            }
            said.append({"name": name, **plain(one), **missing})
        else:
            told.append(one)
    return [*(plain(one) for one in secondary.adjusted(told)), *said]


def ratio_of(look: Look) -> SampleRatio | Unavailable:
    """The sample ratio that a look found."""
    found = look.found.get("ratio", {})
    if "p" not in found:
        return Unavailable(found.get("unavailable", "nothing was counted"))

    return SampleRatio(found["statistic"], found["p"], Balance(found["balance"]))


def breached(look: Look) -> list[str]:
    """The guardrails that it found breached."""
    return breaches_in(look.found.get("guardrails", {}))


def breaches_in(watched: Mapping[str, Any]) -> list[str]:
    """The same of what a look stored of its guardrails."""
    return [name for name, one in watched.items() if one.get("is_breached")]
