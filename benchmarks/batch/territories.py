"""A large batch as an organisation has it: territories, languages, weights from a model that knows every effect."""

import datetime
from typing import Any

import numpy as np

from benchmarks.batch.alone import measured
from benchmarks.batch.instances import slots
from benchmarks.organisation import facts_of, roster_of
from routing.engine.batch.certificate import verify
from routing.engine.batch.optimise import optimise
from routing.engine.batch.pairs import Bands, Pairs
from routing.engine.batch.plan import Plan
from routing.engine.batch.problem import Problem
from routing.engine.batch.weights import pair_log_odds, win_probabilities
from routing.engine.facts import OpportunityFacts
from routing.engine.levels import CROSSED, Levels
from routing.engine.model import MatchModel, match_score
from routing.engine.roster import Floats, Ints, Roster
from routing.engine.worlds import WorldSettings, draw_leads, make_world

REPS_PER_TERRITORY, COVER_A_SECOND = 25, 0.3
OTHER_LANGUAGES, NEED_ANOTHER, SPEAK = 3, 0.2, 0.35
HIGH_MATCH = 70
NEAR_PRICE = 0.05  # of the mean weight
AT = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)


def territories(opportunities: int, reps: int) -> dict[str, Any]:
    """Scoring and solving; opportunities and roster are there before."""
    rng = np.random.default_rng(3)
    world = make_world(WorldSettings(reps=reps, deals=1), 3)
    leads = draw_leads(world, opportunities, rng)
    facts, roster = facts_of(leads), roster_of(world)
    model = synthetic_model(facts[:5000], roster, rng)
    row, rep = eligible(opportunities, reps, rng)
    capacity = slots(opportunities, reps, rng)[:, :2]
    run = measured(lambda: _decided(model, facts, leads.value, roster, row, rep, capacity))
    problem, plan, weights_s = run.result
    wrong = verify(problem, plan)
    if wrong:
        raise AssertionError(wrong[0])
    return {
        "seconds": round(run.seconds, 1),
        "weights_s": round(weights_s, 1),
        "peak_mb": round(run.peak_mb),
        "gap": plan.gap,
        "pairs": len(row),
        "assigned": int((plan.rep >= 0).sum()),
        "opportunities": opportunities,
        "reps": reps,
    }


def _decided(
    model: MatchModel,
    facts: list[OpportunityFacts],
    value: Floats,
    roster: Roster,
    row: Ints,
    rep: Ints,
    capacity: Ints,
) -> tuple[Problem, Plan, float]:
    scored = measured(lambda: _weights(model, facts, value, roster, row, rep))
    weight, high = scored.result
    bands = Bands(capacity, np.array([0.0, NEAR_PRICE * weight.mean()]))
    problem = Problem(np.arange(len(facts)), roster.ids, Pairs(row, rep, weight, high), bands)
    return problem, optimise(problem), scored.seconds


def _weights(
    model: MatchModel, facts: list[OpportunityFacts], value: Floats, roster: Roster, row: Ints, rep: Ints
) -> tuple[Floats, Any]:
    """Expected value of each pair, and whether it is a high match among those who could have the opportunity."""
    odds = pair_log_odds(model, facts, roster, row, rep, load_share=np.zeros(len(roster)))
    chance = win_probabilities(model, facts, row, odds, AT)
    assert isinstance(chance, np.ndarray)
    count = np.maximum(np.bincount(row, minlength=len(facts)), 1)
    average = np.bincount(row, odds, minlength=len(facts)) / count
    return chance * value[row], match_score(odds - average[row]) >= HIGH_MATCH


def eligible(opportunities: int, reps: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The pairs of a territory's leads with those who cover it and speak the language that is needed."""
    count = max(reps // REPS_PER_TERRITORY, 1)
    covers = np.zeros((count, reps), dtype=bool)
    covers[np.arange(reps) * count // reps, np.arange(reps)] = True
    second = np.flatnonzero(rng.random(reps) < COVER_A_SECOND)
    covers[rng.integers(0, count, len(second)), second] = True
    speaks = rng.random((OTHER_LANGUAGES + 1, reps)) < SPEAK
    speaks[0] = True
    language = np.where(
        rng.random(opportunities) < NEED_ANOTHER, rng.integers(1, OTHER_LANGUAGES + 1, opportunities), 0
    )
    group = rng.integers(0, count, opportunities) * (OTHER_LANGUAGES + 1) + language
    members = [np.flatnonzero(team & tongue) for team in covers for tongue in speaks]
    sizes = np.array([len(who) for who in members])[group]
    return np.repeat(np.arange(opportunities), sizes), np.concatenate([members[one] for one in group])


def synthetic_model(facts: list[OpportunityFacts], roster: Roster, rng: np.random.Generator) -> MatchModel:
    """An artifact with every kind of effect in it, drawn instead of learned."""
    levels = Levels.learned_from(facts)
    ids = [str(rep.id) for rep in roster.reps]

    def drawn(names: list[str], sd: float) -> dict[str, float]:
        return dict(zip(names, rng.normal(0.0, sd, len(names)).tolist(), strict=True))

    lead = drawn([f"{name}={level}" for name, kept in levels.kept.items() for level in kept], 0.3)
    artifact = {
        "format": 2,
        "pair": MatchModel.prior_artifact()["effects"],
        "levels": levels.to_json(),
        "lead": {**lead, "intercept": -1.2},
        "rep": drawn(ids, 0.35),
        "cross": {name: {level: drawn(ids, 0.1) for level in levels.kept.get(name, ())} for name in CROSSED},
        "calibration": {"intercept": 0.0, "slope": 1.0},
    }
    return MatchModel.from_artifact(2, artifact)
