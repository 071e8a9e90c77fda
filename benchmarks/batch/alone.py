"""One run in a process of its own: processor seconds, and the peak of memory above what the instance itself takes."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.batch.dense import dense_flow
from benchmarks.batch.instances import load
from routing.engine.batch.certificate import verify
from routing.engine.batch.greedy_by_arrival import greedy_by_arrival
from routing.engine.batch.greedy_by_best_pair import greedy_by_best_pair
from routing.engine.batch.optimise import optimise
from routing.engine.batch.plan import Plan
from routing.engine.batch.problem import Problem


@dataclass(frozen=True)
class Run:
    """`result` of the work; `mb` above the process that only loaded the instance, `peak_mb` of all of it."""

    result: Any
    cpu_s: float
    seconds: float
    mb: float
    peak_mb: float


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """The work in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def measured(work: Callable[[], Any]) -> Run:
    before, cpu, clock = peak_mb(), time.process_time(), time.perf_counter()
    result = work()
    return Run(
        result,
        time.process_time() - cpu,
        time.perf_counter() - clock,
        peak_mb() - before,
        peak_mb(),
    )


def peak_mb() -> float:
    """Of this program alone: `ru_maxrss` counts from the process that started it, whose memory was larger perhaps, so
    it is taken only where /proc does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(found.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(path: Path) -> tuple[Run, float, float]:
    """The run, whose result is the gain in integers; its gap, and its objective."""
    problem = load(path)
    run = measured(lambda: optimise(problem))
    plan: Plan = run.result
    wrong = verify(problem, plan)
    if wrong:
        raise AssertionError(wrong[0])
    gain = plan.certificate.primal
    return Run(gain, run.cpu_s, run.seconds, run.mb, run.peak_mb), plan.gap, plan.objective


def theirs(path: Path) -> Run:
    problem = load(path)
    return measured(lambda: dense_flow(problem))


def greedy(path: Path) -> tuple[float, float]:
    """Objectives by arrival and by best pair."""
    problem: Problem = load(path)
    return greedy_by_arrival(problem).objective, greedy_by_best_pair(problem).objective
