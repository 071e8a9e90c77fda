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
from functools import cached_property

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
    totals = {dimension: _counted(codes, cells.count) for dimension, codes in cells.values.items()}
    causes = {
        int(cause): _Cause.of(cells, int(cause), totals) for cause in np.unique(cells.cause[cells.cause >= 0])
    }
    found: list[Gap] = []
    while len(found) < MOST:
        best = _standing_out([test for cause in causes.values() for test in cause.tests], rate)
        if best is None:
            break
        found.append(causes[best.cause].take(best.dimension, best.value))
    rests = [cause.rest() for cause in causes.values()]
    return found + sorted((gap for gap in rests if gap.fell), key=lambda gap: (-gap.fell, gap.cause))


class _Cause:
    """What is left of a cause: the rows that are in no gap yet (`alive`), and the counts of all by segment. They
    are not counted anew for each gap: what it takes is taken off."""

    def __init__(self, cells: Cells, cause: int, alive: Mask, totals: dict[str, Ints]) -> None:
        self.cells, self.cause, self.alive, self.totals = cells, cause, alive, totals
        self.fell = np.flatnonzero(cells.cause == cause)
        self.all = int(cells.count[alive].sum())
        self.taken: list[tuple[str, int]] = []
        self.tests = self._tests()

    @classmethod
    def of(cls, cells: Cells, cause: int, totals: Mapping[str, Ints]) -> "_Cause":
        scope = cells.scope.get(cause)
        if scope is None:
            return cls(cells, cause, np.ones(len(cells.count), dtype=bool), dict(totals))
        alive = scope | (cells.cause == cause)
        rows = np.flatnonzero(alive)
        sizes = {dimension: len(counted) for dimension, counted in totals.items()}
        own = {
            dimension: _counted(codes[rows], cells.count[rows], sizes[dimension])
            for dimension, codes in cells.values.items()
        }
        return cls(cells, cause, alive, own)

    def _tests(self) -> list["_Tests"]:
        """A family for each dimension that has values; none for a cause that is a segment itself."""
        if self.cause in self.cells.whole:
            return []
        count = self.cells.count[self.fell]
        return [
            _Tests(
                self.cause, dimension, _counted(codes[self.fell], count, len(self.totals[dimension])),
                self.totals[dimension], int(count.sum()), self.all,
            )
            for dimension, codes in self.cells.values.items()
            if len(self.totals[dimension])
        ]  # fmt: skip

    def take(self, dimension: str, value: int) -> Gap:
        """The segment as a gap; what is in it is left out from now on, whether it fell through or not."""
        inside = self.alive & (self.cells.values[dimension] == value)
        rest = (int(self.cells.count[self.fell].sum()), self.all)
        gap = self._gap(dimension, value, inside, rest)
        rows = np.flatnonzero(inside)
        self.alive = self.alive & ~inside
        self.fell = self.fell[~inside[self.fell]]
        self.all -= gap.total
        for name, codes in self.cells.values.items():
            less = _counted(codes[rows], self.cells.count[rows], len(self.totals[name]))
            self.totals[name] = self.totals[name] - less
        self.taken.append((dimension, value))
        self.tests = self._tests()
        return gap

    def rest(self) -> Gap:
        """All that is in no segment."""
        return self._gap("", -1, self.alive, (int(self.cells.count[self.fell].sum()), self.all))

    def _gap(self, dimension: str, value: int, inside: Mask, altogether: tuple[int, int]) -> Gap:
        rows = inside & (self.cells.cause == self.cause)
        fell, total = int(self.cells.count[rows].sum()), int(self.cells.count[inside].sum())
        low, high = wilson(fell, total)
        worth = float(self.cells.worth[rows].sum())
        return Gap(
            self.cause, dimension, value, fell, total, altogether[0] - fell, altogether[1] - total, worth, low, high,
            rows, tuple(self.taken),
        )  # fmt: skip


@dataclass(eq=False)
class _Tests:
    """One for each segment of a cause (S): what fell through, and all, in it and altogether."""

    cause: int
    dimension: str
    fell: Ints
    total: Ints
    all_fell: int
    all: int

    @cached_property
    def p(self) -> Floats:
        """1 where there is no excess worth telling: that is never too small, and spares most of the work."""
        p, told = np.ones(len(self.fell)), self.excess > 0
        if told.any():
            p[told] = hypergeom.sf(self.fell[told] - 1, self.all, self.all_fell, self.total[told])
        return p

    @cached_property
    def excess(self) -> Floats:
        """How many more than the rest's share would be."""
        rest = np.maximum(self.all - self.total, 1)
        share = (self.all_fell - self.fell) / rest
        much = (self.fell >= LEAST) & (self.fell > TIMES * share * self.total) & (self.total < self.all)
        return np.asarray(np.where(much, self.fell - share * self.total, 0.0))


@dataclass(frozen=True)
class _Segment:
    cause: int
    dimension: str
    value: int


def _standing_out(tests: Sequence[_Tests], rate: float) -> _Segment | None:
    """The segment with the largest excess of those that chance does not explain."""
    if not tests:
        return None
    adjusted = _adjusted([test.p for test in tests])
    best, most = None, 0.0
    for test, ps in zip(tests, adjusted, strict=True):
        excess = np.where(ps <= rate, test.excess, 0.0)
        value = int(np.argmax(excess))
        if excess[value] > most:
            best, most = _Segment(test.cause, test.dimension, value), float(excess[value])
    return best


def _counted(codes: Ints, count: Ints, size: int = 0) -> Ints:
    """By value; rows without one are left out."""
    known = codes >= 0
    return np.bincount(codes[known], weights=count[known], minlength=size).astype(np.int64)


def _adjusted(tests: Sequence[Floats]) -> list[Floats]:
    """Of all together, by Benjamini and Hochberg."""
    whole = np.clip(np.concatenate(tests), 0.0, 1.0)
    adjusted: npt.NDArray[np.float64] = np.asarray(false_discovery_control(whole, method="bh"))
    return np.split(adjusted, np.cumsum([len(test) for test in tests])[:-1])
