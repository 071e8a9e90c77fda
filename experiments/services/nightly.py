"""Every night: who is done with allocating, a look at each experiment, and what follows from it.

Guardrails roll back by themselves, whatever the ramp; steps up are taken by themselves only where that was chosen.
"""

import datetime
import logging
from collections.abc import Callable

from experiments.engine import ramp, sequential
from experiments.engine.allocation import Design
from experiments.engine.guardrails import Guardrail
from experiments.models import Experiment, Look
from experiments.services.looks import as_engine, breached, breaches_in, look_at, ratio_of
from experiments.services.running import change_split, close_accrual, end_experiment
from reps.engine.unavailable import Unavailable

log = logging.getLogger(__name__)
DAY = 86_400.0


Promote = Callable[[int], object]


def look_at_all(*, at: datetime.datetime, day: datetime.date, promote: Promote) -> int:
    """Returns how many were looked at. One that fails is logged, and looked at the next night. `promote` gives
    everybody the treatment of an experiment (its id)."""
    done = 0
    for experiment in Experiment.objects.filter(state__in=("running", "maturing")).order_by("pk"):
        try:
            close_accrual(experiment_id=experiment.pk, at=at)
            look = look_at(experiment_id=experiment.pk, at=at, day=day)
            follow(experiment_id=experiment.pk, look=look, at=at, promote=promote)
            done += 1
        except Exception:
            log.exception("experiment %s could not be looked at", experiment.pk)
    return done


def follow(*, experiment_id: int, look: Look, at: datetime.datetime, promote: Promote) -> None:
    """What a look asks for: back, the next step, or the end."""
    experiment = Experiment.objects.get(pk=experiment_id)
    found = judged(experiment, look, at)
    if isinstance(found, ramp.RollBack):
        _end(experiment, Experiment.Outcome.ROLLED_BACK, at, found.reason)
    elif experiment.is_hold_out:
        return  # it has no steps and no end
    elif isinstance(found, ramp.ControlStays):
        _end(experiment, Experiment.Outcome.NO_DIFFERENCE, at, found.reason)
    elif found.may and experiment.ramp == Experiment.Ramp.AUTOMATIC:
        _take_step(experiment, found, at, promote)
    elif look.is_final and not look.crossed and standing_of(experiment) is not sequential.Decision.UPWARD:
        _end(experiment, Experiment.Outcome.NO_DIFFERENCE, at, look.unavailable or "its time is up")


def _take_step(experiment: Experiment, gate: ramp.Gate, at: datetime.datetime, promote: Promote) -> None:
    if gate.next_pct >= ramp.ALL:
        promote(experiment.pk)
    elif experiment.is_running:
        change_split(
            experiment_id=experiment.pk,
            split=gate.next_pct / 100,
            by=None,
            at=at,
            reason="the gate was passed",
        )


def _end(experiment: Experiment, outcome: str, at: datetime.datetime, reason: str) -> None:
    end_experiment(experiment_id=experiment.pk, outcome=outcome, by=None, at=at, reason=reason)


def standing_of(experiment: Experiment) -> sequential.Decision:
    """Of all stored looks together."""
    told = Look.objects.filter(experiment=experiment).exclude(bound=None)
    looks = told.defer("found").order_by("looked_at")
    return sequential.standing([as_engine(look) for look in looks])


def judged(
    experiment: Experiment, look: Look, at: datetime.datetime
) -> ramp.Gate | ramp.RollBack | ramp.ControlStays:
    """What follows from where the experiment stands, without doing it."""
    return ramp.judge(progress(experiment, look, at))


def progress(experiment: Experiment, look: Look, at: datetime.datetime) -> ramp.Progress:
    stage = experiment.stages.order_by("-number").first()
    begun = stage.starts_at if stage else experiment.starts_at or at
    ratio, arms = ratio_of(look), look.found["arms"]
    now = next((line for line in look.found["stages"] if line["stage"] == experiment.stage), None)
    return ramp.Progress(
        stage_pct=round(100 * experiment.split),
        is_ramp=bool(experiment.ramp),
        days=(at - begun).total_seconds() / DAY,
        clean_days=_clean_days(experiment, begun, at),
        treated=now["treatment"] if now and experiment.ramp else arms["treatment"]["units"],
        old_treated=now["old_treatment"] if now and experiment.ramp else arms["treatment"]["old"],
        old_control=now["old_control"] if now and experiment.ramp else arms["control"]["old"],
        horizon_days=experiment.counts_after_days,
        standing=standing_of(experiment),
        balance=None if isinstance(ratio, Unavailable) else ratio.balance,
        breaches=[Guardrail(name) for name in breached(look)],
        reps_over=look.found["reps_over"],
        design=Design(experiment.design),
    )


def _clean_days(experiment: Experiment, begun: datetime.datetime, at: datetime.datetime) -> float:
    """Since the stage began, or since the newest look with a breach."""
    looks = Look.objects.filter(experiment=experiment, looked_at__gte=begun)
    rows = looks.values_list("looked_at", "found__guardrails")
    bad = [looked_at for looked_at, watched in rows if breaches_in(watched or {})]
    return (at - max([begun, *bad])).total_seconds() / DAY
