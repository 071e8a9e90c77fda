"""`benchmark model`: pieces of work on two processes, each kept as it is finished, and the figures put together.

A run that reaches its time stops with what it has, names what is missing, and goes on there when started again.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.connection import wait as wait_for
from typing import Any

from benchmarks.model import cells, mutation
from benchmarks.model.cases import REPS_OF_DEALS, WORLDS
from benchmarks.model.kept import Kept, code_hash, folder
from benchmarks.model.pieces import Piece, key_of, pieces, work
from benchmarks.model.public_data import data_folder

PROCESSES = 2
LAST_START_MINUTES = 17.0  # a piece takes about a minute at most


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: cells[], maven, salvirt[], mutation, missing[]. docs/benchmarks says what they mean."""
    wanted = pieces(short=short)
    if not data_folder().is_dir():
        say(f"No public data in {data_folder()} (ROUTING_DATA names the folder): left out.")
        wanted = [piece for piece in wanted if piece[0] not in ("maven", "salvirt")]
    kept = Kept(folder() / f"{code_hash()}.jsonl")
    todo = [piece for piece in wanted if key_of(piece) not in kept.found]
    say(f"{len(wanted)} pieces, {len(wanted) - len(todo)} of them finished before.")
    if todo:
        finish(todo, kept, say)
    return put_together(wanted, kept)


def finish(todo: list[Piece], kept: Kept, say: Callable[[str], None]) -> None:
    """As many pieces as start before the time is over."""
    started = time.monotonic()
    waiting, running = list(todo), dict[Future[Any], Piece]()
    with ProcessPoolExecutor(
        PROCESSES, multiprocessing.get_context("spawn"), initializer=end_with_parent
    ) as pool:
        while waiting or running:
            minutes = (time.monotonic() - started) / 60
            while waiting and len(running) < PROCESSES and minutes < LAST_START_MINUTES:
                piece = waiting.pop(0)
                running[pool.submit(work, piece)] = piece
            if not running:
                say(f"Out of time, {len(waiting)} pieces left: start it again to go on.")
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                kept.keep(key_of(running.pop(future)), future.result())
                if len(kept.found) % 25 == 0:
                    say(f"{minutes:.1f} minutes: {len(waiting) + len(running)} pieces left")


def end_with_parent() -> None:
    """In a process of the pool: when the command is stopped, do not wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def put_together(wanted: list[Piece], kept: Kept) -> dict[str, Any]:
    """The same for the same pieces, however many runs they took."""

    def found(*start: Any) -> list[Any]:
        those = [piece for piece in wanted if piece[: len(start)] == start]
        return [kept.found[key_of(piece)] for piece in those if key_of(piece) in kept.found]

    result: dict[str, Any] = {"cells": []}
    for world in WORLDS:
        for deals in REPS_OF_DEALS:
            if by_seed := found("cell", world, deals):
                result["cells"] += cells.summarise(world, deals, by_seed)
    for name in ("maven", "salvirt"):
        if of_public := found(name):
            result[name] = of_public[0]
    result["mutation"] = mutation.summarise(found("reps"), found("outcomes"))
    result["missing"] = [key_of(piece) for piece in wanted if key_of(piece) not in kept.found]
    return result
