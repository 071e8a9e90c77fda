"""Round-robin by start-time fair queueing (Goyal, Vin, Cheng, "Start-time fair queuing", SIGCOMM 1996).

Every rep has a tag F (`turn_finish`), every team a virtual clock V. A turn goes to the smallest start tag
S = max(F, V), ties by least F, then by id; it sets F ← S + 1/weight and V ← S.

So turns follow weights; a rep who was away keeps a turn not yet taken (F > V is kept) and gets no burst on return,
since missed turns are forgotten (S starts at V). What it does not do: decide who may take part.
"""

from dataclasses import dataclass

import numpy as np

from routing.engine.roster import Floats, Ints, Mask


@dataclass(frozen=True)
class Turn:
    """Whose turn it is (index into the roster), the rep's new tag and the team's new clock."""

    rep: int
    finish: float
    clock: float


def next_turns(pool: Mask, ids: Ints, finish: Floats, weight: Floats, clock: float, count: int) -> list[int]:
    """Whose turns the next ones would be (indices into the roster), were nothing to change meanwhile."""
    finish, coming = finish.copy(), []
    for _ in range(count):
        turn = next_turn(pool, ids, finish, weight, clock)
        if turn is None:
            break
        coming.append(turn.rep)
        finish[turn.rep], clock = turn.finish, turn.clock
    return coming


def next_turn(pool: Mask, ids: Ints, finish: Floats, weight: Floats, clock: float) -> Turn | None:
    """The next turn among the pool (mask of length n); None when the pool is empty."""
    members = np.flatnonzero(pool)
    if not len(members):
        return None
    start = np.round(np.maximum(finish[members], clock), 9)
    first = np.lexsort((ids[members], finish[members], start))[0]
    rep = int(members[first])
    begin = float(start[first])
    return Turn(rep, round(begin + 1 / float(weight[rep]), 9), begin)
