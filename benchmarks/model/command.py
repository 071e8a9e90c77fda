"""`benchmark model`: pieces of work on two processes, each kept as it is finished, and the figures put together.

A run that reaches its time stops with what it has, names what is missing, and goes on there when started again.
"""

from collections.abc import Callable
from typing import Any

from benchmarks.model import cells, mutation
from benchmarks.model.cases import REPS_OF_DEALS, WORLDS
from benchmarks.model.kept import Kept, code_hash, folder
from benchmarks.model.pieces import Piece, key_of, pieces, work
from benchmarks.model.pool import Work, finish
from benchmarks.model.public_data import data_folder

LAST_START_MINUTES = 17.0  # a piece takes about a minute at most


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: cells[], maven, salvirt[], mutation, missing[]. docs/benchmarks says what they mean."""
    wanted = pieces(short=short)
    if not data_folder().is_dir():
        say(f"No public data in {data_folder()} (ROUTING_DATA names the folder): left out.")
        wanted = [piece for piece in wanted if piece[0] not in ("maven", "salvirt")]
    kept = Kept(folder() / f"{code_hash()}.jsonl")
    finish(wanted, kept, Work("pieces", key_of, work, 25), LAST_START_MINUTES, say)
    return put_together(wanted, kept)


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
