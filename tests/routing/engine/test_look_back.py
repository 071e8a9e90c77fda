"""One logged decision under another policy: chances, overlap, estimates of then. No database."""

import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from routing.engine.configuration import Configuration
from routing.engine.facts import OpportunityFacts
from routing.engine.look_back import Seen, expected_of, log_of, look_back
from routing.engine.model import MatchModel
from routing.engine.roster import RepFacts, Roster, RosterState
from routing.engine.verdict import Inputs

AT = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
ANA, BO = 1, 2
ROSTER = Roster(
    (RepFacts(id=ANA, team_id=1, skills={"industry": {"healthcare": 2}}), RepFacts(id=BO, team_id=1))
)


def configuration(
    *, share: float = 0.0, rules: tuple[dict[str, Any], ...] = (), **policy: Any
) -> Configuration:
    row = {"id": 1, "name": "All", "condition": {}, "application": "assign", "threshold": 0, "fallback": ["hold"],
           "exploration_share": share, "exploration_within": 30} | policy  # fmt: skip
    return Configuration.from_content(1, {"policies": [row], "rules": list(rules)})


def learned(*, ana: float = 0.4) -> MatchModel:
    """Ana's odds e^.4 times, Bo's as they are; nothing else matters."""
    return MatchModel.from_artifact(
        2,
        {
            "format": 2, "lead": {"intercept": 0.0}, "pair": {}, "rep": {str(ANA): ana, str(BO): 0.0}, "cross": {},
            "levels": {"kept": {}, "edges": {}, "labels": {}}, "calibration": {"intercept": 0.0, "slope": 1.0},
        },
    )  # fmt: skip


def situation(**values: Any) -> Inputs:
    facts = OpportunityFacts(id=7, industry="Healthcare")
    given: dict[str, Any] = {"configuration": configuration(share=0.4), "model": learned()} | values
    return Inputs(facts, ROSTER, RosterState.idle(2), at=AT, **given)


def test_the_same_without_exploring() -> None:
    inputs = situation()
    won = {ANA: 1 / (1 + np.exp(-0.4)), BO: 0.5}
    other = replace(inputs, configuration=configuration())
    for rep, propensity, target in ((ANA, 0.8, 1.0), (BO, 0.2, 0.0)):
        seen = look_back(inputs, other, rep)
        assert (seen.propensity, seen.target) == pytest.approx((propensity, target))
        assert (seen.q_logged, seen.q_target) == pytest.approx((won[rep], won[ANA]))
        assert seen.squared == pytest.approx(1 / 0.8)
        assert seen.has_overlap


def test_estimates_are_of_the_model_that_decided_whatever_is_valued() -> None:
    inputs = situation()
    seen = look_back(inputs, replace(inputs, model=learned(ana=-3.0)), ANA)
    assert seen.q_logged == pytest.approx(1 / (1 + np.exp(-0.4)))
    assert seen.target == pytest.approx(0.0, abs=0.2)


def test_what_the_log_never_does_has_no_overlap() -> None:
    inputs = situation(configuration=configuration())
    to_bo = {"id": 1, "name": "All to Bo", "condition": {}, "action": "route_to_rep", "rep_id": BO}
    seen = look_back(inputs, replace(inputs, configuration=configuration(rules=(to_bo,))), ANA)
    assert (seen.has_overlap, seen.target, seen.named, seen.squared) == (False, 0.0, 1.0, 0.0)
    held = look_back(inputs, replace(inputs, configuration=configuration(threshold=99)), ANA)
    assert (held.has_overlap, held.named) == (False, 0.0)


def test_where_rules_decided_the_other_half_of_the_accounts_stands_for_everybody() -> None:
    inputs = situation(model=MatchModel.from_artifact(1, MatchModel.prior_artifact()))
    seen = [look_back(inputs, replace(inputs, configuration=configuration()), ANA)] * 4
    assert np.isnan(seen[0].q_logged)
    reward, account = np.array([1.0, 1.0, 0.0, 1.0]), np.array([30, 10, 20, 20])
    log = log_of(seen, reward, np.full(4, seen[0].propensity), account)
    # 10 and 30 are in one half, 20 in the other
    assert log.q_logged.tolist() == log.q_target.tolist() == [0.5, 0.5, 1.0, 1.0]
    assert expected_of(reward[:1], account[:1]).tolist() == [0.5]


def test_a_bit_of_the_last_place_is_no_error() -> None:
    seen = Seen(1.0000000000000002, 1.0000000000000002, 0.5, 0.5, True, 1.0, 1.0)
    assert log_of(
        [seen], np.array([1.0]), np.array([1.0000000000000002]), np.array([1])
    ).propensity.tolist() == [1.0]
