"""The arm of an experiment that an opportunity is decided in: which strategy chooses, and what room the arm has.

A strategy replaces the last step of the ladder, or what the steps before it are made from. It never leaves the hard
bounds: lock, named account, territory, eligibility and every limit hold in each arm alike.

    round-robin, weighted round-robin   the next in turn among those eligible, all alike or by the reps' weights
    territory only                      the next in turn in the territory; rules are passed over
    rules-based                         what the rules leave, ranked by declared skills alone (another model)
    predictive, with exploration        the best match, or now and then one that comes close
    another configuration version       that version's rules, territories, policies and settings

In a slot split each arm sees a rep who has its share of the slots and of the load from before (`roster.ArmRoom`), so
that a band is that of the arm; the rep's own limits hold besides.
"""

from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """How the rep is chosen among those eligible."""

    PREDICT = "predict"
    EXPLORE = "explore"
    AS_CONFIGURED = "as_configured"
    TURNS = "turns"
    WEIGHTED_TURNS = "weighted_turns"
    TERRITORY_TURNS = "territory_turns"


BY_TURN = (Choice.TURNS, Choice.WEIGHTED_TURNS, Choice.TERRITORY_TURNS)
EXPLORED_SHARE, EXPLORED_WITHIN = 0.1, 5.0


@dataclass(frozen=True)
class InArm:
    """Experiment, arm (control or treatment) and how the rep is chosen. `unit`: what is allocated, in which `stage` it
    came; not `is_counted` in the days of a switchback when the last period still shows; `period` the switchback's.
    `is_after`: the experiment is over, and the strategy stays."""

    experiment_id: int
    name: str
    arm: str
    choice: Choice
    unit: str = ""
    stage: int = 0
    is_counted: bool = True
    is_after: bool = False
    period: int | None = None
