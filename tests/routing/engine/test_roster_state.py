"""States as they are stored with decisions: what was packed comes back, also what earlier versions packed."""

import json
from typing import Any

import numpy as np
import pytest
from isal import isal_zlib

from routing.engine.roster import _STATE_LAYOUT, ArmRoom, RosterState

N = 7
COLUMNS = [name for name, _ in _STATE_LAYOUT]


def state_of(n: int, room: ArmRoom | None = None) -> RosterState:
    rng = np.random.default_rng(5)
    return RosterState(
        load=rng.integers(0, 40, n),
        pending=np.zeros(n, dtype=np.int64),
        week=rng.integers(0, 300, n),
        day=rng.integers(0, 3, n),
        pipeline_value=np.round(rng.lognormal(12, 1, n), 2),
        away_until=rng.integers(-1, 2_000_000_000, n),
        absence_in=np.full(n, -1, dtype=np.int64),
        works_now=rng.random(n) < 0.5,
        turn_finish=np.round(rng.random(n) * 9, 9),
        covering={3: 4},
        turn_clocks={1: 2.5},
        room=room,
    )


def assert_equal(found: RosterState, wanted: RosterState) -> None:
    for name in COLUMNS:
        one, other = getattr(found, name), getattr(wanted, name)
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, name)
    assert found.covering == wanted.covering
    assert found.turn_clocks == wanted.turn_clocks


@pytest.mark.parametrize("n", [0, 1, N, 1000])
def test_comes_back_as_it_was(n: int) -> None:
    assert_equal(RosterState.from_bytes(state_of(n).to_bytes()), state_of(n))


def test_comes_back_with_the_room_of_an_arm() -> None:
    rng = np.random.default_rng(1)
    slots = rng.integers(1, 20, N)
    room = ArmRoom(slots, slots // 2, slots > 5, np.round(rng.random(N), 9), clock=1.5, is_share=True)
    found = RosterState.from_bytes(state_of(N, room).to_bytes()).room
    assert found is not None
    assert (found.clock, found.is_share) == (1.5, True)
    for name in ("slots", "used", "open_to", "finish"):
        np.testing.assert_array_equal(getattr(found, name), getattr(room, name), name)


@pytest.mark.parametrize(
    "same", [{}, {"pending": 0, "absence_in": -1}], ids=["all columns", "same ones in the head"]
)
def test_what_earlier_versions_packed_is_read(same: dict[str, int]) -> None:
    """Number by number, before the numbers were laid in planes."""
    state = state_of(N)
    head: dict[str, Any] = {"n": N, "covering": {"3": 4}, "clocks": {"1": 2.5}}
    text = json.dumps(head | ({"same": same} if same else {})).encode()
    columns = [getattr(state, name).astype(kind) for name, kind in _STATE_LAYOUT if name not in same]
    content = len(text).to_bytes(4, "little") + text + b"".join(column.tobytes() for column in columns)
    assert_equal(RosterState.from_bytes(isal_zlib.compress(content, 1)), state)
