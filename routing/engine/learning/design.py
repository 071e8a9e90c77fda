"""The design matrix: sparse columns scaled by their prior standard deviation, in groups.

With every column multiplied by its prior sd, one ridge penalty (C = 1) is another normal prior for each group. Columns
are of two kinds: *shared* ones (lead effects and pair effects) and, for each rep, a *block* (the rep and the rep
with each level of the crossed categories). The block structure is what makes the posterior covariance cheap
(learning.scales).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from routing.engine.columns import COLUMNS, LOG_VALUE_SPREAD, TYPICAL_LOG_VALUE, Prior
from routing.engine.learning.table import Category, DealTable, Floats, Ints
from routing.engine.levels import CROSSED

LEAD_SD = {
    "industry": 0.5,
    "size": 0.5,
    "source": 0.5,
    "product": 0.5,
    "urgency": 0.5,
    "competitor": 0.5,
    "complexity": 0.5,
    "region": 0.3,
    "language": 0.3,
}
CUSTOM_SD = 0.3  # custom fields that the user marks as inputs
VALUE_SD = 0.4  # log value, its square
SOURCE_PRODUCT_SD = 0.2
INTERCEPT_SD = 5.0
WIDE_SD = 10.0  # of columns whose prior is carried by imaginary data

PAIR_PRIORS: dict[str, Prior] = {name: column.prior for name, column in COLUMNS.items()}
SEASON = "season"
SEASON_PRIOR = Prior(
    1.0, 0.3
)  # the season learned from all history is believed, and may be stretched a little


@dataclass(frozen=True)
class Scales:
    """What is chosen from the data: `lead` multiplies the lead effects' sds, `rep` and `cross` are sds."""

    lead: float = 1.0
    rep: float = 0.4
    cross: float = 0.12


@dataclass(frozen=True)
class Layout:
    """Where the columns are. Shared columns come first; then, for rep r, `block` columns from `starts[r]` on.

    `crossed` holds (name, number of levels) in the order of a block: the rep itself, then each name's levels.
    """

    shared: tuple[str, ...]
    crossed: tuple[tuple[str, int], ...]
    reps: int

    @property
    def block(self) -> int:
        return 1 + sum(count for _, count in self.crossed)

    @property
    def width(self) -> int:
        return len(self.shared) + self.reps * self.block

    def start(self, rep: int) -> int:
        return len(self.shared) + rep * self.block

    def cross_offset(self, name: str) -> int:
        """Where a crossed category begins inside a block."""
        offset = 1
        for other, count in self.crossed:
            if other == name:
                return offset
            offset += count
        raise KeyError(name)


@dataclass(frozen=True)
class Design:
    """`matrix` m × width, columns scaled; `sd` (width) what each was multiplied by."""

    matrix: sparse.csr_matrix
    sd: Floats
    layout: Layout


def lead_columns(table: DealTable, scale: float) -> tuple[list[str], list[sparse.csr_matrix], list[Floats]]:
    """Names, unscaled blocks and sds of everything that depends on the lead only."""
    m = len(table)
    names, blocks, sds = ["intercept"], [sparse.csr_matrix(np.ones((m, 1)))], [np.array([INTERCEPT_SD])]
    for name, category in table.lead.items():
        names += [f"{name}={level}" for level in category.levels]
        blocks.append(one_hot(category))
        sds.append(np.full(len(category.levels), LEAD_SD.get(name, CUSTOM_SD) * scale))
    size = log_value(table.value)
    names += ["log_value", "log_value_squared"]
    blocks.append(sparse.csr_matrix(np.column_stack([size, size**2])))
    sds.append(np.array([VALUE_SD, VALUE_SD]) * scale)
    if not np.isnan(table.season).all():
        names.append(SEASON)
        blocks.append(sparse.csr_matrix(np.nan_to_num(table.season)[:, None]))
        sds.append(np.array([WIDE_SD]))
    if {"source", "product"} <= set(table.lead):
        crossed = cross(table.lead["source"], table.lead["product"])
        names += [f"source_product={level}" for level in crossed.levels]
        blocks.append(one_hot(crossed))
        sds.append(np.full(len(crossed.levels), SOURCE_PRODUCT_SD * scale))
    return names, blocks, sds


def log_value(value: Floats) -> Floats:
    """As columns.log_value; 0 (a typical deal) where the value is unknown or not positive."""
    known = np.nan_to_num(value) > 0
    return np.where(known, (np.log(np.where(known, value, 1.0)) - TYPICAL_LOG_VALUE) / LOG_VALUE_SPREAD, 0.0)


def make_design(table: DealTable, scales: Scales, *, with_reps: bool = True) -> Design:
    """The scaled matrix of the deals. `with_reps` False leaves out pair and rep columns: the lead-only model."""
    names, blocks, sds = lead_columns(table, scales.lead)
    if not with_reps:
        return _finish(blocks, sds, Layout(tuple(names), (), 0))
    pairs = [name for name in PAIR_PRIORS if name in table.pair]
    if pairs:
        blocks.append(sparse.csr_matrix(np.column_stack([table.pair[name] for name in pairs])))
        sds.append(np.full(len(pairs), WIDE_SD))
    crossed = tuple((name, len(table.lead[name].levels)) for name in CROSSED if name in table.lead)
    layout = Layout((*names, *pairs), crossed, len(table.rep_ids))
    blocks.append(_rep_blocks(table, layout))
    own = np.full(layout.block, scales.cross)
    own[0] = scales.rep
    sds.append(np.tile(own, layout.reps))
    return _finish(blocks, sds, layout)


def _finish(blocks: list[sparse.csr_matrix], sds: list[Floats], layout: Layout) -> Design:
    sd = np.concatenate(sds)
    matrix = sparse.hstack(blocks, format="csr")
    return Design(sparse.csr_matrix(matrix.multiply(sd[None, :])), sd, layout)


def _rep_blocks(table: DealTable, layout: Layout) -> sparse.csr_matrix:
    """m × reps · block: the rep of each deal, and that rep with the deal's levels."""
    rows, columns = [], []
    has_rep = np.flatnonzero(table.rep >= 0)
    base = table.rep * layout.block
    rows.append(has_rep)
    columns.append(base[has_rep])
    for name, _ in layout.crossed:
        codes = table.lead[name].codes
        known = np.flatnonzero((table.rep >= 0) & (codes >= 0))
        rows.append(known)
        columns.append(base[known] + layout.cross_offset(name) + codes[known])
    row, column = np.concatenate(rows), np.concatenate(columns)
    shape = (len(table), layout.reps * layout.block)
    return sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=shape)


def one_hot(category: Category) -> sparse.csr_matrix:
    """m × levels; a missing value is a row of zeros."""
    known = np.flatnonzero(category.codes >= 0)
    shape = (len(category.codes), len(category.levels))
    return sparse.csr_matrix((np.ones(len(known)), (known, category.codes[known])), shape=shape)


def cross(first: Category, second: Category) -> Category:
    """The product of two categories; missing where either is."""
    width = len(second.levels)
    codes: Ints = np.where((first.codes < 0) | (second.codes < 0), -1, first.codes * width + second.codes)
    levels = tuple(f"{one}|{other}" for one in first.levels for other in second.levels)
    return Category(codes, levels)


IMAGINARY_X = 0.1  # small, so that an imaginary deal is nearly a normal prior


def imaginary_deals(
    layout: Layout, sd: Floats, priors: Mapping[str, Prior]
) -> tuple[sparse.csr_matrix, Floats, Floats]:
    """Prior means as data (Greenland 2007): two rows for each pair effect, x = .1 in its column alone.

    Labels 1 and 0 with weights k·p and k·(1 − p), p = logistic(x·mean), k = 1 / (sd²·x²·p·(1 − p)).
    Returns the scaled rows, their labels and weights.
    """
    rows: list[int] = []
    columns: list[int] = []
    labels: list[float] = []
    weights: list[float] = []
    for column, name in enumerate(layout.shared):
        prior = SEASON_PRIOR if name == SEASON else priors.get(name)
        if prior is None:
            continue
        p = 1 / (1 + np.exp(-IMAGINARY_X * prior.mean))
        strength = 1 / (prior.sd**2 * IMAGINARY_X**2 * p * (1 - p))
        for label, share in ((1.0, p), (0.0, 1 - p)):
            rows.append(len(labels))
            columns.append(column)
            labels.append(label)
            weights.append(strength * share)
    values = IMAGINARY_X * sd[columns] if columns else np.zeros(0)
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(len(labels), layout.width))
    return matrix, np.array(labels), np.array(weights)
