"""The same batch with one cluster of one worker, and with two: how many times faster two are."""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import psycopg

from benchmarks.realtime import stack

FILLED, RUN = "batch_filled", "batch_run"
STARTED_WITHIN = 60.0  # seconds
MODULE = "benchmarks.batch.house"


def clusters_2_vs_1(leads: int, reps: int, rounds: int, say: Any) -> dict[str, Any]:
    """`speedup`: the median seconds of one cluster over those of two, each round on a copy of the same database."""
    found: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    with stack.scratch_database(FILLED) as filled:
        say(f"{leads:,} leads and {reps:,} reps in territories, for workers of the product")
        stack.run_module(filled, MODULE, "fill", str(leads), str(reps))
        for number in range(rounds):
            for clusters in (1, 2) if number % 2 == 0 else (2, 1):
                say(f"Round {number + 1}: {clusters} cluster{'s' if clusters > 1 else ''} of one worker")
                found[clusters].append(_run(clusters))
    plans = {
        (one["parts"], one["published"], round(one["objective"], 2))
        for some in found.values()
        for one in some
    }
    if len(plans) != 1:
        raise AssertionError(f"The plans differ: {plans}")
    one, two = (median(run["seconds"] for run in found[clusters]) for clusters in (1, 2))
    first = found[1][0]
    return {
        "speedup": round(one / two, 2),
        "seconds_1": round(one, 1),
        "seconds_2": round(two, 1),
        **{name: first[name] for name in ("parts", "published", "gap", "verified")},
        "opportunities": leads,
        "reps": reps,
        "rounds": rounds,
    }


def _run(clusters: int) -> dict[str, Any]:
    with stack.scratch_database(RUN, template=FILLED) as database:
        stack.settle(database)
        with _working(database, clusters):
            printed = stack.run_module(database, MODULE, "run")
            found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
            return found


@contextlib.contextmanager
def _working(database: str, clusters: int) -> Iterator[None]:
    """Clusters as bin/start runs them, once each has begun to work."""
    with tempfile.TemporaryFile() as log:
        started = [
            subprocess.Popen(
                stack.commands(0)["worker"], cwd=stack.ROOT, env=stack.environment(database, WORKERS="1"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
            for _ in range(clusters)
        ]  # fmt: skip
        try:
            _wait_until_quiet(database, started)
            yield
        finally:
            stack.stop(started)


def _wait_until_quiet(database: str, started: list["subprocess.Popen[bytes]"]) -> None:
    """Until each cluster is connected and what is due at the beginning is done."""
    until = time.monotonic() + STARTED_WITHIN
    with psycopg.connect(database, autocommit=True) as asked:
        while time.monotonic() < until:
            row = asked.execute("SELECT count(*) FROM django_q_task").fetchone()
            if row is not None and row[0] >= len(started):
                time.sleep(3)
                return
            time.sleep(0.5)
    raise RuntimeError("The workers did not begin to work.")
