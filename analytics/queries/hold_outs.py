"""Permanent hold-outs, whose always-valid lift stands on the analytics page."""

import datetime

from experiments.models import Experiment
from routing.queries.experiment_pages import ExperimentPage, experiment_page


def hold_out_pages(at: datetime.datetime) -> list[ExperimentPage]:
    """Those that run."""
    running = Experiment.objects.filter(is_hold_out=True, state=Experiment.State.RUNNING)
    return [experiment_page(one, at) for one in running.order_by("pk")]
