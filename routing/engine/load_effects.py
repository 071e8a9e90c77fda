"""What a rep's load does to the next opportunity: first touch and win rate by the load that the rep carried then.

For each past assignment the load just before it is counted from the assignments themselves: those of the same rep that
had begun and were neither over nor closed. Time to first touch is a survival time: who has not been touched yet, or
never was while it lasted, counts as "longer than so far" (Kaplan and Meier, JASA 1958). The median's interval is where
the band of the survival curve (log-log) crosses one half (Brookmeyer and Crowley, Biometrics 1982), the win rate's is
Wilson's. What it does not do: tell cause from coincidence. Easy weeks have low loads and quick answers alike.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from reps.engine.capacity import BandBounds, bands, load_pct
from reps.engine.unavailable import Unavailable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

CONFIDENCE = 0.95
SEARCH_CONFIDENCE = 0.99  # of one comparison of the search for the maximum: it makes about a dozen
LEAST = 30  # assignments in a group, else it says nothing
GROUPS = 8  # of loads, with about as many assignments each


@dataclass(frozen=True)
class Assignments:
    """n past assignments of one role. `load` just before · `touch_hours` until the first touch, or, where `touched` is
    false, for how long there was none, not a number where nobody kept that · `won` 1 or 0, not a number while open or
    disqualified."""

    load: Ints
    touch_hours: Floats
    touched: Mask
    won: Floats

    def __len__(self) -> int:
        return len(self.load)

    def part(self, which: Mask) -> "Assignments":
        return Assignments(self.load[which], self.touch_hours[which], self.touched[which], self.won[which])


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; None where the data do not reach that far."""

    value: float | None
    low: float | None
    high: float | None
    of: int


@dataclass(frozen=True)
class Group:
    """Assignments at loads `least` to `most`, both inclusive."""

    least: int
    most: int
    count: int
    touch_hours: Estimate
    win_rate: Estimate


@dataclass(frozen=True)
class Supported:
    """The highest load up to which nothing gets worse. `because` is "touch" or "wins", "" where nothing does up to the
    highest load seen; `below`, `above` the estimates on both sides."""

    load: int
    because: str
    below: Estimate | None = None
    above: Estimate | None = None


def loads_before(start: Floats, end: Floats, rep: Ints) -> Ints:
    """Open assignments of the same rep just before each one began. Times in any unit; `end` infinite while open."""
    found = np.zeros(len(start), dtype=np.int64)
    for one in np.unique(rep):
        mine = np.flatnonzero(rep == one)
        begun = np.searchsorted(np.sort(start[mine]), start[mine], side="left")
        over = np.searchsorted(np.sort(end[mine]), start[mine], side="right")
        found[mine] = np.maximum(begun - over, 0)
    return found


def by_band(assignments: Assignments, maximum: int, bounds: BandBounds) -> list[Group]:
    """The four bands as they would have been under this maximum; empty ones have no figures."""
    band = bands(load_pct(assignments.load, maximum), bounds)
    groups = []
    for number in range(4):
        part = assignments.part(band == number)
        groups.append(group_of(part))
    return groups


def by_load(assignments: Assignments) -> list[Group]:
    """Runs of loads with about as many assignments each, in rising order."""
    if not len(assignments):
        return []
    wanted = max(1, min(GROUPS, len(assignments) // LEAST))
    edges = np.unique(np.quantile(assignments.load, np.arange(1, wanted) / wanted, method="higher"))
    place = np.searchsorted(edges, assignments.load, side="right")
    return [group_of(assignments.part(place == number)) for number in np.unique(place)]


def group_of(part: Assignments, confidence: float = CONFIDENCE) -> Group:
    least, most = (int(part.load.min()), int(part.load.max())) if len(part) else (0, 0)
    return Group(least, most, len(part), median_touch(part, confidence), win_rate(part, confidence))


def median_touch(part: Assignments, confidence: float = CONFIDENCE) -> Estimate:
    """Half were touched within so many hours."""
    known = part.part(~np.isnan(part.touch_hours))
    if not known.touched.any():
        return Estimate(None, None, None, len(known))
    curve = stats.ecdf(stats.CensoredData.right_censored(known.touch_hours, ~known.touched)).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the band is undefined where the curve is 1 or 0
        band = curve.confidence_interval(confidence, method="log-log")
    hours = curve.quantiles

    def crossing(share: Floats) -> float | None:
        below = np.flatnonzero(np.nan_to_num(share, nan=1.0) <= 0.5)
        return float(hours[below[0]]) if len(below) else None

    ends = curve.probabilities <= 0  # beyond the last touch the band has no upper side
    return Estimate(
        value=crossing(curve.probabilities),
        low=crossing(np.where(ends, 0.0, band.low.probabilities)),
        high=crossing(np.where(ends, 0.0, band.high.probabilities)),
        of=len(known),
    )


def win_rate(part: Assignments, confidence: float = CONFIDENCE) -> Estimate:
    """Share won of those won or lost."""
    closed = part.won[~np.isnan(part.won)]
    if not len(closed):
        return Estimate(None, None, None, 0)
    interval = stats.binomtest(int(closed.sum()), len(closed)).proportion_ci(confidence, method="wilson")
    return Estimate(float(closed.mean()), float(interval.low), float(interval.high), len(closed))


def supported_load(assignments: Assignments) -> Supported | Unavailable:
    """The load after which the first touch is clearly later, or clearly less is won, than at all lower loads together.

    "Clearly": the intervals of both sides do not touch."""
    groups = by_load(assignments)
    if len(groups) < 3:
        return Unavailable(
            f"only {len(assignments)} assignments in this role; {3 * LEAST} at different loads say something"
        )
    for group in groups[1:]:
        lower = group_of(assignments.part(assignments.load < group.least), SEARCH_CONFIDENCE)
        higher = group_of(
            assignments.part((assignments.load >= group.least) & (assignments.load <= group.most)),
            SEARCH_CONFIDENCE,
        )
        if _is_above(higher.touch_hours, lower.touch_hours):
            return Supported(group.least - 1, "touch", lower.touch_hours, higher.touch_hours)
        if _is_above(lower.win_rate, higher.win_rate):
            return Supported(group.least - 1, "wins", lower.win_rate, higher.win_rate)
    return Supported(groups[-1].most, "")


def _is_above(one: Estimate, other: Estimate) -> bool:
    """Whether the whole interval of one lies above that of the other. Half untouched is above everything."""
    if other.high is None or min(one.of, other.of) < LEAST:
        return False
    if one.value is None and one.of:
        return True
    return one.low is not None and one.low > other.high


def maximum_for(load: int, bounds: BandBounds) -> int:
    """The maximum with which automation stops at this load: the last load before an assignment that is not past the
    bound of "near capacity" is one below it."""
    maximum = 1
    while int(bands(load_pct(load, maximum), bounds)) > 1:
        maximum += 1
    return maximum


def shares(groups: Sequence[Group]) -> list[float]:
    """Of all assignments, how many fell into each group."""
    total = sum(group.count for group in groups)
    return [group.count / total if total else 0.0 for group in groups]
