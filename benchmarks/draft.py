"""Trying a draft: 10,000 past opportunities under two configurations of 200 rules and 50 territories, 300 reps."""

import datetime
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.decision import make_configuration
from benchmarks.organisation import facts_of, roster_of
from routing.engine.dry_run import Arrival, dry_run
from routing.engine.model import MatchModel
from routing.engine.worlds import WorldSettings, draw_leads, make_world, play_history

ARRIVALS, REPS = 10_000, 300
BEGIN = datetime.datetime(2025, 3, 1, tzinfo=datetime.UTC)


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: dry_run_s (playing them; reading the database is not in it), moved."""
    count = ARRIVALS // 10 if short else ARRIVALS
    settings = WorldSettings(reps=REPS, deals=count, max_open=25)
    world = make_world(settings, 1)
    rng = np.random.default_rng(2)
    leads = draw_leads(world, count, rng)
    history = play_history(world, leads, rng)
    arrivals = [
        Arrival(
            facts, BEGIN + datetime.timedelta(days=float(day)), BEGIN + datetime.timedelta(days=float(end))
        )
        for facts, day, end in zip(facts_of(leads), leads.day, history.closed_day, strict=True)
    ]
    live, draft = (make_configuration(np.random.default_rng(seed)) for seed in (1, 3))
    model = MatchModel.from_artifact(1, MatchModel.prior_artifact())
    with threadpool_limits(limits=1):
        started = time.perf_counter()
        found = dry_run(arrivals, (), roster_of(world), model, live, draft, say=lambda done, total: None)
        seconds = time.perf_counter() - started
    say(f"{found.moved:,} of {count:,} would go elsewhere")
    return {"dry_run_s": round(seconds, 2), "moved": found.moved, "arrivals": count, "reps": REPS}
