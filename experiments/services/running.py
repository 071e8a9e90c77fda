"""Starting an experiment, changing its split, ending it, promoting its treatment. Every change is noted, with who made
it and why; routing hears of it with the end of the transaction.

Two that could have the same opportunity never run at once: each has its part of the layer, and one whose part overlaps
another's is refused.
"""

import datetime

import numpy as np
from django.db import transaction

from experiments.engine import allocation
from experiments.engine.incidence import LEAST_CLUSTERS
from experiments.engine.sizing import Setting, plan
from experiments.models import ArmRep, Experiment, Stage
from experiments.queries.past import Past, base_rate, past_of
from experiments.queries.reps import skills_of_reps
from experiments.services.editing import ExperimentRefused, note
from experiments.services.stamping import stamp
from reps.models import User

LIVE = (Experiment.State.RUNNING, Experiment.State.MATURING)
FIRST_OF_RAMP = 0.1
LEAST_REPS = 2 * LEAST_CLUSTERS  # of a partition, whose reps are its independent groups; 20 are recommended


@transaction.atomic
def start_experiment(*, experiment_id: int, by: User | None, at: datetime.datetime) -> Experiment:
    """Allocates from now on. Raises ExperimentRefused."""
    experiment = _locked(experiment_id)
    if experiment.state != Experiment.State.DRAFT:
        raise ExperimentRefused("It has started already.")
    _refuse_overlap(experiment)
    if experiment.ramp:
        experiment.split = FIRST_OF_RAMP
    if experiment.design == Experiment.Design.REP_PARTITION:
        _draw_partition(experiment, at)
    _fix_plan(experiment, at)
    experiment.state, experiment.starts_at = Experiment.State.RUNNING, at
    if not experiment.is_hold_out:
        experiment.ends_at = at + datetime.timedelta(weeks=experiment.duration_weeks)
    experiment.stage = 1
    experiment.save()
    Stage.objects.create(experiment=experiment, number=1, split=experiment.split, starts_at=at)
    note(experiment, f"Started with {experiment.split:.0%} in treatment", by=by, at=at)
    stamp()
    return experiment


def _refuse_overlap(experiment: Experiment) -> None:
    others = Experiment.objects.select_for_update().filter(state=Experiment.State.RUNNING)
    for other in others.filter(layer_from__lt=experiment.layer_to, layer_to__gt=experiment.layer_from):
        raise ExperimentRefused(
            f"“{other.name}” has {other.layer_from:.0%} to {other.layer_to:.0%} of the opportunities, which this one "
            "wants too. Give them parts that do not overlap, or end that one first.",
            "layer_to",
        )


def _draw_partition(experiment: Experiment, at: datetime.datetime) -> None:
    """Pairs of reps of similar past skill and capacity, one of each for each arm."""
    reps = skills_of_reps(at)
    if len(reps) < LEAST_REPS:
        raise ExperimentRefused(f"A rep partition needs {LEAST_REPS} reps at least.", "design")
    drawn = allocation.partition(
        np.array([one.rep_id for one in reps], dtype=np.int64),
        np.array([one.skill for one in reps]),
        np.array([one.max_open for one in reps], dtype=np.int64),
        salt=experiment.salt,
        experiment=experiment.pk,
    )
    members = [
        ArmRep(experiment=experiment, rep_id=rep_id, arm=arm, pair=number)
        for number, (treated, control) in enumerate(drawn.pairs, start=1)
        for rep_id, arm in ((treated, "treatment"), (control, "control"))
    ]
    if drawn.odd is not None:
        members.append(ArmRep(experiment=experiment, rep_id=drawn.odd, arm=str(drawn.odd_to), pair=0))
    ArmRep.objects.bulk_create(members)


def _fix_plan(experiment: Experiment, at: datetime.datetime) -> None:
    """How many units are planned, and which information they bring: what the looks count as 1."""
    past = past_of(
        experiment.condition,
        horizon_days=experiment.horizon_days,
        touch_minutes=experiment.touch_minutes,
        at=at,
    )
    setting = setting_of(experiment, past)
    if setting is None:
        raise ExperimentRefused(
            "Nothing of this population was routed in the last year, so no experiment of it can be planned.",
            "condition",
        )
    experiment.base_rate = setting.base_rate
    planned = plan(setting)
    experiment.planned_units = planned.treatment_units + planned.control_units
    experiment.planned_information = planned.planned_information
    if experiment.metric == Experiment.Metric.VELOCITY and past.variance:
        share = setting.base_rate * (1 - setting.base_rate)
        experiment.planned_information = planned.planned_information * share / past.variance


def setting_of(experiment: Experiment, past: Past) -> Setting | None:
    """What the calculator starts from; a ramp as from its halves. None where the past says nothing."""
    rate, size = base_rate(experiment, past), experiment.layer_to - experiment.layer_from
    if rate is None or not past.per_week > 0:
        return None
    return Setting(
        base_rate=min(max(rate, 0.005), 0.995),
        horizon_days=float(experiment.horizon_days),
        units_per_week=past.per_week * size,
        weeks=float(experiment.duration_weeks),
        split=0.5 if experiment.ramp else experiment.split,
        accounts=past.accounts,
        design=allocation.Design(experiment.design),
    )


@transaction.atomic
def change_split(
    *, experiment_id: int, split: float, by: User | None, at: datetime.datetime, reason: str = ""
) -> Experiment:
    """A new stage; units that have their arm keep it. Raises ExperimentRefused."""
    experiment = _locked(experiment_id)
    if not experiment.is_running:
        raise ExperimentRefused("It does not run.")
    if not 0 < split < 1:
        raise ExperimentRefused("The split leaves one arm empty; end the experiment instead.", "split")
    if split < experiment.split:
        raise ExperimentRefused("A split only rises: roll back to give everything to control.", "split")
    Stage.objects.filter(experiment=experiment, ends_at=None).update(ends_at=at)
    before, experiment.split, experiment.stage = experiment.split, split, experiment.stage + 1
    experiment.save(update_fields=["split", "stage"])
    Stage.objects.create(experiment=experiment, number=experiment.stage, split=split, starts_at=at)
    note(experiment, f"Treatment from {before:.0%} to {split:.0%}", by=by, at=at, reason=reason)
    stamp()
    return experiment


@transaction.atomic
def end_experiment(
    *, experiment_id: int, outcome: str, by: User | None, at: datetime.datetime, reason: str = ""
) -> Experiment:
    """Nobody is allocated any more. Promoted, the treatment's strategy stays for everybody; else the control's. Raises
    ExperimentRefused, also where a person gives no reason for an end that the result does not ask for."""
    experiment = _locked(experiment_id)
    if experiment.state not in LIVE:
        raise ExperimentRefused("It has not started, or is over.")
    if by is not None and not reason.strip() and outcome == Experiment.Outcome.STOPPED:
        raise ExperimentRefused("Say why it is stopped before its end.", "reason")
    Stage.objects.filter(experiment=experiment, ends_at=None).update(ends_at=at)
    arm = "treatment" if outcome == Experiment.Outcome.PROMOTED else "control"
    experiment.state, experiment.outcome, experiment.ended_at = Experiment.State.ENDED, outcome, at
    experiment.serves = arm if _has_to_stay(experiment, arm) else ""
    experiment.save(update_fields=["state", "outcome", "ended_at", "serves"])
    note(experiment, Experiment.Outcome(outcome).label, by=by, at=at, reason=reason)
    stamp()
    return experiment


def _has_to_stay(experiment: Experiment, arm: str) -> bool:
    """Predictive routing is what the published configuration does by itself; another version is published instead."""
    kind = getattr(experiment, arm)["kind"]
    return kind not in (Experiment.Strategy.PREDICTIVE, Experiment.Strategy.VERSION)


@transaction.atomic
def let_go(*, experiment_id: int, by: User, at: datetime.datetime, reason: str = "") -> Experiment:
    """The strategy that stayed after the end stays no more. Raises ExperimentRefused."""
    experiment = _locked(experiment_id)
    if not experiment.serves:
        raise ExperimentRefused("Nothing of it stayed.")
    experiment.serves = ""
    experiment.save(update_fields=["serves"])
    note(experiment, "Its population goes by the published configuration again", by=by, at=at, reason=reason)
    stamp()
    return experiment


@transaction.atomic
def close_accrual(*, experiment_id: int, at: datetime.datetime) -> bool:
    """Where its time is up: nobody is allocated any more, and the outcomes are waited for."""
    experiment = _locked(experiment_id)
    if not experiment.is_running or experiment.ends_at is None or experiment.ends_at > at:
        return False
    Stage.objects.filter(experiment=experiment, ends_at=None).update(ends_at=experiment.ends_at)
    experiment.state = Experiment.State.MATURING
    experiment.serves = "control" if _has_to_stay(experiment, "control") else ""
    experiment.save(update_fields=["state", "serves"])
    note(experiment, "Its time is up; outcomes are waited for", by=None, at=at)
    stamp()
    return True


def _locked(experiment_id: int) -> Experiment:
    return Experiment.objects.select_for_update().get(pk=experiment_id)
