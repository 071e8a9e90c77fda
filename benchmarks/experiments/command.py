"""`benchmark experiments`: blocks of runs on two processes, each kept as it is finished, and the figures put together.

A run that reaches its time, or is stopped, goes on where it was when started again; other code, other file.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.experiments.figures import Blocks, put_together
from benchmarks.experiments.pieces import SAME, Piece, key_of, pieces, work
from benchmarks.model.kept import ROOT, Kept, code_hash
from benchmarks.model.pool import Work, finish

LAST_START_MINUTES = {True: 18.0, False: 180.0}  # short or not; a block takes about half a minute


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: false_positive, power, coverage, bias, worlds, nil, missing."""
    wanted = pieces(short=short)
    kept = Kept(folder() / f"{code_hash('benchmarks.experiments.pieces')}.jsonl")
    finish(wanted, kept, Work("blocks", key_of, work, 20), LAST_START_MINUTES[short], say)
    missing = [key_of(piece) for piece in wanted if key_of(piece) not in kept.found]
    return {**put_together(finished(wanted, kept), SAME), "missing": missing}


def folder() -> Path:
    return Path(os.environ.get("ROUTING_VAR", ROOT / "var")) / "benchmarks" / "experiments"


def finished(wanted: list[Piece], kept: Kept) -> Callable[..., Blocks]:
    """Finished blocks by the words that they begin with; always in the same order."""

    def found(*start: Any) -> Blocks:
        those = [piece for piece in wanted if piece[: len(start)] == start]
        return [kept.found[key_of(piece)] for piece in those if key_of(piece) in kept.found]

    return found
