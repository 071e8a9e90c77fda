"""Who works now and has room comes first, where a policy asks for it: worked examples. No database."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings

from routing.engine.comparison import Comparison, compare
from routing.engine.configuration import Configuration
from routing.engine.explain import Names, ladder_lines
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import decide
from routing.engine.roster import RosterState
from routing.engine.trace import digest, exit_code, pack_columns, unpack_columns
from routing.engine.verdict import Exit, Inputs, Verdict
from tests.routing.engine.test_ladder import (
    ANA,
    AT,
    BO,
    CHEN,
    DANA,
    EVA,
    FINN,
    MODEL,
    ROSTER,
    configuration,
    situations,
    state,
)

FACTS = OpportunityFacts(id=1, industry="Healthcare", urgency="now")  # Ana and Finn know Healthcare
NAMES = Names(reps={ANA: "Ana", BO: "Bo", CHEN: "Chen"}, teams={1: "East", 2: "West"})
OFF = dict.fromkeys((ANA, FINN), False)


def urgent(**changes: Any) -> Configuration:
    policy = {
        "id": 1,
        "name": "Urgent",
        "condition": {},
        "application": "assign",
        "threshold": 0,
        "fallback": ["round_robin", "hold"],
        "prefers_ready": True,
    }
    return configuration(policies=[policy | changes])


def inputs_of(now: RosterState, live: Configuration, facts: OpportunityFacts = FACTS) -> Inputs:
    return Inputs(facts, ROSTER, now, live, MODEL, AT)


def decided(now: RosterState, live: Configuration | None = None) -> Verdict:
    return decide(inputs_of(now, live or urgent()))


def said(result: Verdict) -> list[str]:
    lines = ladder_lines([step.to_json() for step in result.steps], NAMES)
    return [line.sentence for line in lines if line.label in ("Quick answer", "Fallback")]


def why_out(result: Verdict, rep_id: int) -> Exit:
    return exit_code(int(result.exits[ROSTER.index[rep_id]]))


class TestPrediction:
    def test_the_best_of_those_who_work_now_and_have_room(self) -> None:
        now = state(works_now=OFF, load={CHEN: 8})  # Chen works, near capacity; Bo, Dana and Eva are ready
        result = decided(now)
        assert (result.rep_id, result.via) == (BO, "prediction")
        assert said(result) == ["needs a quick answer: 3 of 5 work now and have room; chosen among them"]
        assert [why_out(result, one) for one in (ANA, FINN, CHEN, DANA, EVA)] == [
            Exit.NOT_READY,
            Exit.NOT_READY,
            Exit.NOT_HIGH_MATCH,
            Exit.LOWER_PRIORITY,
            Exit.LOWER_PRIORITY,
        ]

    def test_everybody_eligible_where_nobody_of_them_is_confident(self) -> None:
        result = decided(state(works_now=OFF), urgent(threshold=52))
        assert result.rep_id == ANA
        assert said(result) == [
            "needs a quick answer: 4 of 6 work now and have room, but nobody of them is a clear match; "
            "chosen among all 6"
        ]

    def test_everybody_eligible_where_nobody_is_ready(self) -> None:
        result = decided(state(works_now=dict.fromkeys(ROSTER.index, False)))
        assert result.rep_id == ANA
        assert said(result) == [
            "needs a quick answer: nobody of 6 works now and has room; chosen among all 6"
        ]

    def test_somebody_near_capacity_is_not_ready(self) -> None:
        now = state(load={ANA: 8, FINN: 8})
        live = dataclasses.replace(
            urgent(), capacity=dataclasses.replace(urgent().capacity, high_match_score=40.0)
        )
        result = decide(inputs_of(now, live))
        assert result.rep_id == BO
        assert [why_out(result, one) for one in (ANA, FINN)] == [Exit.NOT_READY, Exit.NOT_READY]

    def test_explores_among_them_only(self) -> None:
        live = urgent(exploration_share=0.5, exploration_within=30)
        now = state(works_now=OFF)
        results = [decide(dataclasses.replace(inputs_of(now, live), seed=seed)) for seed in range(60)]
        assert {result.rep_id for result in results} == {BO, CHEN, DANA, EVA}
        assert results[0].propensities is not None
        assert results[0].propensities[ROSTER.index[ANA]] == 0

    def test_a_named_account_and_a_named_rep_are_not_asked(self) -> None:
        owned = dataclasses.replace(FACTS, account_id=1, account_owner_id=ANA)
        result = decide(inputs_of(state(works_now=OFF), urgent(), owned))
        assert (result.rep_id, result.via) == (ANA, "named_account")


class TestWhyNot:
    @pytest.mark.parametrize(
        ("now", "reason", "change"),
        [
            (
                state(works_now={ANA: False}),
                "does not work now, and this needs a quick answer",
                "the working day’s begin",
            ),
            (state(load={ANA: 8}), "is near capacity, and this needs a quick answer", "a lower load"),
        ],
    )
    def test_says_what_is_missing(self, now: RosterState, reason: str, change: str) -> None:
        live = dataclasses.replace(
            urgent(), capacity=dataclasses.replace(urgent().capacity, high_match_score=40.0)
        )
        inputs = inputs_of(now, live)
        other = compare(Comparison(inputs, decide(inputs), NAMES), ANA)
        assert (other.why.reason, other.why.change) == (reason, change)

    def test_survives_storage(self) -> None:
        result = decided(state(works_now=OFF))
        stored = unpack_columns(pack_columns(result))
        i = ROSTER.index[ANA]
        assert exit_code(int(stored.exits[i])) is Exit.NOT_READY
        assert not np.isnan(stored.parts[i]).any()


class TestTurns:
    LIVE = urgent(threshold=99)

    def test_those_ready_have_the_first_turn(self) -> None:
        now = state(works_now=OFF, turn_finish={BO: 9.0})
        result = decided(now, self.LIVE)
        assert (result.rep_id, result.via) == (CHEN, "round_robin")  # Ana would be first by turn
        assert said(result)[-1] == "round-robin in East: Chen is next of 2 who work now and have room"
        assert why_out(result, ANA) is Exit.NOT_READY
        assert why_out(result, BO) is Exit.NOT_THE_TURN

    def test_then_everybody_available(self) -> None:
        result = decided(state(works_now=dict.fromkeys(ROSTER.index, False)), self.LIVE)
        assert (result.rep_id, result.via) == (ANA, "round_robin")
        assert said(result)[-1] == "round-robin in East: Ana is next of 3"


class TestAlways:
    def test_digests_of_ladder_3(self) -> None:
        """Literal digests made by ladder 3: where nobody asks for it, this one decides alike."""
        off = urgent(prefers_ready=False)
        strict = urgent(prefers_ready=False, threshold=99)
        now = state(works_now=OFF, load={CHEN: 8})
        assert [digest(decide(inputs_of(now, live)))[:16] for live in (off, strict)] == DIGESTS

    @given(situations())
    @settings(max_examples=150, deadline=None)
    def test_changes_only_who_is_chosen_and_never_beyond_the_eligible(self, inputs: Inputs) -> None:
        plain = decide(inputs)
        policies = tuple(
            dataclasses.replace(policy, prefers_ready=True) for policy in inputs.configuration.policies
        )
        asked = dataclasses.replace(
            inputs, configuration=dataclasses.replace(inputs.configuration, policies=policies)
        )
        result = decide(asked)
        assert (result.rep_id is None) == (plain.rep_id is None)
        assert result.via == plain.via
        if result.rep_id is not None:
            assert plain.exits[inputs.roster.index[result.rep_id]] in (
                Exit.IN,
                Exit.LOWER_PRIORITY,
                Exit.NOT_THE_TURN,
            )

    @given(situations())
    @settings(max_examples=100, deadline=None)
    def test_nothing_changes_where_everybody_is_ready(self, inputs: Inputs) -> None:
        n = len(inputs.roster)
        assume(n > 0)
        idle = dataclasses.replace(inputs, state=RosterState.idle(n))
        live = idle.configuration
        asked = dataclasses.replace(
            live, policies=tuple(dataclasses.replace(one, prefers_ready=True) for one in live.policies)
        )
        plain, result = decide(idle), decide(dataclasses.replace(idle, configuration=asked))
        assert (result.rep_id, result.via, result.propensity) == (plain.rep_id, plain.via, plain.propensity)
        np.testing.assert_array_equal(result.exits, plain.exits)


DIGESTS = ["7b3ed170f6ce7cf6", "9354b05e23700b9a"]
