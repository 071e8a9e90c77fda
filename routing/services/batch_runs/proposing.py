"""From the plan of a batch, or of a part of it, to what is to be published: the decisions prepared, scores and traces
packed, before anything is locked."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from routing.engine.batch.draft import SLOTS_CHECKED, Draft, Other, chance_of, draft, low_of, verdicts
from routing.engine.batch.what_if import WallWorth
from routing.engine.roster import Roster, RosterState
from routing.engine.sequence import state_after
from routing.engine.verdict import Inputs, Verdict
from routing.models import Batch, BatchItem, Decision
from routing.services.batch_runs.publishing import Prepare, Proposal
from routing.services.batch_runs.reading import Moment, Waiting, inputs_of_all
from routing.services.claims import Situation
from routing.services.decided import new_decision

WALL_EXAMPLES = 5
Say = Callable[[str, int, int], None]


@dataclass
class Planned:
    """`proposals` to publish and `kept` items that stay as they are; `found` what only the whole has, as `Batch.found`
    keeps it. `elsewhere`: opportunities that are decided by themselves, since whose they are is not the batch's choice.
    `prepare` fills in the decisions of the proposals that are to be published next, where they are not there yet."""

    proposals: list[Proposal]
    kept: list[BatchItem]
    found: dict[str, Any]
    elsewhere: list[int] = field(default_factory=list)
    prepare: Prepare | None = None


def plan(batch: Batch, waiting: Waiting, moment: Moment, say: Say) -> Planned:
    """The best for all of them together; where experiments run, for those of each arm."""
    planned, founds = Planned([], [], {}), []
    for found, decided in drafted(batch, waiting, moment, say):
        proposals, kept = proposed(batch, found, decided, waiting)
        planned.proposals.extend(proposals)
        planned.kept.extend(kept)
        planned.elsewhere.extend([] if moment.is_again else found.elsewhere)
        founds.append(found)
    whole = [found_of(found) for found in founds]
    walls = [wall for found in founds for wall in found.walls]
    planned.found = whole[0] if len(whole) == 1 else found_together(whole, walls, SLOTS_CHECKED)
    return planned


@dataclass(frozen=True)
class Decided:
    """A verdict without the scores of everybody. `ready`: its decision; none where the item stays as it is."""

    situation: Situation
    ready: Decision | None


def drafted(
    batch: Batch, waiting: Waiting, moment: Moment, say: Say, *, is_part: bool = False
) -> Iterator[tuple[Draft, list[Decided]]]:
    """The plan of each arm of an experiment, and of those that are in none, on what those before it leave; with the
    verdicts that follow from it."""
    groups: dict[tuple[int, str] | None, list[Inputs]] = {}
    for inputs in inputs_of_all(waiting.opportunities, moment):
        in_arm = inputs.in_arm
        groups.setdefault(None if in_arm is None else (in_arm.experiment_id, in_arm.arm), []).append(inputs)
    state = moment.state
    for group in groups.values():
        room = group[0].state.room
        if room is not None and not room.is_share:
            room = replace(room, used=state.committed)
        shared = replace(state, room=room)
        found = draft(
            [replace(inputs, state=shared) for inputs in group],
            policy=batch.policy_name,
            terms=moment.terms,
            say=say,
            fixed=waiting.fixed,
            is_part=is_part,
        )
        decided = verdicts(found, batch.pk, say, partial(_decided, waiting, moment))
        if len(groups) > 1:
            for one in decided:
                state = state_after(replace(one.situation.inputs, state=state), one.situation.verdict)
        yield found, decided


def _decided(waiting: Waiting, moment: Moment, inputs: Inputs, verdict: Verdict) -> Decided:
    situation, pk = Situation(inputs, moment.live, verdict), inputs.facts.id
    before = waiting.items.get(pk)
    stays = pk in waiting.fixed or (before is not None and before.rep_id == verdict.rep_id)
    ready = None if stays else new_decision(situation)
    return Decided(_lightened(situation, moment.state), ready)


def proposed(
    batch: Batch, found: Draft, decided: Sequence[Decided], waiting: Waiting
) -> tuple[list[Proposal], list[BatchItem]]:
    """What is to be published, and the items that stay as they are.

    In the order in which each finds the room that the plan has for it: a rep's slots near capacity take high matches
    only, so those come after the others, and whom the plan leaves to the fallback takes what is left."""
    proposals, kept = [], []
    by_id = {one.pk: one for one in waiting.opportunities}
    for place in sorted(
        range(len(decided)), key=lambda place: _turn_to_publish(found, place, decided[place])
    ):
        situation, ready = decided[place].situation, decided[place].ready
        pk = situation.inputs.facts.id
        item = waiting.items.get(pk) or BatchItem(
            batch=batch, opportunity_id=pk, position=waiting.positions[pk]
        )
        for name, value in _numbers(found, place, situation, item).items():
            setattr(item, name, value)
        if ready is None:
            kept.append(item)
        else:
            proposals.append(Proposal(by_id[pk], situation, item, ready))
    return proposals, kept


def _turn_to_publish(found: Draft, place: int, decided: Decided) -> tuple[bool, bool]:
    situation = decided.situation
    is_high = (situation.verdict.score or 0.0) >= situation.inputs.high_match
    return bool(found.plan.rep[place] < 0), is_high


def _lightened(situation: Situation, shared: RosterState) -> Situation:
    """Without what a claim does not ask for: of twenty thousand it would not fit into memory."""
    nothing, inputs = np.zeros(0, dtype=np.int64), situation.inputs
    slim = replace(situation.verdict, exits=nothing, scores=None, penalties=None, propensities=None, steps=())
    if slim.turn is None and inputs.in_arm is None:
        inputs = replace(inputs, state=shared)
    return replace(situation, inputs=inputs, verdict=slim)


def _numbers(found: Draft, place: int, situation: Situation, item: BatchItem) -> dict[str, Any]:
    """What the item says; an edited one keeps whom the person chose."""
    roster, verdict = situation.inputs.roster, situation.verdict
    # Whom the plan leaves to the fallback the others leave to it as well.
    fallback = verdict if found.plan.rep[place] < 0 else None
    alone_rep, alone_chance = _of_other(found.alone, place, roster, None)
    turn_rep, turn_chance = _of_other(found.turn, place, roster, fallback)
    _, pair_chance = _of_other(found.pair, place, roster, fallback)
    numbers = {
        "value": float(found.assembled.value[place]),
        "worth": float(found.plan.worth[place]),
        "alone_rep_id": alone_rep,
        "alone_chance": alone_chance,
        "turn_rep_id": turn_rep,
        "turn_chance": turn_chance,
        "pair_chance": pair_chance,
        "conflict": "",
    }
    if item.edit != BatchItem.Edit.NONE:
        return numbers
    return numbers | {
        "rep_id": verdict.rep_id,
        "score": verdict.score,
        "chance": chance_of(verdict),
        "low": low_of(verdict),
        "why_not": 0 if verdict.rep_id is not None else int(found.why_not[place]),
    }


def _of_other(other: Other, place: int, roster: Roster, fallback: Verdict | None) -> tuple[int | None, float]:
    """Whom another way of deciding would have chosen, and the chance then."""
    rep = int(other.rep[place])
    if rep >= 0:
        return int(roster.ids[rep]), float(other.chance[place])
    return (None, 0.0) if fallback is None else (fallback.rep_id, chance_of(fallback))


# --- what only the whole has ------------------------------------------------------------------------------------------


def found_of(found: Draft) -> dict[str, Any]:
    """As `Batch.found` keeps it; `primal` and `bound` in the unit of the weights."""
    plan, problem = found.plan, found.assembled.problem
    unit = problem.integers_per_unit
    return {
        "objective": plan.objective,
        "primal": plan.certificate.primal / unit,
        "bound": plan.bound / unit,
        "gap": plan.gap if np.isfinite(plan.gap) else None,
        "rounding_cost": plan.rounding_cost,
        "verified": found.is_verified,
        "parts": 1,
        "count": len(found.inputs),
        "pairs": len(found.assembled.chance),
        "reps": len(concerned(found)),
        "is_chance": found.assembled.is_chance,
        "elsewhere": len(found.elsewhere),
        "loads": _loads(found),
        "slots": [
            {"rep": rep_id, "price": check.by_price / unit, "checked": check.adds}
            for rep_id, check in found.slots
        ],
        "walls": said_of_walls(found.walls),
    }


def concerned(found: Draft) -> list[int]:
    """The places of the reps who could have something or have got it."""
    plan = found.plan
    return np.unique(np.concatenate([plan.rep[plan.rep >= 0], found.assembled.pairs.rep])).tolist()


def _loads(found: Draft) -> list[dict[str, int]]:
    if not found.inputs:
        return []
    roster, committed = found.inputs[0].roster, found.state.committed
    planned = Counter(int(rep) for rep in found.plan.rep if rep >= 0)
    return [
        {
            "rep": int(roster.ids[place]),
            "before": int(committed[place]),
            "planned": planned.get(place, 0),
            "max": int(roster.max_open[place]),
        }
        for place in concerned(found)
    ]


def said_of_walls(walls: Sequence[WallWorth]) -> list[dict[str, Any]]:
    return [
        {
            "name": wall.name,
            "at_most": wall.at_most,
            "adds": wall.adds,
            "pairs": [list(one) for one in wall.wanted[:WALL_EXAMPLES]],
        }
        for wall in walls
    ]


SUMMED = ("objective", "primal", "bound", "rounding_cost", "count", "pairs", "reps", "elsewhere")


def found_together(
    parts: Sequence[Mapping[str, Any]], walls: Sequence[WallWorth], slots: int
) -> dict[str, Any]:
    """The whole's from its parts', which share no rep and no opportunity."""
    primal, bound = (sum(part[name] for part in parts) for name in ("primal", "bound"))
    is_exact = all(part["gap"] == 0 for part in parts)
    loads = [line for part in parts for line in part["loads"]]
    priced = [slot for part in parts for slot in part["slots"]]
    return {
        **{name: sum(part[name] for part in parts) for name in SUMMED},
        "gap": 0.0 if is_exact else (bound - primal) / primal if primal > 0 else None,
        "verified": all(part["verified"] for part in parts),
        "is_chance": all(part["is_chance"] for part in parts),
        "parts": len(parts),
        "loads": sorted(loads, key=lambda line: line["rep"]),
        "slots": sorted(priced, key=lambda slot: (-slot["price"], slot["rep"]))[:slots],
        "walls": said_of_walls([wall for wall in walls if wall.at_most > 0]),
    }
