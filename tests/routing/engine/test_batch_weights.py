"""Weights of many pairs at once are those of one decision after the other."""

import datetime

import numpy as np

from benchmarks.batch.territories import synthetic_model
from benchmarks.organisation import facts_of, roster_of
from reps.engine.unavailable import Unavailable
from routing.engine.batch.weights import pair_log_odds, win_probabilities
from routing.engine.columns import columns
from routing.engine.model import MatchModel, score
from routing.engine.worlds import WorldSettings, draw_leads, make_world

AT = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)


def test_each_pair_has_the_chance_that_a_decision_gives_it() -> None:
    rng = np.random.default_rng(1)
    world = make_world(WorldSettings(reps=30, deals=1), 1)
    facts, roster = facts_of(draw_leads(world, 60, rng)), roster_of(world)
    model = synthetic_model(facts, roster, rng)
    load, covers = rng.random(30), rng.choice([0.0, 0.5, 1.0], (60, 30))
    row, rep = np.nonzero(rng.random((60, 30)) < 0.4)
    odds = pair_log_odds(
        model, facts, roster, row, rep, load_share=load, covers=covers[row, rep], default_language="English"
    )
    chance = win_probabilities(model, facts, row, odds, AT)
    everybody = np.ones(30, dtype=bool)
    for place, one in enumerate(facts):
        found = columns(one, roster, covers=covers[place], load_share=load, default_language="English")
        scores = score(model, found, everybody, facts=one, roster=roster, at=AT)
        own = row == place
        np.testing.assert_allclose(chance[own], scores.win_probability[rep[own]], rtol=1e-12)


def test_where_nothing_was_learned_no_chance_is_invented() -> None:
    world = make_world(WorldSettings(reps=5, deals=1), 1)
    facts, roster = facts_of(draw_leads(world, 3, np.random.default_rng(1))), roster_of(world)
    model = MatchModel.from_artifact(1, MatchModel.prior_artifact())
    row, rep = np.nonzero(np.ones((3, 5), dtype=bool))
    odds = pair_log_odds(model, facts, roster, row, rep, load_share=np.zeros(5))
    assert np.ptp(odds) > 0  # declared skills count
    assert win_probabilities(model, facts, row, odds, AT) == Unavailable(
        "the model has learned from no deal yet"
    )
