"""Everything that people and automation can do, in random order: the guarantees hold after every step that matters,
and every decision replays bit for bit."""

from collections.abc import Callable

import pytest

from reps.models import Rep, Team, User
from routing.engine.ladder import decide
from routing.engine.trace import digest
from routing.models import Decision, FirstTouchClock
from routing.queries.inputs import stored_inputs
from routing.queries.invariants import check_invariants
from tests.routing.walk import Walk, set_up

pytestmark = pytest.mark.django_db
STEPS = 350
CHECK_EVERY = 10


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_guarantees_hold_whatever_is_done_in_whatever_order(
    seed: int, make_rep: Callable[..., Rep], omar: User, ben: User, east: Team, west: Team
) -> None:  # fmt: skip
    set_up(make_rep, [east, west])
    walk = Walk(seed, [omar, ben], [east, west])
    for number in range(STEPS):
        walk.step()
        if number % CHECK_EVERY == 0:
            assert check_invariants().violations == [], (number, walk.done)
    assert check_invariants().violations == []
    assert {"create", "approve", "undo", "reopen", "leave", "say", "mark", "answer", "anew"} <= set(walk.done)
    assert walk.done["missed"] > 0
    assert set(FirstTouchClock.objects.values_list("state", flat=True)) >= {"passed", "over"}
    decisions = list(Decision.objects.all())
    assert len(decisions) > 50
    assert [d.pk for d in decisions if digest(decide(stored_inputs(d))) != d.result_digest] == []
