"""Closed deals as arrays: what the model learns from, whatever it was read from (database, CSV, simulated world).

Shapes: m deals, n reps. A categorical column is an array of level codes with the names of the levels; −1 is missing.
Pair columns are what is known of the pairing before the outcome (a tag that fits, the load then): dense, one value for
each deal with the rep who had it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Category:
    """A categorical column: `codes` (m), −1 where missing, and the level names."""

    codes: Ints
    levels: tuple[str, ...]

    @classmethod
    def of(cls, values: list[str]) -> "Category":
        """From texts; empty text is missing. Levels in order of their names."""
        levels = tuple(sorted({value for value in values if value}))
        index = {level: i for i, level in enumerate(levels)}
        return cls(np.array([index.get(value, -1) for value in values], dtype=np.int64), levels)

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> "Category":
        return Category(self.codes[rows], self.levels)


@dataclass(frozen=True)
class DealTable:
    """`won` 0 or 1 · `rep` code into `rep_ids`, −1 unknown · `weight` recency · `value` NaN where unknown ·
    `season` the season's log-odds on the day it opened (learning.seasonal), NaN where undated and in histories below
    two years, where a season cannot be told from a trend · `lead` categorical columns by name ·
    `pair` columns by effect name."""

    won: Floats
    rep: Ints
    rep_ids: tuple[int, ...]
    weight: Floats
    value: Floats
    season: Floats
    lead: Mapping[str, Category]
    pair: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(self.rep), len(self.weight), len(self.value), len(self.season)}
        lengths |= {len(column.codes) for column in self.lead.values()} | {len(c) for c in self.pair.values()}
        if lengths - {len(self.won)}:
            raise ValueError("all columns of a deal table have the same length")

    def __len__(self) -> int:
        return len(self.won)

    def take(self, rows: npt.NDArray[np.bool_] | Ints) -> "DealTable":
        """Some of the deals (mask or indices), with the same levels and reps."""
        return DealTable(
            won=self.won[rows],
            rep=self.rep[rows],
            rep_ids=self.rep_ids,
            weight=self.weight[rows],
            value=self.value[rows],
            season=self.season[rows],
            lead={name: column.take(rows) for name, column in self.lead.items()},
            pair={name: column[rows] for name, column in self.pair.items()},
        )


HALF_LIFE_DAYS = 240.0  # half-lives of 120 to 365 days do alike; this is the best compromise under drift


def recency(age_days: Floats) -> Floats:
    """Weight of a deal by its age: halves in HALF_LIFE_DAYS. An unknown age (NaN) weighs 1."""
    return np.where(np.isnan(age_days), 1.0, 0.5 ** (np.nan_to_num(age_days) / HALF_LIFE_DAYS))
