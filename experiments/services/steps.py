"""A step of the split that a person takes: freely where the gate is passed, with a reason before it is."""

import datetime

from django.db import transaction

from experiments.engine.ramp import Gate
from experiments.models import Experiment, Look
from experiments.services.editing import ExperimentRefused
from experiments.services.nightly import judged
from experiments.services.running import change_split
from reps.models import User


@transaction.atomic
def step_up(
    *, experiment_id: int, split: float, by: User, at: datetime.datetime, reason: str = ""
) -> Experiment:
    """Raises ExperimentRefused, also where the gate is not passed and no reason is given."""
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    if experiment.is_hold_out:
        raise ExperimentRefused("A permanent hold-out has one split for ever.")
    if not reason.strip() and not _gate_allows(experiment, split, at):
        raise ExperimentRefused(
            "The gate of this step is not passed: say why it is taken all the same.", "reason"
        )
    return change_split(experiment_id=experiment_id, split=split, by=by, at=at, reason=reason)


def _gate_allows(experiment: Experiment, split: float, at: datetime.datetime) -> bool:
    newest = Look.objects.filter(experiment=experiment).order_by("looked_at", "pk").last()
    found = judged(experiment, newest, at) if newest else None
    return isinstance(found, Gate) and found.may and split * 100 <= found.next_pct
