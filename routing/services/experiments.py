"""Promoting an experiment's treatment, and the night's looks: where an experiment's end changes what is published."""

import datetime

from django.db import transaction

from experiments.engine.sequential import Decision as Standing
from experiments.models import Experiment
from experiments.services import nightly
from experiments.services.editing import ExperimentRefused
from experiments.services.nightly import standing_of
from experiments.services.running import end_experiment
from reps.models import User
from routing.models import ConfigurationVersion
from routing.services.configuration import publish_change_of_live
from routing.services.restore import restore_version


@transaction.atomic
def promote(*, experiment_id: int, by: User | None, at: datetime.datetime, reason: str = "") -> Experiment:
    """Everybody of the population gets the treatment. Where it is another version, that goes live, and into the draft.

    Raises ExperimentRefused, also where the result does not ask for it and no reason is given."""
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    if by is not None and not reason.strip() and standing_of(experiment) is not Standing.UPWARD:
        raise ExperimentRefused(
            "The result does not show that treatment is better: say why it is promoted.", "reason"
        )
    ended = end_experiment(
        experiment_id=experiment_id, outcome=Experiment.Outcome.PROMOTED, by=by, at=at, reason=reason
    )
    version_id = ended.treatment.get("version")
    if version_id is not None:
        _go_live(ConfigurationVersion.objects.get(pk=version_id), ended, by, at)
    return ended


def _go_live(
    version: ConfigurationVersion, experiment: Experiment, by: User | None, at: datetime.datetime
) -> None:
    note = f"Experiment “{experiment.name}” promoted version {version.number}"
    restore_version(version=version)
    publish_change_of_live(change=lambda _: version.content, by=by, at=at, note=note)


def look_at_experiments(*, at: datetime.datetime, day: datetime.date) -> int:
    """The night's looks; what passes every gate by itself is promoted by nobody in person."""
    return nightly.look_at_all(
        at=at, day=day, promote=lambda experiment_id: promote(experiment_id=experiment_id, by=None, at=at)
    )
