"""Where fall-through is concentrated: segments in which clearly more opportunities fall through than elsewhere.

    H0 of a segment: it falls through as often as the rest.    p = P(X ≥ k), X hypergeometric (Fisher, one-sided)
    all segments of all causes together: Benjamini and Hochberg (1995), at the rate `RATE`
    of those that stand out: the one with the largest excess, k − n · (rest's share); then again without its rows

So of segments that say the same (a country and its territory) only one is shown, and what is shown adds up. Under no
concentration at all something is shown in at most `RATE` of looks; the rate of false ones among all shown is as large,
as far as segments depend on each other positively (they overlap). What it does not do: segments of two columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control, hypergeom

from routing.engine.roster import Floats, Ints, Mask

RATE = 0.1
LEAST = 5  # opportunities of a segment that fell through; fewer are an anecdote
TIMES = 1.5  # the share of the rest
MOST = 40  # segments
Z = 1.959964


@dataclass(frozen=True, eq=False)
class Cells:
    """Opportunities counted by what they have in common (C rows): `count` of them, their `worth`, the `cause` (a number
    from 0, −1 for what did not fall through), and by dimension the value's number, −1 where there is none. `whole`:
    causes that are a segment themselves (a language), in which none is searched. `scope`: of a cause that can befall
    some only (those of a policy), which; the others are no elsewhere of it."""

    count: Ints
    worth: Floats
    cause: Ints
    values: Mapping[str, Ints]
    whole: frozenset[int] = field(default_factory=frozenset)
    scope: Mapping[int, Mask] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Gap:
    """What fell through for one cause: within the segment (`dimension` = `value`), or, with dimension "", all that lies
    in no segment named before. `fell` of `total` there, `rest_fell` of `rest` elsewhere; `low` to `high` the share's
    Wilson interval, 95 %. `rows`: its cells."""

    cause: int
    dimension: str
    value: int
    fell: int
    total: int
    rest_fell: int
    rest: int
    worth: float
    low: float
    high: float
    rows: Mask
    without: tuple[tuple[str, int], ...] = ()

    @property
    def share(self) -> float:
        return self.fell / self.total if self.total else 0.0

    @property
    def rest_share(self) -> float:
        return self.rest_fell / self.rest if self.rest else 0.0


def wilson(hits: int, total: int, z: float = Z) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927); all of it where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share, weight = hits / total, z * z / total
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * float(np.sqrt(share * (1 - share) / total + weight / (4 * total)))
    return max(0.0, middle - half), min(1.0, middle + half)


def find_gaps(cells: Cells, *, rate: float = RATE) -> list[Gap]:
    """All that fell through, each in one gap: segments that stand out first, by excess, then the rest of each
    cause, the largest first."""
    causes = [int(cause) for cause in np.unique(cells.cause[cells.cause >= 0])]
    everything = np.ones(len(cells.count), dtype=bool)
    alive = {cause: cells.scope.get(cause, everything) | (cells.cause == cause) for cause in causes}
    taken: dict[int, list[tuple[str, int]]] = {cause: [] for cause in causes}
    found: list[Gap] = []
    while len(found) < MOST:
        best = _standing_out(cells, alive, rate)
        if best is None:
            break
        cause, dimension, value = best
        inside = alive[cause] & (cells.values[dimension] == value)
        found.append(_gap(cells, cause, dimension, value, inside, alive[cause] & ~inside, taken[cause]))
        alive[cause] = alive[cause] & ~inside
        taken[cause].append((dimension, value))
    rests = [_rest(cells, cause, alive[cause], taken[cause]) for cause in causes]
    return found + sorted((gap for gap in rests if gap.fell), key=lambda gap: (-gap.fell, gap.cause))


@dataclass(frozen=True, eq=False)
class _Tests:
    """One for each segment of a cause (S): what fell through, and all, in it and altogether."""

    cause: int
    dimension: str
    fell: Ints
    total: Ints
    all_fell: int
    all: int

    @property
    def p(self) -> Floats:
        return np.asarray(hypergeom.sf(self.fell - 1, self.all, self.all_fell, self.total))

    @property
    def excess(self) -> Floats:
        """How many more than the rest's share would be."""
        rest = np.maximum(self.all - self.total, 1)
        share = (self.all_fell - self.fell) / rest
        much = (self.fell >= LEAST) & (self.fell > TIMES * share * self.total) & (self.total < self.all)
        return np.asarray(np.where(much, self.fell - share * self.total, 0.0))


def _standing_out(cells: Cells, alive: Mapping[int, Mask], rate: float) -> tuple[int, str, int] | None:
    """The cause and segment with the largest excess of those that chance does not explain."""
    tests = [
        _tests(cells, cause, dimension, mask)
        for cause, mask in alive.items()
        if cause not in cells.whole
        for dimension in cells.values
    ]
    tests = [test for test in tests if len(test.fell)]
    if not tests:
        return None
    adjusted = _adjusted([test.p for test in tests])
    best: tuple[float, int, str, int] | None = None
    for test, ps in zip(tests, adjusted, strict=True):
        excess = np.where(ps <= rate, test.excess, 0.0)
        value = int(np.argmax(excess))
        if excess[value] > 0 and (best is None or excess[value] > best[0]):
            best = (float(excess[value]), test.cause, test.dimension, value)
    return None if best is None else best[1:]


def _tests(cells: Cells, cause: int, dimension: str, alive: Mask) -> _Tests:
    codes = cells.values[dimension]
    size = int(codes.max(initial=-1)) + 1
    fell = alive & (cells.cause == cause)
    return _Tests(
        cause,
        dimension,
        _counted(codes, cells.count, fell, size),
        _counted(codes, cells.count, alive, size),
        int(cells.count[fell].sum()),
        int(cells.count[alive].sum()),
    )


def _counted(codes: Ints, count: Ints, which: Mask, size: int) -> Ints:
    known = which & (codes >= 0)
    return np.bincount(codes[known], weights=count[known], minlength=size).astype(np.int64)


def _adjusted(tests: Sequence[Floats]) -> list[Floats]:
    """Of all together, by Benjamini and Hochberg."""
    whole = np.clip(np.concatenate(tests), 0.0, 1.0)
    adjusted: npt.NDArray[np.float64] = np.asarray(false_discovery_control(whole, method="bh"))
    return np.split(adjusted, np.cumsum([len(test) for test in tests])[:-1])


def _gap(
    cells: Cells,
    cause: int,
    dimension: str,
    value: int,
    inside: Mask,
    outside: Mask,
    without: Sequence[tuple[str, int]],
) -> Gap:
    of_cause = cells.cause == cause
    rows = inside & of_cause
    fell, total = int(cells.count[rows].sum()), int(cells.count[inside].sum())
    low, high = wilson(fell, total)
    return Gap(
        cause=cause,
        dimension=dimension,
        value=value,
        fell=fell,
        total=total,
        rest_fell=int(cells.count[outside & of_cause].sum()),
        rest=int(cells.count[outside].sum()),
        worth=float(cells.worth[rows].sum()),
        low=low,
        high=high,
        rows=rows,
        without=tuple(without),
    )


def _rest(cells: Cells, cause: int, alive: Mask, without: Sequence[tuple[str, int]]) -> Gap:
    return _gap(cells, cause, "", -1, alive, np.zeros_like(alive), without)
