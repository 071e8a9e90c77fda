"""Intervals that hold at every moment at once, however often one looks.

    one-sided    se √n √( 2(n r² + 1)/(n² r²) · ln(1 + √(n r² + 1)/(2a)) )    r² = (−2 ln 2a + ln(−2 ln 2a + 1))/n*
    two-sided    se √n √( 2(n r² + 1)/(n² r²) · ln(√(n r² + 1)/a) )           r² = (−2 ln a + ln(−2 ln a + 1))/n*

Half widths. I. Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy, A. Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 2024. n units of both arms, a the error in all, narrowest
around n* units, for which a quarter of the planned ones is taken. For guardrails and for a permanent hold-out, which
have no planned end. What it does not do: hold at small n, for which the limit says nothing; see the least numbers in
`guardrails`.
"""

import math

from experiments.engine.effect import Interval

EARLY = 0.25  # of the planned units: where the sequence is narrowest


def tightest_at(planned_units: float) -> float:
    """n* for so many planned units of both arms."""
    return max(EARLY * planned_units, 1.0)


def two_sided(
    estimate: float, standard_error: float, units: float, *, narrowest_at: float, error: float = 0.05
) -> Interval:
    """Raises ValueError without units or with an error outside 0 to 1."""
    _check(units, narrowest_at, error)
    rho = (-2 * math.log(error) + math.log(-2 * math.log(error) + 1)) / narrowest_at
    mixed = units * rho + 1
    reach = standard_error * math.sqrt(2 * mixed / (units * rho) * math.log(math.sqrt(mixed) / error))
    return Interval(estimate - reach, estimate + reach)


def lower_bound(
    estimate: float, standard_error: float, units: float, *, narrowest_at: float, error: float = 0.05
) -> float:
    """The truth lies above this, at every look at once, but for `error` of runs. Raises as `two_sided`, and at or above
    an error of one half."""
    _check(units, narrowest_at, 2 * error)
    rho = (-2 * math.log(2 * error) + math.log(-2 * math.log(2 * error) + 1)) / narrowest_at
    mixed = units * rho + 1
    ratio = 2 * mixed / (units * rho) * math.log(1 + math.sqrt(mixed) / (2 * error))
    return estimate - standard_error * math.sqrt(ratio)


def _check(units: float, narrowest_at: float, error: float) -> None:
    if not (units > 0 and narrowest_at > 0 and 0 < error < 1):
        raise ValueError("units lie above 0 and the error within 0 and 1")
