"""What a part's plan has, on its way from the worker who made it to the one who publishes: plain data, compressed.

Nothing of it can be seen before the batch is published. A decision is staged with everything but its id, which the
publisher draws; the roster's state, the same for most, once for all of a piece.
"""

import base64
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.core.serializers.json import DjangoJSONEncoder
from isal import isal_zlib

from crm.models import Opportunity
from routing.engine.arms import Choice, InArm
from routing.engine.facts import OpportunityFacts
from routing.engine.roster import RosterState
from routing.engine.turns import Turn
from routing.engine.verdict import Inputs, Verdict
from routing.models import Batch, BatchItem, Decision
from routing.queries.configuration import compiled
from routing.queries.inputs import match_model
from routing.services.batch_runs.publishing import NUMBERS, Proposal
from routing.services.batch_runs.reading import Moment
from routing.services.claims import Situation

QUICKLY = 1
WHOLE = ("facts", "trace")
PLAIN = tuple(
    field.attname
    for field in Decision._meta.concrete_fields
    if field.attname not in ("id", "assignment_id", "made_at", "state", "columns", *WHOLE)
)
OF_ITEM = tuple(
    field.attname
    for field in BatchItem._meta.concrete_fields
    if field.name in NUMBERS and field.name not in ("decision", "queue_item")
)

Row = dict[str, Any]


def pack(proposals: Sequence[Proposal], kept: Sequence[BatchItem]) -> bytes:
    """A piece."""
    states: dict[bytes, int] = {}
    rows = [_row(one, states) for one in proposals]
    content = {
        "rows": rows,
        "states": [_text(state) for state in states],
        "kept": [_numbers(item) for item in kept],
    }
    return bytes(isal_zlib.compress(json.dumps(content, cls=DjangoJSONEncoder).encode(), QUICKLY))


def _row(proposal: Proposal, states: dict[bytes, int]) -> Row:
    decision, situation = proposal.ready, proposal.situation
    assert decision is not None
    turn, arm_turn, in_arm = situation.verdict.turn, situation.verdict.arm_turn, situation.inputs.in_arm
    row = {name: getattr(decision, name) for name in (*PLAIN, *WHOLE)}
    return {
        "item": _numbers(proposal.item),
        "decision": row | {"made_at": decision.made_at.isoformat(), "columns": _text(decision.columns)},
        "state": states.setdefault(bytes(decision.state), len(states)),
        "in_arm": None if in_arm is None else vars(in_arm),
        "arm_turn": arm_turn and [arm_turn.rep, arm_turn.finish, arm_turn.clock],
        # whose turn, the tags after it, and the rep's before
        "turn": turn and [turn.rep, turn.finish, turn.clock, situation.inputs.state.turn_finish[turn.rep]],
    }


def _numbers(item: BatchItem) -> Row:
    return {"opportunity_id": item.opportunity_id, **{name: getattr(item, name) for name in OF_ITEM}}


def _text(content: bytes | memoryview) -> str:
    return base64.b64encode(bytes(content)).decode()


def unpack(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(isal_zlib.decompress(content))
    return found


def items_in(
    rows: Sequence[Row], batch: Batch, positions: Mapping[int, int], before: Mapping[int, BatchItem]
) -> Iterator[BatchItem]:
    """The batch's records: new ones, and those of a batch that was planned anew."""
    for row in rows:
        pk = row["opportunity_id"]
        item = before.get(pk) or BatchItem(batch=batch, opportunity_id=pk, position=positions[pk])
        for name in OF_ITEM:
            setattr(item, name, row[name])
        yield item


def proposals_in(
    content: dict[str, Any],
    items: Sequence[BatchItem],
    opportunities: Mapping[int, Opportunity],
    moment: Moment,
) -> Iterator[Proposal]:
    """The proposals of a piece, still without their decisions, which would not fit into memory all at once."""
    for row, item in zip(content["rows"], items, strict=True):
        yield Proposal(opportunities[item.opportunity_id], _situation(row, moment), item, None)


def _situation(row: Row, moment: Moment) -> Situation:
    """What a claim asks for."""
    kept, live, turn = row["decision"], moment.live, None
    state = moment.state
    if row["turn"] is not None:
        rep, finish, clock, before = row["turn"]
        turn, state = Turn(rep, finish, clock), _with_tag(state, rep, before)
    inputs = Inputs(
        facts=OpportunityFacts.from_json(kept["facts"]),
        roster=live.roster,
        state=state,
        configuration=compiled(live.configuration_id),
        model=match_model(live.model_id),
        at=moment.at,
        seed=kept["seed"],
        recent_high_match=kept["recent_high_match"],
        in_arm=_in_arm(row["in_arm"]),
    )
    assert moment.policy is not None
    same = (
        "outcome",
        "via",
        "rep_id",
        "team_id",
        "score",
        "win_probability",
        "win_probability_low",
        "priority",
        "propensity",
    )
    verdict = Verdict(
        **{name: kept[name] for name in same},
        policy=moment.policy,
        steps=(),
        exits=np.zeros(0, dtype=np.int64),
        scores=None,
        penalties=None,
        turn=turn,
        arm_turn=None if row["arm_turn"] is None else Turn(*row["arm_turn"]),
    )
    return Situation(inputs, live, verdict)


def _in_arm(row: dict[str, Any] | None) -> InArm | None:
    return None if row is None else InArm(**{**row, "choice": Choice(row["choice"])})


def _with_tag(state: RosterState, rep: int, finish: float) -> RosterState:
    tags = state.turn_finish.copy()
    tags[rep] = finish
    return replace(state, turn_finish=tags)


def decisions_in(content: dict[str, Any]) -> dict[int, Decision]:
    """The decisions of a piece by opportunity, without ids."""
    states = [base64.b64decode(text) for text in content["states"]]
    return {
        row["decision"]["opportunity_id"]: Decision(
            **{
                **row["decision"],
                "made_at": datetime.datetime.fromisoformat(row["decision"]["made_at"]),
                "columns": base64.b64decode(row["decision"]["columns"]),
                "state": states[row["state"]],
            }
        )
        for row in content["rows"]
    }
