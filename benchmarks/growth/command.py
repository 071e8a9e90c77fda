"""The figures of `benchmark growth`."""

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.growth import clients
from benchmarks.realtime import stack, world

DATABASE = "benchmark_growth"
PASTS, PASTS_SHORT = (10_000, 100_000, 1_000_000), (1_000, 5_000, 20_000)
ROUNDS, ROUNDS_SHORT = 400, 100
FOLLOWED = 5  # times that the worker follows up a part of them


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: ratio, follow_ratio, past (decisions → ms, p99_ms, follow_ms a lead, database_gb, bytes_per_decision with
    its indexes, months), violations (of the longest past)."""
    pasts, rounds = (PASTS_SHORT, ROUNDS_SHORT) if short else (PASTS, ROUNDS)
    with contextlib.ExitStack() as open_:
        first = open_.enter_context(stack.scratch_database(DATABASE))
        say("An organisation of 1,000 reps, and leads to copy")
        token = stack.fill(first, "short")
        stack.run_module(first, "benchmarks.growth.past", "originals")
        databases, told = [], []
        for past in pasts:
            name = f"{DATABASE}_{past}"
            databases.append(open_.enter_context(stack.scratch_database(name, template=DATABASE)))
            say(f"{past:,} past decisions")
            told.append(_told(stack.run_module(databases[-1], "benchmarks.growth.past", "fill", str(past))))
            stack.settle(databases[-1])
        say(f"{rounds} leads to each in turn")
        posted, followed = _measured(databases, token, rounds)
        say("Checking the longest past")
        violations = _told(stack.run_module(databases[-1], "benchmarks.growth.past", "check"))["violations"]
    medians, following = (
        [float(np.median(one)) for one in posted],
        [float(np.median(one)) for one in followed],
    )
    return {
        "ratio": round(medians[-1] / medians[0], 3),
        "follow_ratio": round(following[-1] / following[0], 3),
        "past": {
            str(past): {
                "ms": round(1000 * medians[place], 2),
                "p99_ms": round(1000 * float(np.percentile(posted[place], 99)), 2),
                "follow_ms": round(1000 * following[place], 2),
                **told[place],
            }
            for place, past in enumerate(pasts)
        },
        "violations": violations,
    }


def _measured(
    databases: Sequence[str], token: str, rounds: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds of each POST, and of following up one lead, by database."""
    posted: list[list[float]] = [[] for _ in databases]
    followed: list[list[float]] = [[] for _ in databases]
    with contextlib.ExitStack() as open_:
        webs = [open_.enter_context(stack.running(one, token, worker=False)) for one in databases]
        workers = [open_.enter_context(clients.following(one)) for one in databases]
        leads = world.leads()
        clients.in_turn(webs, leads, rounds // 10)  # what a process keeps is filled
        for worker in workers:
            worker.follow()
        for _ in range(FOLLOWED):
            for place, seconds in enumerate(clients.in_turn(webs, leads, rounds // FOLLOWED)):
                posted[place] += seconds
            for place, worker in enumerate(workers):
                followed[place].append(worker.follow() / (rounds // FOLLOWED))
    return posted, followed


def _told(printed: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return told
