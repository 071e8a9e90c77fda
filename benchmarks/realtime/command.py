"""The figures of `benchmark realtime`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import decision
from benchmarks.realtime import client, queries, stack, world
from benchmarks.realtime.world import LARGE

DATABASE = "benchmark_realtime"
LINES = 8
BULK_ROWS = 500


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: vs_bare_insert, bare_ms, bare_p99_ms, p50_ms, decision_ms and decision_p99_ms (benchmarks.decision),
    saturation_per_s, p99_ms_half_saturation, single_per_s, bulk_per_s, bulk_vs_single, queries_per_route by number of
    reps."""
    say("the pure decision")
    pure = decision.run(short=short, say=say)
    with stack.scratch_database(DATABASE) as database:
        say(f"{LARGE.reps:,} reps, {LARGE.rules} rules, {LARGE.territories} territories, a trained model")
        token = stack.fill(database, "short" if short else "large")
        counted = queries.queries_per_route(database)
        with stack.running(database, token) as running:
            measured = _measured(running, short=short, say=say)
        settings = stack.durability(database)
    return {
        **measured,
        "decision_ms": pure["p50_ms"],
        "decision_p99_ms": pure["p99_ms"],
        "queries_per_route": counted,
        "reps": LARGE.reps,
        **settings,
    }


def _measured(running: stack.Stack, *, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    leads = world.leads()
    count = 150 if short else 1000
    client.alternately(running, leads, 40)  # what a process keeps is filled
    say(f"{count} routed and bare requests in turn")
    routed, bare = client.alternately(running, leads, count)
    say("saturation")
    many, seconds = client.saturated(running, leads, lines=LINES, seconds=6 if short else 20)
    per_second = len(many) / seconds
    say(f"half of {per_second:.0f} a second")
    paced = client.at_rate(running, leads, per_second=per_second / 2, seconds=6 if short else 30)
    say("one after the other, and in bulk")
    alone, bulk = _single_and_bulk(running, leads, rounds=2 if short else 6)
    _check([*routed, *many, *paced, *alone.answers], bare, bulk.answers, running)
    single = len(alone.answers) / alone.seconds
    bulk_rows = sum(answer.body["accepted"] for answer in bulk.answers) / bulk.seconds
    return {
        "vs_bare_insert": round(float(np.median(_seconds(routed)) / np.median(_seconds(bare))), 2),
        "bare_ms": round(1000 * float(np.median(_seconds(bare))), 2),
        "bare_p99_ms": round(1000 * float(np.percentile(_seconds(bare), 99)), 2),
        "p50_ms": round(1000 * float(np.median(_seconds(routed))), 2),
        "p99_ms": round(1000 * float(np.percentile(_seconds(routed), 99)), 2),
        "saturation_per_s": round(per_second, 1),
        "p50_ms_half_saturation": round(1000 * float(np.median(_seconds(paced))), 2),
        "p99_ms_half_saturation": round(1000 * float(np.percentile(_seconds(paced), 99)), 2),
        "single_per_s": round(single, 1),
        "bulk_per_s": round(bulk_rows, 1),
        "bulk_vs_single": round(bulk_rows / single, 2),
        "assigned_share": round(float(np.mean([a.body["routing"] == "assigned" for a in routed])), 3),
    }


@dataclass
class _Took:
    answers: list[client.Answer] = field(default_factory=list)
    seconds: float = 0.0

    def more(self, measured: tuple[list[client.Answer], float]) -> None:
        self.answers += measured[0]
        self.seconds += measured[1]


def _single_and_bulk(running: stack.Stack, leads: Iterator[Any], *, rounds: int) -> tuple[_Took, _Took]:
    """Three seconds of one and then one request of the other, in turn: a machine that others use is faster now and
    slower then."""
    alone, bulk = _Took(), _Took()
    for _ in range(rounds):
        alone.more(client.saturated(running, leads, lines=1, seconds=3))
        bulk.more(client.in_bulk(running, leads, rows=BULK_ROWS, requests=1))
    return alone, bulk


def _seconds(answers: Sequence[client.Answer]) -> "np.ndarray[Any, Any]":
    return np.array([answer.seconds for answer in answers])


def _check(
    routed: Sequence[client.Answer],
    bare: Sequence[client.Answer],
    bulk: Sequence[client.Answer],
    running: stack.Stack,
) -> None:
    """A figure of requests that failed would be none."""
    wrong = [a for a in (*routed, *bare) if a.status != 201] + [a for a in bulk if a.status != 200]
    undecided = [a for a in routed if a.status == 201 and a.body["decision"] is None]
    logged = stack.complaints(running)
    if wrong or undecided or logged:
        raise AssertionError(
            f"{len(wrong)} refused ({wrong[0].body if wrong else ''}), {len(undecided)} undecided; {logged[:3]}"
        )
