"""`benchmark backtest`: organisations on two processes, each kept as it is finished, and the figures put together.

A run that reaches its time, or is stopped, goes on where it was when started again; other code, other file.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.backtest.figures import put_together
from benchmarks.backtest.pieces import key_of, pieces, work
from benchmarks.model.kept import ROOT, Kept, code_hash
from benchmarks.model.pool import Work, finish

LAST_START_MINUTES = {True: 2.0, False: 18.0}  # short or not; an organisation takes about half a minute


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: good_overlap, poor_overlap, knows_outcomes, by_target, bias, coverage, refused_share, missing."""
    wanted = pieces(short=short)
    kept = Kept(folder() / f"{code_hash('benchmarks.backtest.pieces')}.jsonl")
    finish(wanted, kept, Work("organisations", key_of, work, 5), LAST_START_MINUTES[short], say)
    rows = [row for piece in wanted for row in kept.found.get(key_of(piece), ())]
    missing = [key_of(piece) for piece in wanted if key_of(piece) not in kept.found]
    return {**put_together(rows), "missing": missing}


def folder() -> Path:
    return Path(os.environ.get("ROUTING_VAR", ROOT / "var")) / "benchmarks" / "backtest"
