"""What is kept of a verdict: the steps as JSON, and the columns by rep as compressed arrays.

Stored for n reps: the exit code (uint16); and, for those left after territory and rules, the five parts of the
log-odds in thousandths and the four penalties in hundredths (int16). A decision over 1,000 reps stays below 20 kB.
The exact numbers of the chosen rep are columns of the decision; the digest covers everything unrounded.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from routing.engine.columns import DIMENSIONS
from routing.engine.evidence import Known
from routing.engine.model import Scores, logistic
from routing.engine.roster import QUICKLY, Floats
from routing.engine.verdict import RULE_STRIDE, Exit, Inputs, Verdict

PENALTY_NAMES = ("near capacity", "assigned today", "pipeline value", "absence ahead")
_CODES = frozenset(Exit)  # those past a stride too; what a rule or an owner adds to a code gives none of them
_PART_UNIT, _PENALTY_UNIT = 1000.0, 100.0


@dataclass(frozen=True)
class TraceColumns:
    """By rep, in the roster's order: `exits` (n), `parts` n × 5 log-odds, `penalties` n × 4. NaN where not kept."""

    exits: npt.NDArray[np.int64]
    parts: Floats
    penalties: Floats

    @property
    def score(self) -> Floats:
        """Match scores from the kept parts (NaN where not kept)."""
        return np.asarray(100 * logistic(2 * self.parts.sum(axis=1)))


def exit_code(value: int) -> Exit:
    """The code without the index of the rule."""
    return Exit(value) if value in _CODES else Exit(value % RULE_STRIDE)


def rule_index(value: int) -> int:
    """Which rule (index in the configuration) a rep left at; meaningful for Exit.RULE only."""
    return value // RULE_STRIDE


def about(value: int) -> int:
    """Of what a rep who left as not the owner is not the owner: OF_ACCOUNT, OF_ORIGINAL or OF_UNDECIDED."""
    return value - value % RULE_STRIDE


def pack_columns(verdict: Verdict) -> bytes:
    """The verdict's columns in bytes."""
    exits = verdict.exits.astype("<u2")
    if verdict.scores is None or verdict.penalties is None:
        return isal_zlib.compress(len(exits).to_bytes(4, "little") + exits.tobytes(), QUICKLY)
    kept = _kept(verdict.exits)
    parts = np.clip(np.round(verdict.scores.parts[kept] * _PART_UNIT), -32000, 32000).astype("<i2")
    penalties = np.clip(np.round(verdict.penalties[kept] * _PENALTY_UNIT), 0, 32000).astype("<i2")
    columns = exits.tobytes() + parts.T.tobytes() + penalties.T.tobytes()
    return isal_zlib.compress(len(exits).to_bytes(4, "little") + columns, QUICKLY)


def unpack_columns(content: bytes) -> TraceColumns:
    """The columns that `pack_columns` kept."""
    raw = isal_zlib.decompress(content)
    n = int.from_bytes(raw[:4], "little")
    exits = np.frombuffer(raw, "<u2", n, 4).astype(np.int64)
    parts = np.full((n, len(DIMENSIONS)), np.nan)
    penalties = np.full((n, len(PENALTY_NAMES)), np.nan)
    at = 4 + 2 * n
    if len(raw) > at:
        kept = _kept(exits)
        k = int(kept.sum())
        parts[kept] = _matrix(raw, at, len(DIMENSIONS), k) / _PART_UNIT
        penalties[kept] = _matrix(raw, at + 2 * k * len(DIMENSIONS), len(PENALTY_NAMES), k) / _PENALTY_UNIT
    return TraceColumns(exits, parts, penalties)


def _kept(exits: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    codes = exits % RULE_STRIDE
    return np.asarray((codes != Exit.OUTSIDE_TERRITORY) & (codes != Exit.RULE))


def _matrix(raw: bytes, at: int, columns: int, rows: int) -> Floats:
    return np.frombuffer(raw, "<i2", columns * rows, at).reshape(columns, rows).T.astype(float)


def trace_json(verdict: Verdict, inputs: Inputs) -> dict[str, Any]:
    """The steps, and for the chosen rep what is known of the pairing, as they are stored."""
    trace: dict[str, Any] = {"steps": [step.to_json() for step in verdict.steps]}
    if verdict.rep_id is not None and verdict.scores is not None:
        trace |= known_of(verdict.scores, inputs, inputs.roster.index[verdict.rep_id]).to_trace()
    return trace


def known_of(scores: Scores, inputs: Inputs, rep: int) -> Known:
    """What can be said of one rep (its place in the roster)."""
    return Known.of(scores, inputs.model.learned, inputs.facts, inputs.roster, rep)


def digest(verdict: Verdict) -> str:
    """SHA-256 over everything that was decided; equal digests mean an identical decision."""
    whole = {
        "outcome": verdict.outcome,
        "via": verdict.via,
        "rep": verdict.rep_id,
        "team": verdict.team_id,
        "policy": verdict.policy.id,
        "score": _exact(verdict.score),
        "win_probability": _exact(verdict.win_probability),
        "priority": _exact(verdict.priority),
        "propensity": _exact(verdict.propensity),
        "steps": [step.to_json() for step in verdict.steps],
    }
    hashed = hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode())
    hashed.update(verdict.exits.astype("<u2").tobytes())
    if verdict.scores is not None:
        hashed.update(np.round(verdict.scores.score, 9).astype("<f8").tobytes())
    return hashed.hexdigest()


def _exact(value: float | None) -> float | None:
    return None if value is None else round(value, 9)
