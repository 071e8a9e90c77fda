"""Batches as tables: deal value × win probability with scarce experts, and uniform weights. Saved as arrays, so that
what solves them starts from the table alone and not from the memory that making it took."""

from pathlib import Path

import numpy as np

from routing.engine.batch.pairs import Bands, Table
from routing.engine.batch.problem import Problem
from routing.engine.model import logistic
from routing.engine.roster import Floats, Ints, Mask

EXPERTS, UNIFORM = "experts", "uniform"
FILLED = 1.05  # slots for each opportunity
MATCHES = 8  # dimensions
AVAILABLE, NEAR = 0.7, 0.9
BAND_PRICES = (0.0, 0.05, 0.2)  # of the mean weight


def weights(kind: str, opportunities: int, reps: int, rng: np.random.Generator) -> Floats:
    """L × R."""
    if kind == UNIFORM:
        return rng.random((opportunities, reps))
    value = rng.lognormal(9.5, 0.9, opportunities)
    lead, own = rng.normal(-1.2, 0.7, opportunities), rng.normal(0.0, 0.5, reps)
    left, right = rng.normal(size=(opportunities, MATCHES)), rng.normal(size=(reps, MATCHES))
    odds = lead[:, None] + own + left @ right.T / MATCHES**0.5
    odds += rng.normal(0.0, 0.2, odds.shape)
    hard, expert = rng.random(opportunities) < 0.2, rng.random(reps) < 0.1
    value[hard] *= 5
    odds[hard] -= 2
    odds[np.ix_(hard, expert)] += 3.2
    return value[:, None] * logistic(odds)


def slots(opportunities: int, reps: int, rng: np.random.Generator) -> Ints:
    """R × 3: up to 70, 90 and 100 % of what each rep can have."""
    most = np.maximum(np.rint(rng.gamma(6, FILLED * opportunities / reps / 6, reps)), 1)
    ends = np.column_stack([np.floor(AVAILABLE * most), np.floor(NEAR * most), most]).astype(np.int64)
    return np.diff(ends, axis=1, prepend=0)


def save(folder: Path, kind: str, opportunities: int, reps: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    path = folder / f"{kind}-{seed}"
    path.mkdir()
    np.save(path / "weight.npy", weights(kind, opportunities, reps, rng))
    np.save(path / "capacity.npy", slots(opportunities, reps, rng))
    return path


def load(path: Path) -> Problem:
    """All matches count as high here: the third band is dear, and open to everybody."""
    weight, capacity = np.load(path / "weight.npy"), np.load(path / "capacity.npy")
    bands = Bands(capacity, np.array(BAND_PRICES) * weight.mean(), reserved_from=len(BAND_PRICES))
    return Problem(np.arange(len(weight)), np.arange(len(capacity)), Table(weight), bands)


def capped(opportunities: int, reps: int, seed: int) -> Problem:
    """Three in ten reps may carry four fifths of an even share of the value."""
    rng = np.random.default_rng(seed)
    value = rng.lognormal(9.5, 0.9, opportunities)
    chance = logistic(rng.normal(-1.2, 0.9, (opportunities, reps)))
    is_capped: Mask = rng.random(reps) < 0.3
    cap = np.where(is_capped, 0.8 * value.sum() / reps, np.inf)
    weight = value[:, None] * chance
    capacity = slots(opportunities, reps, rng)
    bands = Bands(capacity, np.array(BAND_PRICES) * weight.mean(), reserved_from=len(BAND_PRICES))
    ids, people = np.arange(opportunities), np.arange(reps)
    return Problem(ids, people, Table(weight), bands, value=value, value_cap=cap)
