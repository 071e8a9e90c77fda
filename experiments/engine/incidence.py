"""How many are won within H days: the cumulative incidence of winning, with losing as the competing event.

Aalen and Johansen (Scandinavian Journal of Statistics 1978), over the times t of exits, n open just before t:

    S(t) = Π over u ≤ t of (1 − d/n)            d exits, of which d₁ wins
    F(H) = Σ over t ≤ H of S(t−) d₁/n           more generally Σ w(t) S(t−) d₁/n

Still open counts as not followed beyond its age. The standard error is the delta method's (Dinse and Larson 1986;
Marubini and Valsecchi 1995), that of `statsmodels.CumIncidenceRight`, whose division by zero where all that remain
leave at once is mended: the term is nil there. With several opportunities of the same account it is the infinitesimal
jackknife: each opportunity's influence, summed by account, squared, times G/(G − 1); where nobody is still open it is
G/(G − 1) · Σ (x_g − r k_g)²/(Σ k)², r = Σ x/Σ k.

What it does not do: correct for a waiting that depends on the outcome. How long one is followed must not tell whether
one wins, which holds for ages.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.engine.effect import ArmEstimate
from reps.engine.unavailable import Unavailable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

OPEN, WON = 0, 1  # every other outcome competes: lost 2, disqualified 3
LEAST_CLUSTERS = 5  # in an arm; at 3 the error itself is so uncertain that daily looks erred in 8 of 100 runs
LEAST_MATURED = (
    50  # with fewer the end of the curve rests on a handful: at 20 daily looks erred in 6.7 of 100 runs
)
Z95 = 1.959964


@dataclass(frozen=True)
class Followed:
    """n opportunities of one arm: `days` until the exit, or so far · `outcome` 0 open, 1 won, 2 lost, 3 disqualified,
    or any events of which 1 is the one that counts · `age_days` since the assignment, closed or not · `cluster` ids
    of what fell to the arm together, None where each did alone: accounts; reps in a rep partition, periods in a
    switchback, where errors by account called a difference without cause in 9 to 13 of 100 runs."""

    days: Floats
    outcome: Ints
    age_days: Floats
    cluster: Ints | None = None

    def __post_init__(self) -> None:
        columns = [self.days, self.outcome, self.age_days] + ([] if self.cluster is None else [self.cluster])
        if len({len(column) for column in columns}) > 1:
            raise ValueError("days, outcomes, ages and clusters have the same length")
        if not np.all((self.days >= 0) & (self.days <= self.age_days)):
            raise ValueError("days lie within 0 and the age")

    def __len__(self) -> int:
        return len(self.days)

    def matured(self, horizon_days: float) -> int:
        """How many have been there for the whole horizon, closed or not."""
        return int((self.age_days >= horizon_days).sum())


@dataclass(frozen=True)
class Curve:
    """Share won by the end of each of the `days`, rising, with pointwise 95 % bounds."""

    days: Floats
    share: Floats
    standard_error: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class _Table:
    """By distinct time: in `place` each opportunity's row, `at_risk` n, `exits` d, `wins` d₁, `before` S(t−)."""

    place: Ints
    days: Floats
    at_risk: Floats
    exits: Floats
    wins: Floats
    before: Floats


def won_within(arm: Followed, horizon_days: float) -> ArmEstimate | Unavailable:
    """F(H) of one arm."""
    return weighted(arm, horizon_days, np.ones_like)


def weighted(
    arm: Followed, horizon_days: float, weight: Callable[[Floats], Floats]
) -> ArmEstimate | Unavailable:
    """Σ w(t) S(t−) d₁/n over t up to the horizon. `weight` of an array of days."""
    if not len(arm):
        return Unavailable("there are no opportunities yet")
    if (matured := arm.matured(horizon_days)) < LEAST_MATURED:
        return Unavailable(
            f"{matured} opportunities are {age_words(horizon_days)} old; at least {LEAST_MATURED} are needed"
        )
    table = _table(arm)
    until = int(np.searchsorted(table.days, horizon_days, side="right"))
    reach = slice(0, until)
    w = weight(table.days[reach])
    value, variance = _delta(table, reach, w)
    plain = float(np.sqrt(max(variance, 0.0)))
    if arm.cluster is None:
        return ArmEstimate(value, plain, len(arm))
    value, influence = _influence(table, arm.outcome, reach, w)
    return _clustered(value, influence, arm.cluster, plain)


def age_words(days: float) -> str:
    """In days, or in minutes where it is less than one."""
    return f"{days:g} days" if days >= 1 else f"{round(days * 1440)} minutes"


def curve(arm: Followed) -> Curve | Unavailable:
    """F at every time up to the last, for a chart; opportunities count as independent."""
    if not len(arm):
        return Unavailable("there are no opportunities yet")
    table = _table(arm)
    f = np.cumsum(table.before * table.wins / table.at_risk)
    error = np.sqrt(np.maximum(_variances(table, f), 0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # near 0 and 1
        log = np.log(f)
        spread = np.exp(Z95 * error / np.abs(f * log))  # log-log bounds stay within 0 and 1
        low, high = f**spread, f ** (1 / spread)
    known = (f > 0) & (f < 1)
    return Curve(table.days, f, error, np.where(known, low, f), np.where(known, high, f))


def _table(arm: Followed) -> _Table:
    days, place = np.unique(arm.days, return_inverse=True)
    count = len(days)
    exits = np.bincount(place[arm.outcome != OPEN], minlength=count).astype(np.float64)
    wins = np.bincount(place[arm.outcome == WON], minlength=count).astype(np.float64)
    at_risk = np.cumsum(np.bincount(place, minlength=count)[::-1])[::-1].astype(np.float64)
    after = np.cumprod(1 - exits / at_risk)
    before = np.concatenate([[1.0], after[:-1]])
    return _Table(place.astype(np.int64), days, at_risk, exits, wins, before)


def _terms(table: _Table, reach: slice, w: Floats) -> tuple[float, Floats, Floats]:
    """Value; what one win more at t adds, α; and what one exit more takes from the wins after t, β."""
    n = table.at_risk[reach]
    alpha = w * table.before[reach] / n
    parts = alpha * table.wins[reach]
    total = float(parts.sum())
    later = total - np.cumsum(parts)
    stay = n - table.exits[reach]
    beta = np.divide(later, stay, out=np.zeros_like(later), where=stay > 0)  # nobody stays: nobody wins later
    return total, alpha, beta


def _delta(table: _Table, reach: slice, w: Floats) -> tuple[float, float]:
    """At each time the exits are multinomial among those at risk."""
    total, alpha, beta = _terms(table, reach, w)
    n, p, p1 = table.at_risk[reach], table.exits[reach], table.wins[reach]
    p, p1 = p / n, p1 / n
    terms = p1 * (alpha - beta) ** 2 + (p - p1) * beta**2 - (p1 * alpha - p * beta) ** 2
    return total, float((n * terms).sum())


def _influence(table: _Table, outcome: Ints, reach: slice, w: Floats) -> tuple[float, Floats]:
    """By opportunity: what a win adds, less what any exit takes, less what was expected of it while at risk."""
    total, alpha, beta = _terms(table, reach, w)
    n = table.at_risk[reach]
    expected = np.cumsum((alpha * table.wins[reach] - beta * table.exits[reach]) / n)
    last = len(alpha) - 1
    if last < 0:
        return total, np.zeros(len(outcome))
    row = np.minimum(table.place, last)
    inside = table.place <= last
    seen = np.where(outcome == WON, alpha[row], 0.0) - np.where(outcome != OPEN, beta[row], 0.0)
    return total, np.where(inside, seen, 0.0) - expected[row]


def _clustered(value: float, influence: Floats, cluster: Ints, plain: float) -> ArmEstimate | Unavailable:
    _, member = np.unique(cluster, return_inverse=True)
    sums = np.bincount(member, weights=influence)
    groups = len(sums)
    if groups < LEAST_CLUSTERS:
        return Unavailable(f"only {groups} independent groups; at least {LEAST_CLUSTERS} are needed")
    variance = groups / (groups - 1) * float((sums**2).sum())
    return ArmEstimate(value, float(np.sqrt(variance)), len(influence), groups, plain)


def _variances(table: _Table, f: Floats) -> Floats:
    """The delta method's at every time at once, by running sums."""
    n, d, d1 = table.at_risk, table.exits, table.wins
    stay = n - d
    leave = np.divide(d, n * stay, out=np.zeros_like(d), where=stay > 0)
    ended = np.cumsum(leave) * f**2 - 2 * f * np.cumsum(f * leave) + np.cumsum(f**2 * leave)
    step = table.before / n
    won = np.cumsum(step**2 * (n - d1) * d1 / n)
    both = 2 * np.cumsum(f * step * d1 / n) - 2 * f * np.cumsum(step * d1 / n)
    return np.asarray(ended + won + both)
