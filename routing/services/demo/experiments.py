"""The demo's experiments: one that the morning's leads were routed in, and the draft of a permanent hold-out."""

import contextlib
import datetime

from experiments.models import Experiment
from experiments.queries.past import past_of
from experiments.services.editing import ExperimentRefused, create_experiment
from experiments.services.looks import look_at
from experiments.services.running import start_experiment
from reps.engine.unavailable import Unavailable
from reps.models import User

GUARDRAILS = ["first_touch_missed", "never_touched", "unassigned", "overload"]
PART = 0.3  # of the leads; the others go by what is published
HORIZON = 60  # days, where the past does not say


def start_demo_experiment(*, by: User, at: datetime.datetime) -> Experiment | None:
    """Predictive routing against turns, compared by who is touched in time. None where a small demo has too little past
    to plan it; then it stays a draft."""
    past = past_of({}, horizon_days=HORIZON, touch_minutes=240, at=at)
    horizon = HORIZON if isinstance(past.horizon, Unavailable) else int(past.horizon)
    draft_hold_out(horizon, by=by, at=at)
    experiment = create_experiment(
        values={
            "name": "Is predictive routing as quick as turns?",
            "hypothesis": "Reps answer what fits them sooner, although the queue is no longer even.",
            "control": {"kind": Experiment.Strategy.WEIGHTED},
            "treatment": {"kind": Experiment.Strategy.PREDICTIVE},
            "design": Experiment.Design.REP_PARTITION,
            "metric": Experiment.Metric.FIRST_TOUCH,
            "secondaries": ["deal_size", "satisfaction"],
            "guardrails": GUARDRAILS,
            "horizon_days": horizon,
            "duration_weeks": 8,
            "layer_to": PART,
        },
        by=by,
        at=at,
    )
    with contextlib.suppress(ExperimentRefused):
        return start_experiment(experiment_id=experiment.pk, by=by, at=at)
    return None


def draft_hold_out(horizon: int, *, by: User, at: datetime.datetime) -> Experiment:
    """Not started: somebody has to decide that a part is kept for ever."""
    return create_experiment(
        values={
            "name": "What predictive routing brings for good",
            "hypothesis": "A twentieth of the leads stays on turns, so that the lift can be read at any time.",
            "control": {"kind": Experiment.Strategy.ROUND_ROBIN},
            "treatment": {"kind": Experiment.Strategy.PREDICTIVE},
            "guardrails": GUARDRAILS,
            "is_hold_out": True,
            "horizon_days": horizon,
            "layer_from": PART,
            "layer_to": PART + 0.1,
        },
        by=by,
        at=at,
    )


def look_once(experiment: Experiment, *, at: datetime.datetime) -> None:
    """As the night would have."""
    look_at(experiment_id=experiment.pk, at=at, day=at.date())
