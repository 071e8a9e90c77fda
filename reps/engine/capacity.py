"""Load and the four bands.

    load_pct = 100 · committed / maximum
    available  ≤ 70 <  near capacity  ≤ 90 <  at capacity  ≤ 100 <  over capacity

The band is that of the load *before* an assignment. `load` (open opportunities owned) is what people are shown;
`committed` (load + pending suggestions + batch proposals) is what limits are held against, or fifty suggestions
would all name the same rep. Source: predictive-routing specification, Capacity Thresholds. What a band means for
routing is decided in routing.engine.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Band(IntEnum):
    AVAILABLE = 0
    NEAR = 1
    AT = 2
    OVER = 3

    @property
    def label(self) -> str:
        return ("available", "near capacity", "at capacity", "over capacity")[self]


@dataclass(frozen=True)
class BandBounds:
    """Upper bounds of the first three bands, in per cent, each inclusive. Raises ValueError when out of order."""

    available_up_to: float = 70.0
    near_up_to: float = 90.0
    at_up_to: float = 100.0

    def __post_init__(self) -> None:
        if not 0 < self.available_up_to < self.near_up_to < self.at_up_to <= 100:
            raise ValueError("the bounds must rise: 0 < available < near < at ≤ 100")


def load_pct(count: npt.ArrayLike, maximum: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Count in per cent of the maximum; a maximum of 0 is infinitely full."""
    counts, maxima = np.asarray(count, dtype=float), np.asarray(maximum, dtype=float)
    counts, maxima = np.broadcast_arrays(100.0 * counts, maxima)
    full = np.full(counts.shape, np.inf)
    np.divide(counts, maxima, out=full, where=maxima > 0)
    return full


def bands(pct: npt.ArrayLike, bounds: BandBounds) -> npt.NDArray[np.int64]:
    """The band (a `Band` value) of each load percentage. A bound belongs to the band below it."""
    edges = [bounds.available_up_to, bounds.near_up_to, bounds.at_up_to]
    return np.searchsorted(edges, np.asarray(pct, dtype=float), side="left")


def band(count: int, maximum: int, bounds: BandBounds = BandBounds()) -> Band:
    """The band of one rep: what `bands` gives, without its arrays."""
    pct = 100.0 * count / maximum if maximum > 0 else math.inf
    return Band(bisect_left((bounds.available_up_to, bounds.near_up_to, bounds.at_up_to), pct))


def room_this_week(
    committed: int, max_open: int, week: int, max_new_per_week: int, bounds: BandBounds = BandBounds()
) -> int:
    """How many more automation could give one rep now: until the load before an assignment is past the bound of "near
    capacity", and until the cap of seven rolling days. `week` counts pending suggestions too."""
    if max_open <= 0:
        return 0
    fullest = math.floor(bounds.near_up_to * max_open / 100 + 1e-9)  # the highest load that still takes one
    return max(0, min(fullest - committed + 1, max_new_per_week - week))
