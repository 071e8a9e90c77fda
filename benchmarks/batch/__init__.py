"""Whole batches: processor time and memory against a dense min-cost flow, what the optimum gains over greedy, 100,000
opportunities among 2,000 reps with weights from the model, and caps on value: `benchmark batch`.

A package, so that the door to the benchmarks sees one name. `command` runs it, `instances` and `territories` make the
batches, `dense` is what is compared with, `alone` measures each run in a process of its own.
"""

from benchmarks.batch.command import run

__all__ = ["run"]
