"""Experiments before their start: made, changed, thrown away."""

import datetime
import secrets
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from experiments.models import Experiment, ExperimentChange
from reps.models import User

EDITABLE = (
    "name", "hypothesis", "design", "control", "treatment", "condition", "layer_from", "layer_to", "split", "metric",
    "secondaries", "guardrails", "ramp", "is_hold_out", "duration_weeks", "horizon_days", "touch_minutes",
)  # fmt: skip


class ExperimentRefused(Exception):
    """It cannot be; `field` is the form's, where one is to blame."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def note(
    experiment: Experiment, what: str, *, by: User | None, at: datetime.datetime, reason: str = ""
) -> None:
    """One line of the experiment's history."""
    ExperimentChange.objects.create(
        experiment=experiment, changed_at=at, changed_by=by, what=what, reason=reason
    )


@transaction.atomic
def create_experiment(*, values: Mapping[str, Any], by: User | None, at: datetime.datetime) -> Experiment:
    """A draft. Raises ExperimentRefused."""
    experiment = Experiment(created_by=by, created_at=at, salt=secrets.token_hex(8))
    _fill(experiment, values)
    note(experiment, "Created", by=by, at=at)
    return experiment


@transaction.atomic
def change_experiment(
    *, experiment_id: int, values: Mapping[str, Any], by: User | None, at: datetime.datetime
) -> Experiment:
    """Changes a draft. Raises ExperimentRefused."""
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    if experiment.state != Experiment.State.DRAFT:
        raise ExperimentRefused("It has started: what it compares can't be changed any more.")
    _fill(experiment, values)
    note(experiment, "Changed", by=by, at=at)
    return experiment


@transaction.atomic
def delete_experiment(*, experiment_id: int) -> None:
    """Throws a draft away. Raises ExperimentRefused."""
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    if experiment.state != Experiment.State.DRAFT:
        raise ExperimentRefused("It has started: its record stays.")
    experiment.delete()


def _fill(experiment: Experiment, values: Mapping[str, Any]) -> None:
    for name in EDITABLE:
        if name in values:
            setattr(experiment, name, values[name])
    _check(experiment)
    try:
        with transaction.atomic():
            experiment.save()
    except IntegrityError as error:
        raise ExperimentRefused("Another experiment has this name already.", "name") from error


def _check(experiment: Experiment) -> None:
    if experiment.control == experiment.treatment:
        raise ExperimentRefused("Control and treatment are the same strategy.", "treatment")
    if not 0 < experiment.split < 1:
        raise ExperimentRefused("The split leaves one arm empty.", "split")
    if not 0 <= experiment.layer_from < experiment.layer_to <= 1:
        raise ExperimentRefused("The experiment has no part of the opportunities.", "layer_to")
    if experiment.ramp and experiment.is_hold_out:
        raise ExperimentRefused("A permanent hold-out has one split for ever.", "ramp")
