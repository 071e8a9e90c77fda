"""`benchmark backtest`: organisations on two processes, each kept as it is finished, and the figures put together.

A run that reaches its time, or is stopped, goes on where it was when started again; other code, other file.
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from benchmarks.backtest.figures import put_together
from benchmarks.backtest.pieces import Piece, key_of, pieces, work
from benchmarks.model.command import end_with_parent
from benchmarks.model.kept import ROOT, Kept, code_hash

PROCESSES = 2
LAST_START_MINUTES = {True: 2.0, False: 18.0}  # short or not; an organisation takes about half a minute


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: good_overlap, poor_overlap, knows_outcomes, by_target, bias, coverage, refused_share, missing."""
    wanted = pieces(short=short)
    kept = Kept(folder() / f"{code_hash('benchmarks.backtest.pieces')}.jsonl")
    todo = [piece for piece in wanted if key_of(piece) not in kept.found]
    say(f"{len(wanted)} organisations, {len(wanted) - len(todo)} of them finished before.")
    if todo:
        finish(todo, kept, say, LAST_START_MINUTES[short])
    rows = [row for piece in wanted for row in kept.found.get(key_of(piece), ())]
    missing = [key_of(piece) for piece in wanted if key_of(piece) not in kept.found]
    return {**put_together(rows), "missing": missing}


def folder() -> Path:
    return Path(os.environ.get("ROUTING_VAR", ROOT / "var")) / "benchmarks" / "backtest"


def finish(todo: list[Piece], kept: Kept, say: Callable[[str], None], minutes: float) -> None:
    """As many organisations as start before the time is over."""
    started, waiting, running = time.monotonic(), list(todo), dict[Future[Any], Piece]()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, initializer=end_with_parent) as pool:
        while waiting or running:
            gone = (time.monotonic() - started) / 60
            while waiting and len(running) < PROCESSES and gone < minutes:
                piece = waiting.pop(0)
                running[pool.submit(work, piece)] = piece
            if not running:
                say(f"Out of time, {len(waiting)} organisations left: start it again to go on.")
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                kept.keep(key_of(running.pop(future)), future.result())
                if len(kept.found) % 5 == 0:
                    say(f"{gone:.1f} minutes: {len(waiting) + len(running)} organisations left")
