"""What repeats an open opportunity, on the ladder's small roster. No database."""

import json

import pytest

from routing.engine.comparison import Comparison, compare
from routing.engine.explain import Names, headline, ladder_lines
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import decide
from routing.engine.roster import OPEN_END
from routing.engine.trace import digest, pack_columns, unpack_columns
from routing.engine.verdict import Exit, Inputs, Verdict
from tests.routing.engine.test_ladder import (
    ANA,
    AT,
    BO,
    CHEN,
    DANA,
    EAST,
    EVA,
    FINN,
    MODEL,
    ROSTER,
    WEST,
    configuration,
    rule,
    state,
    territory,
    verdict,
    why_out,
)

NAMES = Names(
    reps={ANA: "Ana", BO: "Bo", CHEN: "Chen", DANA: "Dana", EVA: "Eva", FINN: "Finn"},
    teams={EAST: "East", WEST: "West"},
    opportunities={7: "Acme, analytics"},
)
REPEAT = OpportunityFacts(id=9, duplicate_of_id=7, duplicate_owner_id=BO)
UNDECIDED = OpportunityFacts(id=9, duplicate_of_id=7)
BO_AWAY = {BO: OPEN_END}


def said(result: Verdict) -> str:
    lines = ladder_lines([step.to_json() for step in result.steps], NAMES)
    return next(line.sentence for line in lines if line.label == "Duplicate")


def why_not(result: Verdict, facts: OpportunityFacts, rep_id: int) -> str:
    inputs = Inputs(facts, ROSTER, state(), configuration(), MODEL, AT)
    return compare(Comparison(inputs, result, NAMES), rep_id).why.reason


def test_goes_to_the_owner_whatever_the_load_and_the_territory() -> None:
    live = configuration(territories=[territory(1, {}, {"team_id": WEST})])
    result = verdict(REPEAT, live=live, now=state(load={BO: 40}))
    assert (result.outcome, result.rep_id, result.via, result.exempt) == ("assign", BO, "duplicate", True)
    assert said(result) == "repeats “Acme, analytics”, which Bo works on: goes there whatever the load"
    trace = {"steps": [step.to_json() for step in result.steps]}
    assert headline(REPEAT, result.via, trace, NAMES) == "repeats “Acme, analytics”, which Bo works on"
    assert why_not(result, REPEAT, ANA) == "does not work on what it repeats"


def test_takes_no_turn_and_follows_the_policy() -> None:
    policy = {"id": 1, "name": "All", "condition": {}, "application": "suggest", "threshold": 100}
    result = verdict(REPEAT, live=configuration(policies=[policy]))
    assert (result.outcome, result.rep_id, result.turn) == ("suggest", BO, None)


def test_comes_before_the_named_account_and_the_rules() -> None:
    live = configuration(rules=[rule(1, "route_to_rep", rep_id=EVA)])
    facts = OpportunityFacts(
        id=9, account_id=5, account_owner_id=DANA, duplicate_of_id=7, duplicate_owner_id=BO
    )
    assert verdict(facts, live=live).rep_id == BO
    assert [step.name for step in verdict(facts).steps] == ["duplicate"]


def test_a_locked_repeat_is_left_alone() -> None:
    facts = OpportunityFacts(id=9, is_locked=True, duplicate_of_id=7, duplicate_owner_id=BO)
    assert verdict(facts).outcome == "untouched"


def test_of_an_absent_owner_goes_to_the_covering_rep() -> None:
    result = verdict(REPEAT, now=state(away_until=BO_AWAY, covering={BO: EVA}))
    assert (result.rep_id, result.via, result.exempt) == (EVA, "duplicate_cover", False)
    assert said(result) == "repeats “Acme, analytics”; Bo works on that and is away; Eva stands in"
    assert why_not(result, REPEAT, ANA) == "does not stand in for the owner of what it repeats"


def test_of_an_absent_owner_whose_cover_is_full_stays_in_the_owners_team() -> None:
    result = verdict(REPEAT, now=state(away_until=BO_AWAY, covering={BO: EVA}, load={EVA: 10}))
    assert (result.team_id, result.rep_id in {ANA, CHEN}) == (EAST, True)
    assert said(result) == "repeats “Acme, analytics”; Bo works on that and is away: stays in East"
    assert why_not(result, REPEAT, DANA) == "is not in the team of the owner of what it repeats, who is away"


def test_of_an_absent_owner_goes_to_the_accounts_owner_before_others_of_the_team() -> None:
    facts = OpportunityFacts(
        id=9, account_id=5, account_owner_id=DANA, duplicate_of_id=7, duplicate_owner_id=BO
    )
    result = verdict(facts, now=state(away_until=BO_AWAY))
    assert (result.rep_id, result.via, result.exempt) == (DANA, "named_account", True)
    assert [step.after for step in result.steps] == [3, 1]


def test_two_absent_owners_of_two_teams_leave_the_team_of_what_it_repeats() -> None:
    facts = OpportunityFacts(
        id=9, account_id=5, account_owner_id=DANA, duplicate_of_id=7, duplicate_owner_id=BO
    )
    result = verdict(facts, now=state(away_until=BO_AWAY | {DANA: OPEN_END}))
    assert result.rep_id in {ANA, CHEN}
    lines = ladder_lines([step.to_json() for step in result.steps], NAMES)
    assert lines[1].sentence == "Dana owns the account, but is away and of another team"


def test_an_owner_who_left_does_not_count() -> None:
    facts = OpportunityFacts(id=9, industry="Healthcare", duplicate_of_id=7, duplicate_owner_id=99)
    result, new = verdict(facts), verdict(OpportunityFacts(id=9, industry="Healthcare"))
    assert (result.rep_id, result.via, result.score) == (new.rep_id, new.via, new.score)
    assert said(result) == "repeats “Acme, analytics”, but its owner has left, so it is routed like any other"


def test_waits_until_what_it_repeats_is_decided() -> None:
    result = verdict(UNDECIDED)
    assert (result.outcome, result.via, result.rep_id, result.exempt) == ("hold", "duplicate", None, False)
    assert (
        said(result) == "repeats “Acme, analytics”, which is not decided yet: goes to whoever gets that one"
    )
    assert {why_out(result, rep_id) for rep_id in ROSTER.index} == {Exit.NOT_THE_OWNER}
    assert why_not(result, UNDECIDED, ANA) == "what it repeats is not decided yet"


@pytest.mark.parametrize("facts", [REPEAT, UNDECIDED])
def test_replays_from_what_is_stored(facts: OpportunityFacts) -> None:
    result = verdict(facts)
    stored = OpportunityFacts.from_json(json.loads(json.dumps(facts.to_json())))
    assert digest(verdict(stored)) == digest(result)
    assert (unpack_columns(pack_columns(result)).exits == result.exits).all()


def test_facts_from_before_replay_to_the_same_digest() -> None:
    """Digests that this ladder gave before there were repeats."""
    old = {"id": 1, "account_id": 5, "account_owner_id": BO}
    facts = OpportunityFacts.from_json(old)
    assert facts.to_json() == old
    inputs = Inputs(facts, ROSTER, state(), configuration(), MODEL, AT)
    assert digest(decide(inputs)) == NAMED_BEFORE
    inputs = Inputs(OpportunityFacts.from_json({"id": 1}), ROSTER, state(), configuration(), MODEL, AT)
    assert digest(decide(inputs)) == PREDICTED_BEFORE
    inputs = Inputs(facts, ROSTER, state(away_until=BO_AWAY), configuration(), MODEL, AT)
    assert digest(decide(inputs)) == AWAY_BEFORE


NAMED_BEFORE = "6938eb4dee62ce5317bd0edd11e459b6d8fcde4223c6ba5e3bfe0265e13fe17c"
PREDICTED_BEFORE = "97a676b3beefc127fbf5eced75014a6e18e445b5b6601dd72052f211401cc92a"
AWAY_BEFORE = "c8a547c2d5b2364f08bdfeeefd3531ef444ed34114e96bcb2fa3f8db29769ac7"
