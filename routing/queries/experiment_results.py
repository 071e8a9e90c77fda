"""What the newest stored look at an experiment found, as its page tells it. Nothing is estimated here: opening the page
spends nothing and changes nothing."""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone

from experiments.engine import sequential
from experiments.engine.allocation import Design
from experiments.engine.interference import Shift
from experiments.engine.ramp import ControlStays, Gate, RollBack
from experiments.engine.sample_ratio import Balance, SampleRatio
from experiments.engine.verdict import Metric, Result, Status, measures_size, verdict
from experiments.models import Experiment, Look
from experiments.services.looks import as_engine, ratio_of
from experiments.services.nightly import judged
from reps.engine.unavailable import Unavailable

STATUSES = {
    Experiment.Outcome.STOPPED: Status.STOPPED,
    Experiment.Outcome.ROLLED_BACK: Status.ROLLED_BACK,
}
STANDINGS = {"up": sequential.Decision.UPWARD, "down": sequential.Decision.DOWNWARD}
NOT_LOOKED = Unavailable("it is looked at every night, and was not yet")


@dataclass(frozen=True)
class Standing:
    """Where an experiment stands by its stored looks. `newest` has what was found besides; `said` is the last look at
    which something could be said of the effect."""

    newest: Look | None
    said: Look | None
    looks: Sequence[Look]

    @property
    def ratio(self) -> SampleRatio | Unavailable:
        return NOT_LOOKED if self.newest is None else ratio_of(self.newest)

    @property
    def is_blocked(self) -> bool:
        return isinstance(self.ratio, SampleRatio) and self.ratio.balance is Balance.BLOCK

    @property
    def decision(self) -> sequential.Decision:
        if self.said is not None and self.said.bound is None:  # a hold-out's, valid at any time
            return STANDINGS.get(self.said.crossed, sequential.Decision.NONE)
        return sequential.standing([as_engine(one) for one in self.looks if one.bound is not None])

    @property
    def effect(self) -> sequential.Look | Unavailable:
        """As the verdict takes it."""
        if self.said is None:
            return NOT_LOOKED if self.newest is None else Unavailable(self.newest.unavailable.rstrip("."))
        return as_engine(self.said) if self.said.bound is not None else _always_valid(self.said)

    @property
    def found(self) -> Mapping[str, Any]:
        return {} if self.newest is None else self.newest.found


def _always_valid(look: Look) -> sequential.Look:
    estimate, se = look.estimate or 0.0, look.se or 0.0
    return sequential.Look(
        estimate=estimate,
        standard_error=se,
        information=look.information or 0.0,
        time=0.0,
        z=estimate / se if se else 0.0,
        bound=math.inf,
        low=look.low or 0.0,
        high=look.high or 0.0,
        decision=STANDINGS.get(look.crossed, sequential.Decision.NONE),
    )


def looks_without_bulk() -> QuerySet[Look]:
    """In order of time, each with the word on its sample ratio."""
    return (
        Look.objects.defer("found").annotate(balance=KT("found__ratio__balance")).order_by("looked_at", "pk")
    )


def standing_of_looks(looks: Sequence[Look], newest: Look | None) -> Standing:
    """`looks` in order, `newest` the last of them with what it found."""
    told = [look for look in looks if look.low is not None]
    return Standing(newest=newest, said=told[-1] if told else None, looks=looks)


def sentences(experiment: Experiment, standing: Standing) -> tuple[str, ...]:
    """The verdict; before the first look what is waited for."""
    found = standing.found
    return verdict(
        Result(
            status=STATUSES.get(Experiment.Outcome(experiment.outcome), Status.RUNNING),
            metric=Metric(experiment.metric),
            design=Design(experiment.design),
            split=experiment.split,
            look=standing.effect,
            standing=standing.decision,
            ratio=standing.ratio,
            shift=_shift(found.get("shift", {})),
            matured=found.get("matured") or 0,
            units=found.get("count") or 0,
            is_hold_out=experiment.is_hold_out,
        )
    )


def _shift(found: Mapping[str, Any]) -> Shift | Unavailable:
    if "is_flagged" not in found:
        return Unavailable(found.get("unavailable", "nothing was looked at yet"))
    return Shift(**found)


@dataclass(frozen=True)
class NextStep:
    """What follows: a step up to `pct`, whether it may be taken now and what is missing; or why there is none."""

    pct: int | None
    may: bool
    missing: tuple[str, ...]
    otherwise: str = ""


def next_step(experiment: Experiment, standing: Standing, at: datetime.datetime) -> NextStep:
    """Of one that allocates or waits for outcomes; a few queries, always as many."""
    if experiment.is_hold_out:
        return NextStep(None, False, (), "A permanent hold-out has no next step.")
    if standing.newest is None:
        return NextStep(None, False, (), "It is judged after the first night’s look.")
    found = judged(experiment, standing.newest, at)
    if standing.is_blocked:  # the gate would tell what the results must not
        return _hidden_step(found)
    match found:
        case Gate(next_pct=pct, may=may, missing=missing):
            return NextStep(pct, may, missing)
        case RollBack(reason=reason):
            return NextStep(None, False, (), f"It goes back to control tonight: {reason}.")
        case ControlStays(reason=reason):
            return NextStep(None, False, (), f"Control stays: {reason}.")


def _hidden_step(found: Gate | RollBack | ControlStays) -> NextStep:
    if isinstance(found, Gate):
        return NextStep(found.next_pct, False, ("the units did not fall to the arms as asked",))
    return NextStep(None, False, (), "It ends tonight, and control has everything again.")


def earliest_decision(experiment: Experiment) -> datetime.date | None:
    """When the last opportunity is older than the horizon."""
    if experiment.ends_at is None:
        return None
    return timezone.localdate(experiment.ends_at + datetime.timedelta(days=experiment.horizon_days))


def names_a_size(experiment: Experiment, split: float) -> bool:
    return measures_size(Design(experiment.design), split)
