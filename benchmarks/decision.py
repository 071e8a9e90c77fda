"""The pure decision with a trained model at 1,000 reps, 200 rules and 50 territories: time of one, on one core.

Included are what is stored (trace, packed columns) and what is said: the headline, the five parts, the ladder, and the
top five others with why not and what would change it. Reading the database is not. Beside it the bare matrix product of
the same shape: reps × effects by effects × dimensions.
"""

import datetime
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.organisation import make_organisation
from routing.engine.columns import DIMENSIONS
from routing.engine.comparison import Comparison, compare, runners_up
from routing.engine.configuration import Configuration
from routing.engine.explain import Names, headline, ladder_lines, parts
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import decide
from routing.engine.learning.training import train
from routing.engine.learning.trial import Champion
from routing.engine.model import EFFECT_DIMENSION, MatchModel
from routing.engine.roster import RepFacts, Roster, RosterState
from routing.engine.trace import known_of, pack_columns, trace_json
from routing.engine.verdict import Inputs
from routing.engine.worlds import (
    COMPETITORS,
    INDUSTRIES,
    LANGUAGES,
    PRODUCTS,
    REGIONS,
    SIZES,
    SOURCES,
    WorldSettings,
)

REPS, RULES, TERRITORIES, TEAMS = 1000, 200, 50, 25
NAMES = Names()
AT = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: p50_ms, p99_ms (one core, one decision at a time), vs_matmul (median over that of the matrix product)."""
    count = 300 if short else 2000
    rng = np.random.default_rng(1)
    roster, state, configuration = make_roster(rng), make_state(rng), make_configuration(rng)
    say("training the model")
    with threadpool_limits(limits=1):
        model = trained_model(3000 if short else 12_000)
        situations = [
            Inputs(make_facts(rng, i), roster, state, configuration, model, AT, seed=i) for i in range(count)
        ]
        for inputs in situations[:50]:
            one(inputs)
        say(f"{count} decisions at {REPS} reps, {RULES} rules, {TERRITORIES} territories")
        times_ms = np.array([_timed(partial(one, inputs)) for inputs in situations]) * 1000
        left = rng.normal(size=(REPS, len(EFFECT_DIMENSION)))
        right = rng.normal(size=(len(EFFECT_DIMENSION), len(DIMENSIONS)))
        product_ms = np.array([_timed(lambda: left @ right) for _ in range(count)]) * 1000
    return {
        "p50_ms": round(float(np.percentile(times_ms, 50)), 3),
        "p99_ms": round(float(np.percentile(times_ms, 99)), 3),
        "vs_matmul": round(float(np.median(times_ms) / np.median(product_ms)), 1),
        "decisions": count,
        "reps": REPS,
        "rules": RULES,
        "territories": TERRITORIES,
    }


def trained_model(deals: int) -> MatchModel:
    return MatchModel.from_artifact(2, trained_artifact(deals))


def trained_artifact(deals: int) -> dict[str, Any]:
    """A model that learned from a year of this many leads of as many reps; its ids are those of the roster."""
    organisation = make_organisation(WorldSettings(reps=REPS, deals=deals, max_open=25), 1)
    dataset = organisation.dataset()
    champion = Champion(1, MatchModel.prior_artifact(), None)
    artifact: dict[str, Any] = train(dataset, organisation.candidates(dataset), champion).artifact
    return artifact


def one(inputs: Inputs) -> tuple[object, ...]:
    """One decision with all that is stored and said of it."""
    verdict = decide(inputs)
    trace = trace_json(verdict, inputs)
    pack_columns(verdict)
    said: list[object] = [
        ladder_lines(trace["steps"], NAMES),
        headline(inputs.facts, verdict.via, trace, NAMES),
    ]
    if verdict.rep_id is not None and verdict.scores is not None:
        chosen = inputs.roster.index[verdict.rep_id]
        known = known_of(verdict.scores, inputs, chosen)
        said.append(parts(inputs.facts, verdict.scores.parts[chosen].tolist(), known, NAMES, True))
    compared = Comparison(inputs, verdict, NAMES)
    said += [compare(compared, rep_id) for rep_id in runners_up(inputs, verdict)]
    return tuple(said)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def make_roster(rng: np.random.Generator) -> Roster:
    kinds = {"industry": INDUSTRIES, "product": PRODUCTS, "language": LANGUAGES, "competitor": COMPETITORS}
    return Roster(
        tuple(
            RepFacts(
                id=i + 1,
                team_id=1 + i % TEAMS,
                seniority=int(rng.integers(1, 5)),
                technical_depth=int(rng.integers(0, 6)),
                deal_size_min=float(rng.integers(0, 50_000)),
                skills={
                    kind: {str(n).casefold(): 2 for n in rng.choice(names, 2, replace=False)}
                    for kind, names in kinds.items()
                },
                max_open=int(rng.integers(8, 40)),
            )
            for i in range(REPS)
        )
    )


def make_state(rng: np.random.Generator) -> RosterState:
    idle = RosterState.idle(REPS)
    return RosterState(
        load=rng.integers(0, 25, REPS),
        pending=rng.integers(0, 3, REPS),
        week=rng.integers(0, 15, REPS),
        day=rng.integers(0, 6, REPS),
        pipeline_value=rng.lognormal(12, 1, REPS),
        away_until=idle.away_until,
        absence_in=idle.absence_in,
        works_now=rng.random(REPS) < 0.8,
        turn_finish=rng.integers(0, 50, REPS).astype(float),
    )


def make_configuration(rng: np.random.Generator) -> Configuration:
    territories = [
        {
            "id": i + 1,
            "name": f"T{i}",
            "condition": {"all": [{"field": "country", "op": "is", "value": f"C{i % 10}"},
                                  {"field": "region", "op": "in", "value": [REGIONS[i % 10], f"R{i}"]}]},
            "coverage": [{"team_id": 1 + i % TEAMS}, {"team_id": 1 + (i + 7) % TEAMS}, {"rep_id": i + 1}],
        }
        for i in range(TERRITORIES)
    ]  # fmt: skip
    rules = [
        {
            "id": i + 1,
            "name": f"Rule {i}",
            "action": ("require", "exclude_reps")[i % 2],
            "required_field": "industry",
            "excluded": [int(rng.integers(1, REPS))],
            "condition": {
                "all": [
                    {"field": "industry", "op": "in", "value": [str(rng.choice(INDUSTRIES)), "Other"]},
                    {"any": [{"field": "value", "op": "over", "value": int(rng.integers(1, 300)) * 1000},
                             {"field": "source", "op": "is", "value": str(rng.choice(SOURCES))}]},
                ]
            },
        }
        for i in range(RULES)
    ]  # fmt: skip
    policies = [
        {"id": 1, "name": "All", "condition": {}, "application": "assign", "fallback": ["round_robin"]}
    ]
    return Configuration.from_content(
        1, {"territories": territories, "rules": rules, "policies": policies, "default_team_id": 1}
    )


def make_facts(rng: np.random.Generator, i: int) -> OpportunityFacts:
    region = int(rng.integers(10))
    return OpportunityFacts(
        id=i + 1,
        industry=str(rng.choice(INDUSTRIES)),
        product=str(rng.choice(PRODUCTS)),
        source=str(rng.choice(SOURCES)),
        language=str(rng.choice(LANGUAGES)),
        country=f"C{region}",
        region=REGIONS[region],
        size_band=str(rng.choice(SIZES)),
        competitors=(str(rng.choice(COMPETITORS)),),
        complexity=int(rng.integers(1, 6)),
        value=float(rng.lognormal(11, 1)),
        lead_score=int(rng.integers(0, 101)),
    )
