"""Who won what: counts by rep and segment, for people to read and as the evidence behind explanations.

    shrunken win rate = (won + K · segment's rate) / (closed + K),   K = 20

A new rep keeps the segment's rate until about K closed deals. These tables inform; the model does not read them.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from routing.engine.learning.dataset import Dataset
from routing.engine.learning.table import Category, Floats, Ints
from routing.engine.levels import CROSSED

SHRINKAGE = 20
EVERYTHING = "rep"

Tallies = dict[str, dict[str, dict[int, list[int]]]]


def tallies(dataset: Dataset) -> Tallies:
    """Category (EVERYTHING for all deals) → level → rep id → [won, closed]; cells without deals are absent."""
    found: Tallies = {}
    for name, category in _categories(dataset):
        closed, won = _counts(dataset, category)
        found[name] = {
            level: {
                rep_id: [int(won[i, code]), int(closed[i, code])]
                for i, rep_id in enumerate(dataset.rep_ids)
                if closed[i, code]
            }
            for code, level in enumerate(category.levels)
        }
    return found


def segments(dataset: Dataset) -> dict[str, list[list[Any]]]:
    """Category → rows [rep id, level, closed, won, shrunken rate, median cycle in days, median first touch in hours],
    None where no time is known."""
    found: dict[str, list[list[Any]]] = {}
    for name, category in _categories(dataset):
        closed, won = _counts(dataset, category)
        rate = won.sum(axis=0) / np.maximum(closed.sum(axis=0), 1)
        shrunken = (won + SHRINKAGE * rate) / (closed + SHRINKAGE)
        medians = _medians(dataset, category)
        found[name] = [
            [rep_id, level, int(closed[i, code]), int(won[i, code]), round(float(shrunken[i, code]), 4),
             *medians[i, code]]
            for code, level in enumerate(category.levels)
            for i, rep_id in enumerate(dataset.rep_ids)
            if closed[i, code]
        ]  # fmt: skip
    return found


def _categories(dataset: Dataset) -> Iterator[tuple[str, Category]]:
    yield EVERYTHING, Category(np.zeros(len(dataset.deals), dtype=np.int64), ("",))
    for name in CROSSED:
        if name in dataset.deals.lead:
            yield name, dataset.deals.lead[name]


def _cells(dataset: Dataset, category: Category) -> tuple[Ints, Ints]:
    """Which deals have a rep and a level, and their cell: rep · levels + level."""
    rows = np.flatnonzero((dataset.deals.rep >= 0) & (category.codes >= 0))
    return rows, dataset.deals.rep[rows] * len(category.levels) + category.codes[rows]


def _counts(dataset: Dataset, category: Category) -> tuple[Floats, Floats]:
    """Closed and won deals, reps × levels."""
    rows, cell = _cells(dataset, category)
    shape = (len(dataset.rep_ids), len(category.levels))
    size = shape[0] * shape[1]
    closed = np.bincount(cell, minlength=size).reshape(shape)
    won = np.bincount(cell, weights=dataset.deals.won[rows], minlength=size).reshape(shape)
    return closed.astype(np.float64), won.astype(np.float64)


def _medians(
    dataset: Dataset, category: Category
) -> dict[tuple[int, int], tuple[float | None, float | None]]:
    rows, cell = _cells(dataset, category)
    order = np.argsort(cell, kind="stable")
    found: dict[tuple[int, int], tuple[float | None, float | None]] = {}
    for group in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1) if len(order) else []:
        place = divmod(int(cell[group[0]]), len(category.levels))
        own = rows[group]
        found[place] = (_median(dataset.cycle_days[own]), _median(dataset.touch_hours[own]))
    return found


def _median(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(np.median(known)), 2) if len(known) else None
