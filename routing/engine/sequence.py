"""One decision after the other on one look at the roster's state: what each leaves behind for the next."""

from dataclasses import replace
from typing import Any

import numpy as np

from routing.engine.roster import RosterState
from routing.engine.verdict import Inputs, Verdict

ASSIGN, SUGGEST = "assign", "suggest"


def state_after(inputs: Inputs, verdict: Verdict) -> RosterState:
    """The state as the next look at the database would find it once the verdict is carried out. The inputs' own arrays
    stay as they are, since they are stored with the decision."""
    state = inputs.state
    if verdict.rep_id is None or verdict.outcome not in (ASSIGN, SUGGEST):
        return state
    place = inputs.roster.index[verdict.rep_id]
    moved: dict[str, Any] = {
        "pipeline_value": _raised(state.pipeline_value, place, inputs.facts.value or 0.0)
    }
    for name in ("load", "week", "day") if verdict.outcome == ASSIGN else ("pending",):
        moved[name] = _raised(getattr(state, name), place, 1)
    if state.room is not None:
        turn = verdict.arm_turn
        room = state.room.with_one(place)
        moved["room"] = room if turn is None else room.with_turn(place, turn.finish, turn.clock)
    if verdict.turn is not None:
        finish = state.turn_finish.copy()
        finish[place] = verdict.turn.finish
        moved["turn_finish"] = finish
        if verdict.team_id is not None:
            before = state.turn_clocks.get(verdict.team_id, 0.0)
            clock = max(before, verdict.turn.clock)
            moved["turn_clocks"] = {**state.turn_clocks, verdict.team_id: clock}
    return replace(state, **moved)


def _raised(numbers: "np.ndarray[Any, Any]", place: int, by: float) -> "np.ndarray[Any, Any]":
    raised = numbers.copy()
    raised[place] += by
    return raised
