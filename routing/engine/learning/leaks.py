"""Columns that give the outcome away, such as a “Loss reason”: known only after the deal closed, useless before.

A column is told as a leak where its levels alone (missing is one; values are cut into tenths, no value or 0 is one)
separate the won from the lost: AUC of .95 or more of the level's win rate, and three standard errors (J. Hanley and
B. McNeil, Radiology 1982) above the .9 of a strong and honest column; cross-fitted, so that many rare levels prove
nothing. A custom field is one too where pure levels hold more than half of the won, or of the lost deals: all won or
all lost, which the base rate allows with a chance below 1e-6 and a rate of .9 below .02 (binomial); being filled at
all counts as a level.

S. Kaufman, S. Rosset, C. Perlich, "Leakage in data mining", ACM TKDD 2012. What it does not see: leaks of two columns
together, and those that only blur (a field edited after half of the losses).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.metrics import roc_auc_score

from routing.engine.learning.fit import FOLDS
from routing.engine.learning.table import Category, DealTable, Floats, Ints, Mask
from routing.engine.levels import CUSTOM

LEAK_AUC = 0.95
HONEST_AUC = 0.9  # of win rates of 10 and 90 %, half of the deals each
ERRORS_ABOVE = 3.0  # a false alarm forbids training, so it has to be rare
LEAST_DEALS = 40
LEAST_EACH = 10  # won and lost ones: two in each fold
PURE_BY_CHANCE = 1e-6
HONEST_RATE, PURE_IF_HONEST = 0.9, 0.02  # 38 deals: levels that are won or lost at 90 % exist
PURE_SHARE = 0.5
VALUE_PARTS = 10


@dataclass(frozen=True)
class Leak:
    """`column` as in the table, "value" among them; `sentence` for people."""

    column: str
    sentence: str


def find_leaks(
    table: DealTable, *, labels: Mapping[str, str] | None = None, seed: int = 0
) -> tuple[Leak, ...]:
    """Leaks among the lead's columns and the value. None are told below LEAST_DEALS deals or LEAST_EACH of an
    outcome. `labels`: display names by column."""
    won = table.won > 0.5
    if len(table) < LEAST_DEALS or min(won.sum(), (~won).sum()) < LEAST_EACH:
        return ()
    columns = {**table.lead, "value": value_parts(table.value)}
    return tuple(
        Leak(name, _sentence((labels or {}).get(name) or _label(name), column, won))
        for name, column in columns.items()
        if _separates(column, won, seed) or (name.startswith(CUSTOM) and _is_mostly_pure(column, won))
    )


def value_parts(value: Floats) -> Category:
    """Tenths of the positive values; 0, negative and unknown values are missing."""
    has_value = np.nan_to_num(value) > 0
    if not has_value.any():
        return Category(np.full(len(value), -1, dtype=np.int64), ())
    edges = np.unique(np.quantile(value[has_value], np.linspace(0, 1, VALUE_PARTS + 1)))
    part = np.clip(np.searchsorted(edges, np.nan_to_num(value), side="right") - 1, 0, max(len(edges) - 2, 0))
    levels = tuple(f"{low:,.0f} to {high:,.0f}" for low, high in pairwise(edges))
    return Category(np.where(has_value, part, -1), levels or (f"{edges[0]:,.0f}",))


def _separates(column: Category, won: Mask, seed: int) -> bool:
    """Whether the win rates of the levels in the other folds part the won from the lost, in the mean of the folds:
    one level has another rate in each, and deals of the same level must not be told apart by that."""
    codes = _with_missing(column)
    levels = len(column.levels) + 1
    fold = _folds(won, seed)
    areas = []
    for number in range(FOLDS):
        inside, outside = fold != number, fold == number
        wins = np.bincount(codes[inside], won[inside], levels)
        rate = (wins + won.mean()) / (np.bincount(codes[inside], minlength=levels) + 1)
        areas.append(roc_auc_score(won[outside], rate[codes[outside]]))
    area = float(np.mean(areas))
    return area >= LEAK_AUC and area - ERRORS_ABOVE * _error(area, won) > HONEST_AUC


def _folds(won: Mask, seed: int) -> Ints:
    """A fold number for each deal, so that each fold has its share of the won and of the lost."""
    order = np.random.default_rng(seed).permutation(len(won))
    order = order[np.argsort(won[order], kind="stable")]
    found = np.empty(len(won), dtype=np.int64)
    found[order] = np.arange(len(won)) % FOLDS
    return found


def _error(area: float, won: Mask) -> float:
    """Hanley and McNeil's standard error of an AUC; unlike DeLong's it is not nil in small folds that are parted."""
    wins, losses = float(won.sum()), float((~won).sum())
    won_twice, lost_twice = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (wins - 1) * (won_twice - area**2) + (losses - 1) * (lost_twice - area**2)
    return float(np.sqrt((area * (1 - area) + spread) / (wins * losses)))


def _with_missing(column: Category) -> Ints:
    """Codes with missing as the last level."""
    return np.where(column.codes < 0, len(column.levels), column.codes)


def _groups(column: Category) -> Iterator[tuple[str, Mask]]:
    """Deals that have the column, those without it, and those of each level, in words."""
    has_it = column.codes >= 0
    yield "that have it", has_it
    yield "without it", ~has_it
    for code, level in enumerate(column.levels):
        yield f"with “{level}”", column.codes == code


def _is_mostly_pure(column: Category, won: Mask) -> bool:
    """Whether levels that are pure beyond chance hold more than half of the won, or of the lost."""
    for outcome in (won, ~won):
        held = np.zeros(len(won), dtype=bool)
        for _, inside in _groups(column):
            if outcome[inside].all() and _is_beyond_chance(int(inside.sum()), float(outcome.mean())):
                held |= inside
        if held.sum() > PURE_SHARE * outcome.sum():
            return True
    return False


def _is_beyond_chance(deals: int, rate: float) -> bool:
    """Whether so many deals with the same outcome are neither the base rate's chance nor a good honest level's."""
    return rate**deals < PURE_BY_CHANCE and HONEST_RATE**deals < PURE_IF_HONEST


def _sentence(label: str, column: Category, won: Mask) -> str:
    """By the group of deals that tells most: its share of the won is furthest from its share of the lost."""
    words, inside = max(_groups(column), key=lambda group: abs(_lean(group[1], won)))
    outcome, word = (won, "won") if _lean(inside, won) > 0 else (~won, "lost")
    return (
        f"“{label}” gives the outcome away: {int(outcome[inside].sum()):,} of {int(inside.sum()):,} deals {words} were "
        f"{word}, of all deals {outcome.mean():.0%}. It seems to be known only after the deal closed; leave it out."
    )


def _lean(inside: Mask, won: Mask) -> float:
    """Share of the won deals that are inside less that of the lost."""
    return float(inside[won].mean() - inside[~won].mean())


def _label(name: str) -> str:
    words = name.removeprefix(CUSTOM).replace("_", " ")
    return words[:1].upper() + words[1:]
