"""Two configurations on the same past. No database."""

import datetime
import math
from typing import Any

import pytest

from routing.engine.configuration import Configuration
from routing.engine.dry_run import Arrival, DryRun, Owned, dry_run
from routing.engine.facts import OpportunityFacts
from routing.engine.model import MatchModel
from routing.engine.roster import RepFacts, Roster

MODEL = MatchModel.from_artifact(1, MatchModel.prior_artifact())
ANA, BO, CHEN = 1, 2, 3
ROSTER = Roster(
    (
        RepFacts(ANA, 1, skills={"industry": {"healthcare": 2}}, max_open=10),
        RepFacts(BO, 1, max_open=10),
        RepFacts(CHEN, 2, max_open=2),
    )
)
START = datetime.datetime(2026, 1, 5, 9, tzinfo=datetime.UTC)


def arrival(number: int, hours: float, *, open_days: float | None = None, **facts: Any) -> Arrival:
    at = START + datetime.timedelta(hours=hours)
    ends = None if open_days is None else at + datetime.timedelta(days=open_days)
    return Arrival(OpportunityFacts(id=number, **facts), at, ends)


def configuration(*rules: dict[str, Any]) -> Configuration:
    policy = {
        "id": 1,
        "name": "All",
        "condition": {},
        "application": "assign",
        "fallback": ["round_robin", "hold"],
    }
    named = [{"id": i + 1, "name": f"rule {i}", "condition": {}, **rule} for i, rule in enumerate(rules)]
    return Configuration.from_content(1, {"policies": [policy], "default_team_id": 1, "rules": named})


def run(arrivals: list[Arrival], *rules: dict[str, Any], owned: tuple[Owned, ...] = ()) -> DryRun:
    return dry_run(arrivals, owned, ROSTER, MODEL, configuration(), configuration(*rules))


TO_CHEN = {"action": "route_to_rep", "rep_id": CHEN}


def test_the_same_configuration_moves_nothing() -> None:
    found = run([arrival(i, i, industry=("Healthcare", "Energy")[i % 2]) for i in range(30)])
    assert (found.arrivals, found.moved, found.moves, found.pairs) == (30, 0, (), {})
    assert found.before == found.after
    assert sum(found.before.by_rep.values()) + found.before.held == 30


def test_says_who_would_lose_what_to_whom() -> None:
    arrivals = [arrival(i, i * 300, open_days=1, industry="Healthcare") for i in range(4)]
    found = run(arrivals, TO_CHEN)
    assert (found.moved, found.pairs) == (4, {(ANA, CHEN): 4})
    assert found.moves[0].opportunity_id == 0
    assert (found.moves[0].from_via, found.moves[0].to_via) == ("prediction", "rule")
    assert (found.before.by_rep, found.after.by_rep) == ({ANA: 4}, {CHEN: 4})


def test_what_one_gives_away_fills_its_own_world_only() -> None:
    arrivals = [arrival(i, i, industry="Healthcare") for i in range(5)]
    found = run(arrivals, TO_CHEN)
    assert found.after.by_rep[CHEN] == 2  # the maximum; the others fall back within the team of the rule
    assert found.after.peak_pct[CHEN] == 100.0
    assert found.after.held == 3
    assert found.before.held == 0


def test_room_comes_back_when_something_closes() -> None:
    arrivals = [arrival(i, i * 48, open_days=1, industry="Healthcare") for i in range(6)]
    found = run(arrivals, TO_CHEN)
    assert found.after.by_rep == {CHEN: 6}


def test_what_was_open_before_counts_in_both_worlds() -> None:
    owned = tuple(Owned(CHEN, 0.0, None) for _ in range(2))
    found = run([arrival(1, 0)], TO_CHEN, owned=owned)
    assert found.after.by_rep.get(CHEN) is None
    assert found.before.peak_pct[CHEN] == found.after.peak_pct[CHEN] == 100.0


def test_the_order_of_reading_does_not_matter() -> None:
    arrivals = [
        arrival(i, (i * 7) % 50, open_days=2, industry=("Healthcare", "Energy")[i % 2]) for i in range(40)
    ]
    assert run(arrivals, TO_CHEN) == run(arrivals[::-1], TO_CHEN)


def test_expected_wins_only_where_something_was_learned() -> None:
    found = run([arrival(1, 0)])
    assert found.before.expected_wins is None
    assert found.after.expected_wins_low is None


def test_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    arrivals = [arrival(i, i) for i in range(250)]
    dry_run(
        arrivals,
        (),
        ROSTER,
        MODEL,
        configuration(),
        configuration(),
        say=lambda done, total: told.append((done, total)),
    )
    assert told == [(0, 250), (100, 250), (200, 250)]


@pytest.mark.parametrize("days", [6.9, 7.1])
def test_the_weekly_cap_rolls(days: float) -> None:
    capped = Roster((RepFacts(ANA, 1, max_open=100, max_new_per_week=1),))
    arrivals = [arrival(1, 0), arrival(2, days * 24)]
    found = dry_run(arrivals, (), capped, MODEL, configuration(), configuration())
    assert found.before.by_rep[ANA] == (1 if days < 7 else 2)


def learned(number: int, ana: float, bo: float) -> MatchModel:
    """Win probabilities by rep alone."""
    return MatchModel.from_artifact(
        number,
        {
            "format": 2, "lead": {"intercept": 0.0}, "pair": {}, "rep": {str(ANA): ana, str(BO): bo, str(CHEN): -9.0},
            "cross": {}, "levels": {"kept": {}, "edges": {}, "labels": {}},
            "calibration": {"intercept": 0.0, "slope": 1.0},
        },
    )  # fmt: skip


def test_another_model_chooses_in_the_second_world_and_the_first_says_what_to_expect() -> None:
    decides, other = learned(1, 0.4, 0.0), learned(2, 0.0, 5.0)
    arrivals = [arrival(i, i * 300, open_days=1) for i in range(3)]
    found = dry_run(arrivals, (), ROSTER, decides, configuration(), configuration(), after_model=other)
    assert (found.before.by_rep, found.after.by_rep) == ({ANA: 3}, {BO: 3})
    assert found.before.expected_wins == pytest.approx(3 / (1 + math.exp(-0.4)))
    assert found.after.expected_wins == pytest.approx(
        1.5
    )  # Bo's chance by the model that decides, not by his own


def test_says_who_passes_which_limit_how_often() -> None:
    """What an account's owner gets passes limits."""
    roster = Roster((RepFacts(ANA, 1, max_open=2, max_new_per_week=1), RepFacts(BO, 1)))
    arrivals = [arrival(i, i, account_owner_id=ANA) for i in range(4)]
    found = dry_run(arrivals, (), roster, MODEL, configuration(), configuration())
    assert found.after.by_rep == {ANA: 4}
    assert (found.after.past_maximum_of, found.after.past_week_of) == ({ANA: 2}, {ANA: 3})
    assert (found.after.past_maximum, found.after.past_week) == (2, 3)
