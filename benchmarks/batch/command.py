"""The figures of `benchmark batch`."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.batch import alone
from benchmarks.batch.clusters import clusters_2_vs_1
from benchmarks.batch.instances import EXPERTS, UNIFORM, capped, save
from benchmarks.batch.territories import territories
from routing.engine.batch.certificate import verify
from routing.engine.batch.optimise import optimise

Say = Callable[[str], None]
DENSE, SHORT_DENSE = (20_000, 500), (6_000, 200)
LARGE, SHORT_LARGE = (100_000, 2_000), (5_000, 200)
CAPPED = (1000, 50)
HOUSE, SHORT_HOUSE = (4000, 400, 2), (1500, 150, 1)  # leads, reps, rounds
SEEDS, SHORT_SEEDS = (1, 2, 3, 4, 5), (1,)


def run(*, short: bool, say: Say) -> dict[str, Any]:
    """Keys: dense_20000x500 (scarce experts) and uniform_20000x500, medians over the seeds of seconds, cpu_ratio and
    memory_ratio (dense min-cost flow over ours), gap, gain_over_arrival_greedy and gain_over_best_pair_greedy (in per
    cent); territories_100000x2000 with seconds (weights from the model included), peak_mb, gap; value_caps with gap
    and seconds; clusters_2_vs_1 with speedup: the seconds of a batch, planned and published by the product with one
    cluster of one worker, over those with two."""
    size, seeds = (SHORT_DENSE, SHORT_SEEDS) if short else (DENSE, SEEDS)
    opportunities, reps = SHORT_LARGE if short else LARGE
    say(f"{opportunities:,} opportunities × {reps:,} reps in territories, weights from the model")
    large = alone.alone(territories, opportunities, reps)
    return {
        "dense_20000x500": against_dense(EXPERTS, size, seeds, say),
        "uniform_20000x500": against_dense(UNIFORM, size, seeds, say),
        "territories_100000x2000": large,
        "value_caps": value_caps(say),
        "clusters_2_vs_1": clusters_2_vs_1(*(SHORT_HOUSE if short else HOUSE), say),
    }


def against_dense(kind: str, size: tuple[int, int], seeds: tuple[int, ...], say: Say) -> dict[str, Any]:
    found = []
    for seed in seeds:
        say(f"{size[0]:,} × {size[1]:,}, {kind}, seed {seed}")
        with tempfile.TemporaryDirectory() as folder:
            path = alone.alone(save, Path(folder), kind, *size, seed)
            found.append(_one(path))
    return {
        **{name: round(median(one[name] for one in found), 3) for name in found[0] if name != "gap"},
        "gap": max(one["gap"] for one in found),
        "opportunities": size[0],
        "reps": size[1],
        "seeds": len(seeds),
    }


def _one(path: Path) -> dict[str, float]:
    """One instance, each way in a process of its own."""
    ours, gap, objective = alone.alone(alone.ours, path)
    theirs = alone.alone(alone.theirs, path)
    if ours.result != theirs.result:
        raise AssertionError("The two optima differ.")
    by_arrival, by_best_pair = alone.alone(alone.greedy, path)
    return {
        "seconds": ours.seconds,
        "cpu_s": ours.cpu_s,
        "dense_cpu_s": theirs.cpu_s,
        "cpu_ratio": theirs.cpu_s / ours.cpu_s,
        "mb": ours.mb,
        "dense_mb": theirs.mb,
        "memory_ratio": theirs.mb / max(ours.mb, 1.0),
        "gap": gap,
        "gain_over_arrival_greedy": 100 * (objective / by_arrival - 1),
        "gain_over_best_pair_greedy": 100 * (objective / by_best_pair - 1),
    }


def value_caps(say: Say) -> dict[str, Any]:
    opportunities, reps = CAPPED
    say(f"{opportunities:,} × {reps} with caps on value")
    problem = capped(opportunities, reps, 1)
    started = time.perf_counter()
    plan = optimise(problem)
    seconds = time.perf_counter() - started
    wrong = verify(problem, plan)
    if wrong:
        raise AssertionError(wrong[0])
    return {
        "gap": plan.gap,
        "seconds": round(seconds, 1),
        "opportunities": opportunities,
        "reps": reps,
    }
