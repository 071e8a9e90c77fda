"""Pieces of a long benchmark on two processes, each kept as it is finished: a run that reaches its time, or is stopped,
goes on where it was when started again."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from typing import Any

from benchmarks.model.kept import Kept

PROCESSES = 2


@dataclass(frozen=True)
class Work:
    """What a piece is called in the plural, its key, and what does it; `work` is a function of a module."""

    plural: str
    key_of: Callable[[Any], str]
    work: Callable[[Any], Any]
    told_every: int = 20


def finish(wanted: list[Any], kept: Kept, what: Work, minutes: float, say: Callable[[str], None]) -> None:
    """As many of the pieces that are not kept yet as start before the time is over."""
    waiting = [piece for piece in wanted if what.key_of(piece) not in kept.found]
    say(f"{len(wanted)} {what.plural}, {len(wanted) - len(waiting)} of them finished before.")
    if not waiting:
        return
    started, running = time.monotonic(), dict[Future[Any], Any]()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, initializer=end_with_parent) as pool:
        while waiting or running:
            gone = (time.monotonic() - started) / 60
            while waiting and len(running) < PROCESSES and gone < minutes:
                piece = waiting.pop(0)
                running[pool.submit(what.work, piece)] = piece
            if not running:
                say(f"Out of time, {len(waiting)} {what.plural} left: start it again to go on.")
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                kept.keep(what.key_of(running.pop(future)), future.result())
                if len(kept.found) % what.told_every == 0:
                    say(f"{gone:.1f} minutes: {len(waiting) + len(running)} {what.plural} left")


def end_with_parent() -> None:
    """In a process of the pool: when the command is stopped, do not wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
