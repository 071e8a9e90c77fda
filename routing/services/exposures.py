"""What routing decided in an arm of an experiment, kept with the decision, in its transaction."""

import datetime
from collections.abc import Sequence
from typing import Any

from experiments.models import Exposure
from routing.engine.verdict import Verdict
from routing.models import Decision
from routing.services.claims import Claim, Situation

# What would have been the same in both arms, whatever the strategy.
EXPOSED = (
    Decision.Via.PREDICTION,
    Decision.Via.STRATEGY,
    Decision.Via.ROUND_ROBIN,
    Decision.Via.MANAGER,
    Decision.Via.HOLD,
)
ENROL = """
INSERT INTO experiments_enrolment (experiment_id, unit, arm, stage, enrolled_at)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[], %s::timestamptz[])
ON CONFLICT (experiment_id, unit) DO NOTHING
"""

TURNED = """
INSERT INTO experiments_armturn (experiment_id, arm, rep_id, finish, clock)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::float8[], %s::float8[])
ON CONFLICT (experiment_id, arm, rep_id) DO UPDATE
SET finish = greatest(experiments_armturn.finish, excluded.finish),
    clock = greatest(experiments_armturn.clock, excluded.clock)
"""


def is_exposed(verdict: Verdict) -> bool:
    return verdict.via in EXPOSED


def exposure_of(
    situation: Situation, decision: Decision, claim: Claim, at: datetime.datetime
) -> tuple[Exposure, ...]:
    """The record of it, not stored yet; none where no experiment runs."""
    inputs, verdict = situation.inputs, situation.verdict
    in_arm = inputs.in_arm
    if in_arm is None or in_arm.is_after:
        return ()
    return (
        Exposure(
            experiment_id=in_arm.experiment_id,
            opportunity_id=inputs.facts.id,
            decision_id=claim.decision_id,
            unit=in_arm.unit,
            arm=in_arm.arm,
            stage=in_arm.stage,
            exposed_at=at,
            is_counted=in_arm.is_counted,
            period=in_arm.period,
            apart="" if is_exposed(verdict) else verdict.via,
            configuration_number=inputs.configuration.number,
            model_number=inputs.model.number,
            eligible=_eligible(decision.trace["steps"]),
            rep_id=verdict.rep_id,
            load=None if claim.rep is None else claim.rep.load,
            max_open=None if claim.rep is None else claim.rep.max_open,
            score=verdict.score,
            fallback=_fallback(decision.trace["steps"]),
        ),
    )


def _eligible(steps: Sequence[dict[str, Any]]) -> int:
    return next((step["after"] for step in steps if step["name"] == "eligibility"), 0)


def _fallback(steps: Sequence[dict[str, Any]]) -> str:
    """What the strategy was left for, where it chose nobody."""
    return next((step["found"]["why"] for step in steps if step["name"] == "fallback"), "")


def kept_arms(situations: Sequence[Situation], at: datetime.datetime) -> list[tuple[str, Sequence[Any]]]:
    """The statements that keep the arms of units that were not in their experiment yet, and the arms' turns; none where
    no experiment runs."""
    rows: list[tuple[Any, ...]] = []
    turns: dict[tuple[int, str, int], tuple[float, float]] = {}
    for one in situations:
        in_arm = one.inputs.in_arm
        if in_arm is not None and not in_arm.is_after and is_exposed(one.verdict):
            rows.append((in_arm.experiment_id, in_arm.unit, in_arm.arm, in_arm.stage, at))
        turn, rep_id = one.verdict.arm_turn, one.verdict.rep_id
        if in_arm is not None and turn is not None and rep_id is not None:
            turns[in_arm.experiment_id, in_arm.arm, rep_id] = (turn.finish, turn.clock)
    found = [(ENROL, _columns(rows))] if rows else []
    return [*found, (TURNED, _columns([(*key, *tag) for key, tag in turns.items()]))] if turns else [*found]


def _columns(rows: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
    return [list(column) for column in zip(*rows, strict=True)]
