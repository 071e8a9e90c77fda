"""Before the launch of an experiment: what it could show and when, which part of the opportunities is free, and which
versions it may compare."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from experiments.engine.sizing import (
    Plan,
    Setting,
    detectable_mean,
    plan,
    treatment_units_needed,
    weeks_needed,
)
from experiments.models import Experiment
from experiments.queries.past import Past, past_of
from experiments.services.running import setting_of
from reps.engine.unavailable import Unavailable
from routing.models import ConfigurationVersion
from routing.queries.experiment_words import DESIGN_WORDS

HORIZON = 60  # days, where too little was won to say
OFFERED = 60  # versions
METRIC_WORDS = {
    Experiment.Metric.WIN_RATE: "won",
    Experiment.Metric.FIRST_TOUCH: "touched in time",
    Experiment.Metric.VELOCITY: "won",
}


@dataclass(frozen=True)
class Wanted:
    """What the difference that somebody wants to find would take."""

    points: float
    treatment_units: int
    weeks: float


@dataclass(frozen=True)
class Calculated:
    """What the calculator shows. `detectable` in words; `earliest`: the first day of an honest answer."""

    base: str
    per_week: float
    plan: Plan
    detectable: str
    earliest: datetime.date | None
    wanted: Wanted | None
    proposed_horizon: str
    bias: str
    warnings: Sequence[str]


def calculated(
    experiment: Experiment, *, wanted: float | None, at: datetime.datetime
) -> Calculated | Unavailable:
    """Of an experiment that need not be stored, from the past of its population; four queries."""
    past = past_of(
        experiment.condition or {},
        horizon_days=experiment.horizon_days,
        touch_minutes=experiment.touch_minutes,
        at=at,
    )
    setting = setting_of(experiment, past)
    if setting is None:
        return Unavailable(
            "nothing of this population was routed in the last year and is old enough, so its past says nothing"
        )
    found = plan(setting)
    return Calculated(
        base=f"{100 * setting.base_rate:.0f} % {METRIC_WORDS[Experiment.Metric(experiment.metric)]}",
        per_week=setting.units_per_week,
        plan=found,
        detectable=_detectable(experiment, past, setting, found),
        earliest=None if experiment.is_hold_out else _day_after(at, found.earliest_days),
        wanted=_wanted(experiment, setting, wanted),
        proposed_horizon=_proposed(experiment, past),
        bias=DESIGN_WORDS[experiment.design].bias,
        warnings=[*found.warnings, *_of_design(experiment)],
    )


def proposed_horizon(at: datetime.datetime) -> int:
    """Within how many days nine of ten past wins came."""
    past = past_of({}, horizon_days=HORIZON, touch_minutes=240, at=at)
    return HORIZON if isinstance(past.horizon, Unavailable) else max(int(past.horizon), 1)


def _day_after(at: datetime.datetime, days: float) -> datetime.date:
    return timezone.localdate(at + datetime.timedelta(days=days))


def _detectable(experiment: Experiment, past: Past, setting: Setting, found: Plan) -> str:
    if experiment.metric == Experiment.Metric.VELOCITY and past.variance:
        units = found.treatment_units, found.control_units
        days = detectable_mean(past.variance, *units, setting.accounts.factor)
        return "none" if days is None else f"{days:.1f} days gained per lead"
    return "none" if found.detectable is None else f"{100 * found.detectable:.1f} points"


def _wanted(experiment: Experiment, setting: Setting, wanted: float | None) -> Wanted | None:
    """None where nothing is wanted, more than the base leaves, or of days, which are no share."""
    is_share = experiment.metric != Experiment.Metric.VELOCITY
    if not is_share or wanted is None or wanted >= 1 - setting.base_rate:
        return None
    treated = treatment_units_needed(setting.base_rate, wanted, setting.split, setting.accounts.factor)
    return Wanted(100 * wanted, int(treated + 1), weeks_needed(setting, wanted))


def _proposed(experiment: Experiment, past: Past) -> str:
    if isinstance(past.horizon, Unavailable):
        return f"How long a win takes cannot be told yet: {past.horizon.reason}."
    days = round(past.horizon)
    if days > experiment.horizon_days:
        return f"Nine of ten past wins came within {days} days: {experiment.horizon_days} miss some."
    return f"Nine of ten past wins came within {days} days."


def _of_design(experiment: Experiment) -> list[str]:
    treated = 0.5 if experiment.ramp else experiment.split
    if experiment.design == Experiment.Design.SLOT_SPLIT and not 0.4 <= treated <= 0.6:
        return [
            "At this split a slot split says which is better, but no size: the smaller arm gets a thin slice of every "
            "good rep."
        ]
    if experiment.design == Experiment.Design.LEAD_SPLIT:
        return ["A lead split is biased upward: it finds winners where there are none."]
    return []


# --- parts of the opportunities ---------------------------------------------------------------------------------------


def taken_parts() -> list[Experiment]:
    """Those that run and have a part, in its order; one query."""
    running = Experiment.objects.filter(state=Experiment.State.RUNNING)
    return list(running.only("name", "layer_from", "layer_to").order_by("layer_from", "pk"))


def free_part() -> tuple[float, float]:
    """The first free part; all of it where nothing is free, which the form then refuses at the start."""
    reached = 0.0
    for one in taken_parts():
        if one.layer_from > reached:
            return reached, one.layer_from
        reached = max(reached, one.layer_to)
    return (reached, 1.0) if reached < 1 else (0.0, 1.0)


def versions_for_experiments() -> list[tuple[str, str]]:
    """Candidates first, then the newest that were live."""
    found = ConfigurationVersion.objects.defer("content").order_by("-is_candidate", "-number")[:OFFERED]
    return [(str(one.pk), _version_words(one)) for one in found]


def _version_words(version: ConfigurationVersion) -> str:
    kind = ", kept for an experiment" if version.is_candidate else ""
    note = f": {version.note[:60]}" if version.note else ""
    return f"Version {version.number}{kind}{note}"


def new_draft(at: datetime.datetime) -> Experiment:
    """Not stored; it begins with the horizon that the past proposes."""
    return Experiment(horizon_days=proposed_horizon(at))
