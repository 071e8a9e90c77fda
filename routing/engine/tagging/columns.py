"""Deals as arrays: the columns of the lead model, and the pairs of rep and value that could become tags."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from routing.engine.tagging.deals import (
    COMPETITOR,
    DEAL_SIZE,
    INDUSTRY,
    KINDS,
    LANGUAGE,
    PRODUCT,
    ClosedDeal,
    TagSettings,
)
from routing.engine.tagging.evidence import Floats, Ints, Pairs
from routing.engine.tagging.specialities import Values

NAMED = (INDUSTRY, PRODUCT, COMPETITOR, LANGUAGE)
BANDS = 4  # quarters of the deals by value; ranges are runs of them
LEAST_VALUES = 40  # with fewer known values the quarters mean nothing


@dataclass(frozen=True)
class Key:
    """Which pair: `value` case-folded, `label` as it is most often written; a range has its bounds."""

    rep_id: int
    kind: str
    value: str
    label: str
    low: float | None = None
    high: float | None = None


def in_order(deals: Iterable[ClosedDeal]) -> list[ClosedDeal]:
    """Sorted by everything, so that no sum depends on the order in which they were read."""
    return sorted(
        deals,
        key=lambda deal: (
            deal.rep_id,
            deal.closed_days_ago,
            deal.won,
            deal.industry,
            deal.product,
            deal.competitors,
            deal.language,
            -1.0 if deal.value is None else deal.value,
        ),
    )


def folded(text: str) -> str:
    return text.strip().casefold()


def labels_of(deals: Sequence[ClosedDeal]) -> dict[tuple[str, str], str]:
    """(kind, folded value) → its first spelling in the alphabet."""
    labels: dict[tuple[str, str], str] = {}
    for deal in deals:
        for kind in NAMED:
            for text in deal.values(kind):
                key, written = (kind, folded(text)), text.strip()
                labels[key] = min(labels.get(key, written), written)
    return labels


def lead_columns(deals: Sequence[ClosedDeal], labels: dict[tuple[str, str], str]) -> Floats:
    """m × (1 + columns): ones, each value of each kind, and the logarithm of the value with its square."""
    place = {key: 1 + i for i, key in enumerate(sorted(labels))}
    columns = np.zeros((len(deals), 3 + len(place)))
    columns[:, 0] = 1
    for row, deal in enumerate(deals):
        for kind in NAMED:
            for text in deal.values(kind):
                columns[row, place[kind, folded(text)]] = 1
    size = np.log([deal.value if deal.value and deal.value > 0 else np.nan for deal in deals])
    if np.isfinite(size).any():
        size = (size - np.nanmean(size)) / max(float(np.nanstd(size)), 1e-9)
        columns[:, -2] = np.nan_to_num(size)
        columns[:, -1] = np.nan_to_num(size**2 - 1)
    return columns


def pairs_of(
    deals: Sequence[ClosedDeal], labels: dict[tuple[str, str], str], rep: Ints, settings: TagSettings
) -> tuple[list[Key], Pairs]:
    """Every pair of rep and value of the deals; the default language is none, everybody speaks it."""
    inside: dict[Key, list[int]] = {}
    default = (LANGUAGE, folded(settings.default_language))
    for row, deal in enumerate(deals):
        for kind in NAMED:
            for value in sorted({folded(text) for text in deal.values(kind)}):
                if (kind, value) != default:
                    inside.setdefault(Key(deal.rep_id, kind, value, labels[kind, value]), []).append(row)
    for key, rows in _ranges(deals).items():
        inside[key] = rows
    keys = list(inside)
    sizes = np.array([len(rows) for rows in inside.values()], dtype=np.int64)
    return keys, Pairs(
        rep=np.array([rep[rows[0]] for rows in inside.values()], dtype=np.int64),
        deal=np.array([row for rows in inside.values() for row in rows], dtype=np.int64),
        pair=np.repeat(np.arange(len(keys)), sizes),
    )


def values_of(keys: Sequence[Key], pairs: Pairs, deals: int) -> Values:
    """The pairs' kinds and values as numbers, as `specialities.py` takes them; a rep has one range of sizes."""
    names = {kind: sorted({key.value for key in keys if key.kind == kind}) for kind in KINDS}
    place = {(kind, value): i for kind, values in names.items() for i, value in enumerate(values)}
    kind = np.array([KINDS.index(key.kind) for key in keys], dtype=np.int64)
    value = np.array([place[key.kind, key.value] for key in keys], dtype=np.int64)
    inside = np.bincount(pairs.pair, minlength=len(pairs))
    total = np.zeros((len(KINDS), max(map(len, names.values()), default=0)))
    np.add.at(total, (kind, value), inside)
    sizes = tuple(len(names[kind]) for kind in KINDS)
    return Values(kind, value, total[kind, value] / deals, sizes, frozenset({KINDS.index(DEAL_SIZE)}))


def _ranges(deals: Sequence[ClosedDeal]) -> dict[Key, list[int]]:
    """Runs of the quarters of all deals by value, without the run of all."""
    known = [(row, deal.value) for row, deal in enumerate(deals) if deal.value is not None and deal.value > 0]
    if len(known) < LEAST_VALUES:
        return {}
    edges = np.quantile([value for _, value in known], np.arange(1, BANDS) / BANDS)
    edges = np.unique([float(f"{edge:.2g}") for edge in edges])
    bounds = [None, *(float(edge) for edge in edges), None]
    inside: dict[Key, list[int]] = {}
    for row, value in known:
        band = int(np.searchsorted(edges, value, side="right"))
        for first in range(band + 1):
            for last in range(band, len(edges) + 1):
                if (first, last) == (0, len(edges)):
                    continue
                low, high = bounds[first], bounds[last + 1]
                name = _range_name(low, high)
                key = Key(deals[row].rep_id, DEAL_SIZE, folded(name), name, low, high)
                inside.setdefault(key, []).append(row)
    return inside


def _range_name(low: float | None, high: float | None) -> str:
    if low is None:
        return f"below {high:,.0f}"
    return f"{low:,.0f} and more" if high is None else f"{low:,.0f} to {high:,.0f}"
