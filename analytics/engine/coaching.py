"""Where a rep does clearly worse, or clearly better, than the forecasts said, with all that is looked at together.

    forecasts   recalibrated over everybody (`calibrated`), then shifted in each level of a dimension by what everybody
                else does there: a segment in which all do worse is the model's fault, not hers
    the rep     X wins ~ Poisson binomial(pᵢ); one-sided mid-p values
    a segment   of the rep: X | T, the wins there given all T wins of the rep. Her own level, whatever it is, cancels:
                P(X = x | T) ∝ P_in(x) · P_out(T − x), as in Fisher's exact test, with the forecasts as odds.
                It must lie below (above) the forecasts as well: the larger of both p counts. Else who is worse in
                Healthcare would be better in all the rest
    together    both sides of all groups with at least `LEAST` closed: Benjamini and Hochberg (1995), at half of `RATE`
                for the reps and at the other half for the segments, so that reps who truly differ let no segment in
    told        the difference in points from the forecasts at her level elsewhere, shrunken by the spread of true
                differences that all groups show (normal, by moments), so that whoever looks most extreme is not
                flattered or blamed by chance

Under no difference at all something is found in at most `RATE` of looks; of what is found as much may be chance (the
groups overlap and depend on each other positively). What it does not do: segments of two columns; causes.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import false_discovery_control, norm

from analytics.engine.calibrated import Calibration, recalibrated, shift_of
from analytics.engine.win_counts import mid_p, pmf, tails
from routing.engine.roster import Floats, Ints, Mask

RATE = 0.1
LEAST = 8  # closed opportunities of a group; fewer are an anecdote
CLEAR = 0.03  # of the shrunken difference: less is no matter for coaching, however certain
OWN_SPREAD = 0.5  # log-odds between reps, as far as the forecasts missed it
LEVEL_SPREAD = 0.3  # and between the levels of a dimension
LEAST_SPREAD = 0.05  # points; true differences are never taken for nearer to nil than that
LARGE = 30.0  # variance on both sides from which the normal distribution does
Z95 = 1.959964


@dataclass(frozen=True, eq=False)
class Closed:
    """Closed opportunities (n): whose (a number from 0), won or not, the chance that was forecast for that rep, and by
    dimension the level's number, −1 where there is none."""

    rep: Ints
    won: Mask
    chance: Floats
    levels: Mapping[str, Ints]


@dataclass(frozen=True)
class Group:
    """A rep's closed opportunities in one level, or, with dimension "", all of them. `expected` wins at the rep's level
    elsewhere; `difference` in points, shrunken, with its 95 % interval; `below` and `above` the mid-p values; `q` the
    adjusted one of the side it lies on. `rest_…`: the rep's others, as forecast."""

    rep: int
    dimension: str
    level: int
    closed: int
    won: int
    expected: float
    rest_closed: int
    rest_won: int
    rest_expected: float
    raw: float
    variance: float
    below: float
    above: float
    difference: float = 0.0
    low: float = 0.0
    high: float = 0.0
    q: float = 1.0

    @property
    def is_worse(self) -> bool:
        return self.below < self.above

    @property
    def p(self) -> float:
        return min(self.below, self.above)


@dataclass(frozen=True)
class Looked:
    """What a look found: `found` of `groups` looked at, in order of evidence."""

    calibration: Calibration
    groups: int
    found: tuple[Group, ...]


def look(closed: Closed, *, rate: float = RATE) -> Looked:
    """All groups with enough closed, judged together. Empty where nobody has enough."""
    calibration = recalibrated(closed.chance, closed.won)
    groups = list(_groups(closed, calibration.log_odds(closed.chance)))
    if not groups:
        return Looked(calibration, 0, ())
    families = (
        [group for group in groups if not group.dimension],
        [group for group in groups if group.dimension],
    )
    told = [group for family in families for group in _judged(family, _spread(groups))]
    found = [group for group in told if group.q <= rate / 2 and abs(group.difference) >= CLEAR]
    return Looked(calibration, len(groups), tuple(sorted(found, key=lambda group: group.p)))


def _judged(family: list[Group], spread: float) -> list[Group]:
    """With the adjusted p of the side each lies on, and the shrunken difference."""
    if not family:
        return []
    sides = np.array([[group.below, group.above] for group in family])
    adjusted = false_discovery_control(sides.ravel()).reshape(sides.shape)
    return [_told(group, float(q.min()), spread) for group, q in zip(family, adjusted, strict=True)]


def _groups(closed: Closed, odds: Floats) -> Iterator[Group]:
    reps = np.unique(closed.rep)
    own = np.zeros(len(odds))
    for rep in reps:
        rows = closed.rep == rep
        own[rows] = shift_of(odds[rows], closed.won[rows], OWN_SPREAD)[0]
    for rep in reps:
        rows = np.flatnonzero(closed.rep == rep)
        if len(rows) >= LEAST:
            yield _whole(int(rep), odds[rows], closed.won[rows])
    for dimension, levels in closed.levels.items():
        put_right = odds + _of_everybody_else(closed, levels, expit(odds + own))
        for rep in reps:
            rows = np.flatnonzero(closed.rep == rep)
            yield from _segments(int(rep), dimension, levels[rows], put_right[rows], closed.won[rows])


def _of_everybody_else(closed: Closed, levels: Ints, chance: Floats) -> Floats:
    """By opportunity: how far the others' wins in its level lie from the forecasts at their own levels, shrunken."""
    known = levels >= 0
    number, wide = int(levels.max(initial=-1)) + 1, int(closed.rep.max()) + 1
    cell = closed.rep[known] * number + levels[known]
    missed = np.bincount(cell, (closed.won - chance)[known], wide * number).reshape(wide, number)
    weight = np.bincount(cell, (chance * (1 - chance))[known], wide * number).reshape(wide, number)
    others = (missed.sum(0) - missed) / (weight.sum(0) - weight + 1 / LEVEL_SPREAD**2)
    found = np.zeros(len(levels))
    found[known] = others[closed.rep[known], levels[known]]
    return found


def _whole(rep: int, odds: Floats, won: Mask) -> Group:
    chance, count = expit(odds), int(won.sum())
    below, above = tails(chance, count)
    expected, n = float(chance.sum()), len(odds)
    variance = float((chance * (1 - chance)).sum()) / n**2
    return Group(
        rep, "", -1, n, count, expected, 0, 0, 0.0, (count - expected) / n, variance, below, above
    )  # fmt: skip


def _segments(rep: int, dimension: str, levels: Ints, odds: Floats, won: Mask) -> Iterator[Group]:
    counts = np.bincount(levels[levels >= 0])
    for level in np.flatnonzero(counts >= LEAST).tolist():
        inside = levels == level
        if not inside.all():
            yield _segment(rep, dimension, level, odds, won, inside)


def _segment(rep: int, dimension: str, level: int, odds: Floats, won: Mask, inside: Mask) -> Group:
    shift, uncertain = shift_of(odds[~inside], won[~inside], OWN_SPREAD)
    chance = expit(odds[inside] + shift)
    n, count, expected = int(inside.sum()), int(won[inside].sum()), float(chance.sum())
    spread = float((chance * (1 - chance)).sum())
    plain, given = tails(expit(odds[inside]), count), _given_all(odds, won, inside)
    below, above = max(plain[0], given[0]), max(plain[1], given[1])
    return Group(
        rep=rep, dimension=dimension, level=level, closed=n, won=count, expected=expected,
        rest_closed=len(odds) - n, rest_won=int(won.sum()) - count, rest_expected=float(expit(odds[~inside]).sum()),
        raw=(count - expected) / n, variance=(spread + uncertain * spread**2) / n**2, below=below, above=above,
    )  # fmt: skip


def _given_all(odds: Floats, won: Mask, inside: Mask) -> tuple[float, float]:
    """Mid-p values of the wins inside, given all wins. Any shift of all odds leaves them the same; the one that fits
    keeps the numbers in reach."""
    total, here = int(won.sum()), int(won[inside].sum())
    if total in (0, len(won)):
        return 0.5, 0.5  # nothing else could have come
    chance = expit(odds + shift_of(odds, won, 5.0)[0])
    weight = chance * (1 - chance)
    both = float(weight[inside].sum()), float(weight[~inside].sum())
    if min(both) >= LARGE:
        z = (here - float(chance[inside].sum())) / math.sqrt(both[0] * both[1] / sum(both))
        return float(norm.cdf(z)), float(norm.sf(z))
    first, rest = pmf(chance[inside]), pmf(chance[~inside])
    places = total - np.arange(len(first))
    possible = (places >= 0) & (places < len(rest))
    joint = np.where(possible, first * rest[np.clip(places, 0, len(rest) - 1)], 0.0)
    return mid_p(joint / joint.sum(), here)


def _spread(groups: list[Group]) -> float:
    """The variance of true differences: what the raw ones vary more than chance makes them."""
    more = np.mean([group.raw**2 - group.variance for group in groups])
    return max(float(more), LEAST_SPREAD**2)


def _told(group: Group, q: float, spread: float) -> Group:
    kept = spread / (spread + group.variance)
    value, reach = kept * group.raw, Z95 * math.sqrt(kept * group.variance)
    changed = {"difference": value, "low": value - reach, "high": value + reach, "q": q}
    return Group(**{**group.__dict__, **changed})
