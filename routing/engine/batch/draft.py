"""A whole batch at one moment: who is in it, the plan with its proof, and what other ways of deciding would have had.

All of it on one state of the roster. The others are the ladder one by one in order of arrival, as in real time; the
best pair first; and the next in turn, which is what most teams do without a router.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from routing.engine.batch.across import Behind, behind
from routing.engine.batch.assemble import Assembled, Assembly, Terms
from routing.engine.batch.certificate import verify
from routing.engine.batch.greedy_by_best_pair import greedy_by_best_pair
from routing.engine.batch.greedy_by_turn import greedy_by_turn
from routing.engine.batch.optimise import optimise
from routing.engine.batch.plan import NOBODY, Plan
from routing.engine.batch.what_if import SlotCheck, WallWorth, check_slot, worth_of_walls
from routing.engine.ladder import decide, survey
from routing.engine.roster import Floats, Ints, RosterState
from routing.engine.sequence import state_after
from routing.engine.verdict import Inputs, Planned, Verdict

SLOTS_CHECKED, WALLS_SOLVED = 5, 3
SAYS_EVERY = 50

Say = Callable[[str, int, int], None]
Kept = TypeVar("Kept")


@dataclass(frozen=True, eq=False)
class Other:
    """Another way of deciding: the rep's place (L, NOBODY where nobody) and the chance (L)."""

    rep: Ints
    chance: Floats


@dataclass(frozen=True, eq=False)
class Draft:
    """`inputs` (L) of those whose choice is open, in order of arrival, all on `state`; `elsewhere` the ids of those
    whose it is not: somebody has a right to them, or another policy decides by now. Of a part of a batch the walls are
    not known, but what is `behind` them."""

    inputs: tuple[Inputs, ...]
    elsewhere: tuple[int, ...]
    state: RosterState
    assembled: Assembled
    plan: Plan
    is_verified: bool
    alone: Other
    turn: Other
    pair: Other
    slots: tuple[tuple[int, SlotCheck], ...]
    walls: tuple[WallWorth, ...]
    behind: tuple[tuple[str, Behind], ...] = ()

    @property
    def why_not(self) -> Ints:
        return self.assembled.why_not(self.plan.why_not)


def draft(
    waiting: Sequence[Inputs],
    *,
    policy: str,
    terms: Terms,
    say: Say,
    fixed: Mapping[int, int] | None = None,
    is_part: bool = False,
) -> Draft:
    """Of opportunities in order of arrival, at least one, whose inputs share roster, state and configuration. `fixed`:
    opportunity → rep id, as a person chose. `is_part`: others are planned elsewhere, whom the walls lead to."""
    roster, state = waiting[0].roster, waiting[0].state
    assembly = Assembly(roster, terms)
    inside, elsewhere = [], []
    for place, one in enumerate(waiting):
        if place % SAYS_EVERY == 0:
            say("Who could have what", place, len(waiting))
        found = survey(one)
        if found.settled is not None or found.policy.batch is None or found.policy.name != policy:
            elsewhere.append(one.facts.id)
            continue
        rep_id = (fixed or {}).get(one.facts.id)
        inside.append(one)
        assembly.add(
            one.facts.id,
            one.facts.value,
            found,
            language=one.facts.language,
            fixed=roster.index.get(rep_id) if rep_id is not None else None,
        )
    assembled = assembly.finish(state)
    say("The best for all together", 0, 0)
    plan = optimise(assembled.problem)
    is_verified = not verify(assembled.problem, plan)
    order = np.arange(len(inside))
    return Draft(
        inputs=tuple(inside),
        elsewhere=tuple(elsewhere),
        state=state,
        assembled=assembled,
        plan=plan,
        is_verified=is_verified,
        alone=_alone(inside, state, say),
        turn=_looked_up(assembled, greedy_by_turn(assembled.problem, order).rep),
        pair=_looked_up(assembled, greedy_by_best_pair(assembled.problem).rep),
        slots=_slots(assembled, plan, say),
        walls=() if is_part else _walls(assembled, plan, say),
        behind=_behind(assembled, plan) if is_part else (),
    )


def _behind(assembled: Assembled, plan: Plan) -> tuple[tuple[str, Behind], ...]:
    return tuple((wall.name, behind(assembled.problem, plan, wall)) for wall in assembled.walls)


def _looked_up(assembled: Assembled, rep: Ints) -> Other:
    at = assembled.place_of(np.arange(len(rep)), rep)
    chance = np.append(assembled.chance, 0.0)[at]
    return Other(rep, np.where(at == NOBODY, 0.0, chance))


def _alone(inside: Sequence[Inputs], state: RosterState, say: Say) -> Other:
    """Each is decided on what those before it leave."""
    rep, chance = np.full(len(inside), NOBODY), np.zeros(len(inside))
    for place, one in enumerate(inside):
        if place % SAYS_EVERY == 0:
            say("One by one, to compare", place, len(inside))
        inputs = replace(one, state=state)
        verdict = decide(inputs)
        state = state_after(inputs, verdict)
        if verdict.rep_id is not None:
            rep[place] = one.roster.index[verdict.rep_id]
            chance[place] = chance_of(verdict)
    return Other(rep, chance)


def chance_of(verdict: Verdict) -> float:
    """Of winning with the verdict's rep; the match score stands in for it where no deal was learned."""
    if verdict.rep_id is None:
        return 0.0
    return (verdict.score or 0.0) / 100 if verdict.win_probability is None else verdict.win_probability


def low_of(verdict: Verdict) -> float:
    """The same, what of it outlasts the choosing."""
    known = verdict.win_probability_low
    return chance_of(verdict) if known is None or verdict.rep_id is None else known


def _slots(assembled: Assembled, plan: Plan, say: Say) -> tuple[tuple[int, SlotCheck], ...]:
    """The dearest slots, each priced by solving again: rep id and what one more adds."""
    say("What one more slot is worth", 0, 0)
    price = plan.slot_price[:, 0] if len(plan.slot_price) else np.zeros(0)
    dearest = [place for place in np.argsort(-price, kind="stable")[:SLOTS_CHECKED] if price[place] > 0]
    ids = [int(assembled.problem.rep_ids[place]) for place in dearest]
    return tuple((rep_id, check_slot(assembled.problem, plan, rep_id)) for rep_id in ids)


def _walls(assembled: Assembled, plan: Plan, say: Say) -> tuple[WallWorth, ...]:
    """The walls that cost something at the plan's prices, the dearest of them by solving again."""
    say("What the walls cost", 0, 0)
    found = worth_of_walls(assembled.problem, plan, assembled.walls, solve=False)
    dear = {one.name for one in found[:WALLS_SOLVED] if one.at_most > 0}
    solved = worth_of_walls(
        assembled.problem, plan, [wall for wall in assembled.walls if wall.name in dear], solve=True
    )
    return (*solved, *(one for one in found if one.name not in dear and one.at_most > 0))


def verdicts(found: Draft, batch_id: int, say: Say, keep: Callable[[Inputs, Verdict], Kept]) -> list[Kept]:
    """What is to be kept of each opportunity's verdict, in order of arrival: by the plan, or by the fallback on what
    the plan leaves. All verdicts with everybody's scores would not fit into memory."""
    reps, why_not = found.plan.rep, found.why_not
    state, made = found.state, dict[int, Kept]()
    order = [*np.flatnonzero(reps >= 0).tolist(), *np.flatnonzero(reps < 0).tolist()]
    planned_first = [place for place in order if reps[place] >= 0]
    for done, place in enumerate(order):
        if done % SAYS_EVERY == 0:
            say("Deciding each", done, len(order))
        one = found.inputs[place]
        rep_id = int(one.roster.ids[reps[place]]) if reps[place] >= 0 else None
        planned = Planned(batch_id, rep_id, int(why_not[place]))
        if done == len(planned_first):
            state = _after_plan(found)
        inputs = replace(one, planned=planned, state=found.state if rep_id is not None else state)
        verdict = decide(inputs)
        if rep_id is None:
            state = state_after(inputs, verdict)
        made[place] = keep(inputs, verdict)
    return [made[place] for place in range(len(order))]


def _after_plan(found: Draft) -> RosterState:
    """The state with everything that the plan gives away."""
    reps, state = found.plan.rep, found.state
    inside = reps >= 0
    counts = np.bincount(reps[inside], minlength=len(state.load))
    value = np.array([one.facts.value or 0.0 for one in found.inputs])
    worth = np.bincount(reps[inside], value[inside], minlength=len(state.load))
    return replace(state, pending=state.pending + counts, pipeline_value=state.pipeline_value + worth)
