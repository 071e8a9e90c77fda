"""When a weekly figure gives cause for an alarm. Pure; weeks in order, the newest last.

**Turned.** Of each week the lift x and its variance v. Recursive residuals (R. Brown, J. Durbin, J. Evans, JRSS B 1975)

    w = (x − m) / √(v + v_m),   m the mean of all weeks before, weighted by 1/v, v_m its variance

are independent and standard normal while the lift stays what it is, though nobody knows what that is. Their lower CUSUM
(E. Page, Biometrika 1954), S = max(0, S − w − ½), gives the alarm above LIMIT; a second one on x/√v finds a lift below
nought that never was better. Residuals are cut at CUT, so that one odd week does not speak alone. From the alarm on m
stays what it was before the fall, until the lift is back or RENEWED weeks have made the new level the usual one.

**Off.** A two-sided CUSUM on z = Σ(won − p) / √Σp(1 − p).

**Plateau.** The slope of the last RECENT weeks is not clearly above 0 and clearly below that of the weeks before, which
was clearly above 0 (weighted least squares).

**Beyond a target** by more than chance in each of the last two weeks, and while it is of both together.

Looked at once a week, in a year in which nothing changes `turned`, `off` and `plateau` each give an alarm in fewer than
one year of ten (simulated in the tests). What it does not do: say why (`analytics.queries.candidates`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.engine.shares import Share

ALLOWANCE = 0.5  # half of a fall of one standard error a week, which is found soonest
LIMIT = 5.0
OFF_LIMIT = 5.5  # either way
CUT = 3.0
FIRST = 8  # weeks before the first that is compared: the mean of fewer says little
RECENT = 12
RECOVERED_OVER = 4  # weeks whose mean says that the lift is back
RENEWED = 26
CLEAR = 2.5  # standard errors: growth is looked for every week
Z95 = 1.959964


@dataclass(frozen=True)
class Week:
    """A week's figure with its variance, above 0."""

    value: float
    variance: float


@dataclass(frozen=True)
class Turn:
    """`since`: the first week of the fall; `before` the level until then, `now` the level from then on, each with its
    standard error; `is_below_nothing`: the lift is lost and below 0, whatever it was."""

    since: int
    before: float
    before_error: float
    now: float
    now_error: float
    is_below_nothing: bool


def turned(weeks: Sequence[Week]) -> Turn | None:
    """The fall that holds in the newest week; None where there is none."""
    start = since = 0
    fell = lost = 0.0
    begun: int | None = None
    fell_since = lost_since = 0
    for place, week in enumerate(weeks):
        if begun is not None:
            if _is_back(weeks[start:since], weeks[: place + 1]):
                begun, fell, lost = None, 0.0, 0.0
            elif place - begun >= RENEWED:
                start, begun, fell, lost = since, None, 0.0, 0.0
            continue
        fell, fell_since = _lower(fell, fell_since, _residual(weeks[start:place], week), place)
        lost, lost_since = _lower(lost, lost_since, week.value / math.sqrt(week.variance), place)
        if max(fell, lost) > LIMIT:
            begun, since = place, fell_since if fell > LIMIT else lost_since
    if begun is None:
        return None
    before, after = _mean(weeks[start:since]), _mean(weeks[since:])
    is_lost = after.value + Z95 * math.sqrt(after.variance) < 0
    return Turn(
        since, before.value, math.sqrt(before.variance), after.value, math.sqrt(after.variance), is_lost
    )


def off(weeks: Sequence[float]) -> int | None:
    """Since which week forecasts are too high (standardised values below 0) or too low; None where they hold."""
    low = high = 0.0
    low_since = high_since = 0
    for place, z in enumerate(weeks):
        low, low_since = _lower(low, low_since, z, place)
        high, high_since = _lower(high, high_since, -z, place)
        # What was off and is right again comes down by half a step a week, from no higher than twice the limit.
        low, high = min(low, 2 * OFF_LIMIT), min(high, 2 * OFF_LIMIT)
    if max(low, high) <= OFF_LIMIT:
        return None
    return low_since if low > high else high_since


@dataclass(frozen=True)
class Plateau:
    """Slopes a week with their standard errors: of the last RECENT weeks, and of those before."""

    now: float
    now_error: float
    before: float
    before_error: float


def plateau(weeks: Sequence[Week]) -> Plateau | None:
    """None where the lift still grows, or did not before, or there are too few weeks to tell."""
    if len(weeks) < 2 * RECENT:
        return None
    now, now_error = _slope(weeks[-RECENT:])
    before, before_error = _slope(weeks[:-RECENT])
    grew = before > CLEAR * before_error
    slower = before - now > CLEAR * math.hypot(now_error, before_error)
    if not grew or not slower or now > Z95 * now_error:
        return None
    return Plateau(now, now_error, before, before_error)


def beyond(weeks: Sequence[Share], target: float, *, above: bool, is_open: bool) -> bool:
    """Whether a share lies beyond its target, and not by chance: to begin in each of the last two weeks, to go on
    (`is_open`) in both together."""
    last = list(weeks[-2:])
    if len(last) < 2:
        return False
    return all(_is_beyond(share, target, above) for share in ([last[0] + last[1]] if is_open else last))


def _is_beyond(share: Share, target: float, above: bool) -> bool:
    bound = share.low if above else share.high
    return bound is not None and (bound > target if above else bound < target)


def _residual(before: Sequence[Week], week: Week) -> float:
    """0 before there is anything to compare with."""
    if len(before) < FIRST:
        return 0.0
    mean = _mean(before)
    return (week.value - mean.value) / math.sqrt(week.variance + mean.variance)


def _lower(total: float, since: int, step: float, place: int) -> tuple[float, int]:
    """The sum, and the week it began to rise in."""
    began = place if total == 0.0 else since
    return max(0.0, total - max(-CUT, min(CUT, step)) - ALLOWANCE), began


def _is_back(before: Sequence[Week], until_now: Sequence[Week]) -> bool:
    """Whether the newest weeks lie less than a standard error below what was usual, and not below nothing."""
    recent, usual = _mean(until_now[-RECOVERED_OVER:]), _mean(before)
    error = math.sqrt(recent.variance + (usual.variance if before else 0.0))
    return recent.value > max(usual.value, 0.0) - error if before else recent.value > 0


def _mean(weeks: Sequence[Week]) -> Week:
    """Weighted by 1/variance; of no weeks 0 with variance 0."""
    weight = sum(1 / week.variance for week in weeks)
    if not weight:
        return Week(0.0, 0.0)
    return Week(sum(week.value / week.variance for week in weeks) / weight, 1 / weight)


def _slope(weeks: Sequence[Week]) -> tuple[float, float]:
    """A week, with its standard error."""
    weights = [1 / week.variance for week in weeks]
    whole = sum(weights)
    centre = sum(weight * place for place, weight in enumerate(weights)) / whole
    spread = sum(weight * (place - centre) ** 2 for place, weight in enumerate(weights))
    tilt = sum(
        weight * (place - centre) * week.value
        for place, (weight, week) in enumerate(zip(weights, weeks, strict=True))
    )
    return tilt / spread, 1 / math.sqrt(spread)
