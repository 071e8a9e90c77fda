"""Who gets how many opportunities, who competes, and where gaps are: a worked example with literal numbers."""

from itertools import permutations
from typing import Any

from routing.engine.configuration import Configuration
from routing.engine.market import Cell, Gap, Overlap, gaps, use_of


def territory(pk: int, parent: int | None, field: str) -> dict[str, Any]:
    condition = {"field": field, "op": "is_not_empty"}
    return {"id": pk, "name": f"T{pk}", "parent_id": parent, "condition": condition}


# 1 has 3 inside it; 2 is as deep as 1, and less specific
CONFIGURATION = Configuration.from_content(
    0,
    {"territories": [territory(1, None, "country"), territory(2, None, "source"), territory(3, 1, "city")]},
)
CELLS = (
    Cell(frozenset(), 5, 10, ("FR",)),
    Cell(frozenset({1}), 7, 11, ("US",)),
    Cell(frozenset({1, 2}), 2, 12, ("US",)),
    Cell(frozenset({1, 2, 3}), 3, None, ("US",)),
    Cell(frozenset({3}), 4, 13, ("FR",)),  # the city without its country: not inside 1, so in nothing
)


def test_the_deepest_gets_it_and_a_parents_condition_must_hold() -> None:
    for order in permutations(CELLS):
        use = use_of(CONFIGURATION, order)
        assert (use.total, use.got) == (21, {1: 9, 3: 3})
        assert use.overlaps == (Overlap(1, 2, 5, 12),)


def test_a_deeper_match_leaves_no_tie() -> None:
    assert use_of(CONFIGURATION, CELLS, deepest_only=True).overlaps == (Overlap(1, 2, 2, 12),)


def test_gaps_stand_with_the_largest_first() -> None:
    assert gaps(CONFIGURATION, CELLS, (0,), 2) == [
        Gap(("FR",), 9, 9, 0, (10, 13)),
        Gap(("US",), 12, 0, 2, (12,)),
    ]
    assert gaps(CONFIGURATION, (), (), 2) == []
