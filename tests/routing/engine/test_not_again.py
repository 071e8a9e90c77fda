"""Who gave an opportunity up, or did not touch it in time, is not offered it again: by no step of the ladder."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine.explain import Names, ladder_lines
from routing.engine.facts import OpportunityFacts
from routing.engine.trace import digest, exit_code, pack_columns, unpack_columns
from routing.engine.verdict import Exit
from tests.routing.engine.test_ladder import (
    ANA,
    BO,
    CHEN,
    DANA,
    EAST,
    EVA,
    FINN,
    ROSTER,
    configuration,
    state,
    verdict,
)

EVERYBODY = (ANA, BO, CHEN, DANA, EVA, FINN)


def turned(*rep_ids: int, why: str = "missed", **values: Any) -> OpportunityFacts:
    given: dict[str, Any] = {"id": 1, "industry": "Healthcare"} | values
    return OpportunityFacts(**given, not_again=tuple((rep_id, why) for rep_id in rep_ids))


def test_with_nobody_the_digest_is_as_it_was() -> None:
    facts = OpportunityFacts(id=1, industry="Healthcare")
    assert digest(verdict(facts)) == digest(verdict(turned()))
    assert "not_again" not in turned().to_json()
    assert not any(step.name == "not_again" for step in verdict(facts).steps)


def test_the_best_is_passed_over_and_told_why() -> None:
    best = verdict(turned()).rep_id
    assert best is not None
    found = verdict(turned(best))
    assert found.rep_id not in (None, best)
    exits = unpack_columns(pack_columns(found)).exits
    assert exit_code(int(exits[ROSTER.index[best]])) is Exit.NOT_AGAIN
    line = ladder_lines([step.to_json() for step in found.steps], Names(reps={best: "Bea"}))[0]
    assert line.sentence == "Bea had it and did not touch it in time: not offered again"
    assert (line.before, line.after) == (6, 5)


@pytest.mark.parametrize(
    "values",
    [{"account_id": 9, "account_owner_id": ANA}, {"duplicate_of_id": 7, "duplicate_owner_id": ANA}],
)
def test_neither_as_owner_nor_as_who_stands_in(values: dict[str, Any]) -> None:
    assert verdict(turned(**values)).rep_id == ANA
    found = verdict(turned(ANA, **values))
    assert found.rep_id not in (None, ANA)
    assert not found.exempt
    away = state(away_until={ANA: 10**10}, covering={ANA: BO})
    assert verdict(turned(**values), now=away).rep_id == BO
    assert verdict(turned(BO, **values), now=away).rep_id not in (None, BO)


def test_not_where_a_rule_names_the_rep() -> None:
    rule = {"id": 1, "name": "To Ana", "condition": {}, "action": "route_to_rep", "rep_id": ANA}
    live = configuration(rules=[rule])
    assert verdict(turned(), live=live).rep_id == ANA
    found = verdict(turned(ANA), live=live)
    assert found.rep_id not in (None, ANA)
    assert [step.name for step in found.steps if step.name.startswith("rule")] == ["rule_skipped"]


def test_with_nobody_else_left_the_manager_of_that_team_has_it_else_it_is_held() -> None:
    policy = {"id": 1, "name": "All", "condition": {}, "application": "assign"}
    chain = {**policy, "fallback": ["round_robin", "manager", "hold"]}
    found = verdict(turned(*EVERYBODY), live=configuration(policies=[chain], managers={str(EAST): [1]}))
    assert (found.outcome, found.team_id, found.rep_id) == ("manager", EAST, None)
    assert verdict(turned(*EVERYBODY), live=configuration()).outcome == "hold"


@settings(deadline=None, max_examples=40)
@given(
    gone=st.sets(st.sampled_from(EVERYBODY)),
    threshold=st.sampled_from([0, 50, 100]),
    owner=st.sampled_from([None, ANA, FINN]),
    busy=st.dictionaries(st.sampled_from(EVERYBODY), st.integers(0, 10)),
)
def test_never_by_any_way(gone: set[int], threshold: int, owner: int | None, busy: dict[int, int]) -> None:
    policy = {"id": 1, "name": "All", "condition": {}, "application": "assign", "threshold": threshold}
    live = configuration(policies=[{**policy, "fallback": ["round_robin", "hold"]}])
    facts = turned(*sorted(gone), account_id=9, account_owner_id=owner)
    found = verdict(facts, live=live, now=state(load=busy))
    assert found.rep_id not in gone
    again = OpportunityFacts.from_json(facts.to_json())
    assert again == dataclasses.replace(facts)
    assert digest(verdict(again, live=live, now=state(load=busy))) == digest(found)
