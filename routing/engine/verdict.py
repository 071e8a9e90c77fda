"""What a decision is made from and what comes out of it: inputs, the verdict with its steps, and the codes with which
reps leave.

Plain data of the ladder (`routing.engine.ladder`), which makes it, and of all that keep, explain, replay or count it.
"""

import datetime
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from routing.engine.arms import InArm
from routing.engine.configuration import Configuration, Policy
from routing.engine.facts import OpportunityFacts
from routing.engine.model import MatchModel, Scores
from routing.engine.roster import Floats, Mask, Roster, RosterState
from routing.engine.turns import Turn


class Exit(IntEnum):
    """Why a rep is not in any more. Stored in traces: numbers are never reused."""

    IN = 0
    NOT_THE_OWNER = 1
    OUTSIDE_TERRITORY = 2
    RULE = 3
    LANGUAGE = 4
    AWAY = 5
    OFF_HOURS = 6
    AT_CAPACITY = 7
    OVER_CAPACITY = 8
    WEEKLY_CAP = 9
    PIPELINE_CAP = 10
    NOT_HIGH_MATCH = 11
    LOWER_PRIORITY = 12
    NOT_THE_COVERING_REP = 13
    NOT_CONFIDENT = 14
    NOT_THE_TURN = 15
    NOT_READY = 28  # sixteen codes fit into a stride; this is the place of LOWER_PRIORITY in the next one
    NOT_AGAIN = 20  # and this that of LANGUAGE
    NOT_IN_PLAN = 44  # the place of LOWER_PRIORITY two strides on
    ARM_FULL = 23  # and that of AT_CAPACITY in the next one
    OTHER_ARM = 36  # and that of LANGUAGE two on


# Raised whenever the same inputs would give another digest; decisions keep the one they were made by.
# 1 the ladder of the foundation · 2 learned models and exploration (equal to 1 where neither is used) · 3 own fields of
# another type than declared, and dates in own text fields, compare otherwise in conditions
ENGINE_VERSION = 3
RULE_STRIDE = 16  # exit = Exit.RULE + RULE_STRIDE · (index of the rule)
# Who leaves as not the owner or the covering rep: of the account, or of what the opportunity repeats.
OF_ACCOUNT, OF_ORIGINAL, OF_UNDECIDED = 0, RULE_STRIDE, 2 * RULE_STRIDE


@dataclass(frozen=True)
class Planned:
    """What the plan of a batch has for an opportunity: a rep, or nobody and why (`batch.plan.WhyNot`)."""

    batch_id: int
    rep_id: int | None
    why_not: int = 0


@dataclass(frozen=True)
class Inputs:
    """Everything a decision depends on. `seed` drives exploration; `at` is the moment decided for; `recent_high_match`
    is the score that the configured top share of recent best scores reaches, None where a fixed score is configured.
    `planned`: where a batch decides, which is one step instead of choosing the best for this one alone. `in_arm`: of an
    experiment, whose strategy chooses."""

    facts: OpportunityFacts
    roster: Roster
    state: RosterState
    configuration: Configuration
    model: MatchModel
    at: datetime.datetime
    seed: int = 0
    recent_high_match: float | None = None
    planned: Planned | None = None
    in_arm: InArm | None = None

    @property
    def high_match(self) -> float:
        """The score from which on a match is high."""
        fixed = self.configuration.capacity.high_match_score
        return fixed if self.recent_high_match is None else self.recent_high_match


@dataclass(frozen=True)
class Step:
    """One line of the trace: the step, what it found (plain data), and how many reps were in before and after."""

    name: str
    found: dict[str, Any]
    before: int
    after: int

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "found": self.found, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Verdict:
    """`outcome`: assign, suggest, manager, hold or untouched; `via`: what decided. `exits` (n) and `scores` by rep.

    `turn` of the team's round-robin, `arm_turn` of an experiment's arm that goes by turns.
    `propensity`: with which probability this rep was chosen, given everything but the seed; `propensities` (n) that of
    everybody where prediction decided."""

    outcome: str
    via: str
    rep_id: int | None
    team_id: int | None
    policy: Policy
    steps: tuple[Step, ...]
    exits: npt.NDArray[np.int64]
    scores: Scores | None
    penalties: Floats | None
    score: float | None = None
    win_probability: float | None = None
    win_probability_low: float | None = None
    priority: float | None = None
    propensity: float = 1.0
    exempt: bool = False
    turn: Turn | None = None
    propensities: Floats | None = None
    arm_turn: Turn | None = None


@dataclass(frozen=True, eq=False)
class Survey:
    """Who could have an opportunity, before anybody is chosen; for who chooses for many at once.

    `settled`: the verdict, where it is nobody's choice (locked, owned by somebody, waiting for what it repeats); then
    nobody else is in. `offered` (n) who is eligible and confident enough; `high` (n) whose match is high, or needs not
    be; `walls` by code the masks (n) of those whom nothing but this keeps out; `territory_id` the one that bounds.
    """

    policy: Policy
    settled: Verdict | None
    offered: Mask
    high: Mask
    scores: Scores
    penalties: Floats
    walls: dict[Exit, Mask]
    territory_id: int | None = None
