"""Looking every day at a fixed error: a group-sequential test with O'Brien-Fleming-like spending.

    spent on each side until t    α*(t) = 2 − 2Φ(z_{1−a/2}/√t)                            a = .025
    bound of look k               c_k from P(|Z_j| < c_j for j < k, Z_k ≥ c_k) = α*(t_k) − α*(t_{k−1})
    repeated interval             d ± c_k · se

K. Lan, D. DeMets, Biometrika 1983; the recursion over the walk √I·Z, whose steps are independent and normal, of
P. Armitage, C. McPherson, B. Rowe (JRSS A 1969), integrated by Gauss and Legendre; repeated intervals of C. Jennison,
B. Turnbull (JRSS B 1989). Information time t = I/I_max never falls; at the last planned look everything is spent and
the walk takes the information that there is, so one that ends early or late keeps its error. A look that adds less
than .001 is none. Bounds depend on the times of all looks before, not on what was seen, so looks are stored, and
further ones after a crossing keep valid intervals.

What it does not do: stop for futility; go on after full information, which is a new experiment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from experiments.engine.effect import Effect
from reps.engine.unavailable import Unavailable

Floats = npt.NDArray[np.float64]

SIDE = 0.025  # spent on each side in all
LEAST_STEP = 0.001  # of information time
DEEPEST = 50  # looks reckoned one within the other
FARTHEST = 8.0  # bounds beyond are cut, as in ldbounds: chance gets there once in 10^15


class Decision(StrEnum):
    NONE = "none"
    UPWARD = "upward"
    DOWNWARD = "downward"
    NO_DIFFERENCE = "no_difference"


@dataclass(frozen=True)
class Look:
    """One stored look. `information` of the effect, never below that of the look before · `time` the share of the
    planned information, 1 at the end · `bound` c_k · `decision` of this look alone; `standing` says that of all."""

    estimate: float
    standard_error: float
    information: float
    time: float
    z: float
    bound: float
    low: float
    high: float
    decision: Decision


@dataclass(frozen=True)
class Walk:
    """Where √I·Z may be after the looks so far, none of which crossed: `mass` at `points`. `time` is the information
    there was, as a share of the planned; `spent` on each side."""

    time: float
    spent: float
    points: Floats
    mass: Floats

    @classmethod
    def begin(cls) -> "Walk":
        return cls(0.0, 0.0, np.zeros(1), np.ones(1))

    def bound(self, step: float, spent: float) -> float:
        """The c of the next look, `step` of information on, after which `spent` is spent on each side."""
        new, time, sd = spent - self.spent, self.time + step, math.sqrt(step)
        farthest = FARTHEST * math.sqrt(time)

        def excess(edge: float) -> float:
            return float(self.mass @ special.ndtr((self.points - edge) / sd)) - new

        if excess(farthest) >= 0:
            return FARTHEST
        return float(optimize.brentq(excess, 0.0, farthest, xtol=1e-9)) / math.sqrt(time)

    def next(self, step: float, spent: float, bound: float) -> "Walk":
        """After one more look that crossed nothing."""
        time, sd = self.time + step, math.sqrt(step)
        edge = bound * math.sqrt(time)
        nodes, weights = _legendre(_nodes(edge / sd))
        points = edge * nodes
        density = np.exp(-0.5 * ((points[:, None] - self.points) / sd) ** 2) @ self.mass
        return Walk(time, spent, points, edge * weights * density / (sd * math.sqrt(2 * math.pi)))


def look(
    previous: Sequence[Look], effect: Effect, *, planned_information: float, is_last: bool = False
) -> Look | Unavailable:
    """The next look, from all stored ones and today's effect. `is_last` at the last planned look."""
    if not (planned_information > 0 and math.isfinite(effect.value) and effect.standard_error > 0):
        return Unavailable("the effect or its error could not be computed")
    before = previous[-1] if previous else None
    if before is not None and before.time >= 1:
        return Unavailable(f"the result was final at look {len(previous)}; going on is a new experiment")
    reached = before.information if before else 0.0
    information = max(effect.information, reached)
    time = 1.0 if is_last else min(information / planned_information, 1.0)
    if time > 1 - LEAST_STEP:
        time = 1.0
        information = max(information, reached + LEAST_STEP * planned_information)
    elif (information - reached) / planned_information < LEAST_STEP:
        return Unavailable("hardly anything new was learnt since the last look")
    walk = _walk(tuple((one.information / planned_information, one.time, one.bound) for one in previous))
    bound = walk.bound(information / planned_information - walk.time, spent_until(time))
    reach = effect.reach(bound)
    return Look(
        estimate=effect.value,
        standard_error=effect.standard_error,
        information=information,
        time=time,
        z=effect.z,
        bound=bound,
        low=effect.value - reach,
        high=effect.value + reach,
        decision=_decision(effect.z, bound, time),
    )


def standing(looks: Sequence[Look]) -> Decision:
    """What the looks say together: the first crossing, else the last one's word."""
    crossed = (one.decision for one in looks if one.decision in (Decision.UPWARD, Decision.DOWNWARD))
    return next(crossed, looks[-1].decision if looks else Decision.NONE)


def bounds(times: Sequence[float]) -> list[float]:
    """For looks at these information times, rising, the last of which is 1 where all is to be spent."""
    walk, found = Walk.begin(), []
    for time in times:
        found.append(walk.bound(time - walk.time, spent_until(time)))
        walk = walk.next(time - walk.time, spent_until(time), found[-1])
    return found


def spent_until(time: float, side: float = SIDE) -> float:
    """α*(t) on each side."""
    return float(2 * special.ndtr(special.ndtri(side / 2) / math.sqrt(min(time, 1.0))))


def _decision(z: float, bound: float, time: float) -> Decision:
    if abs(z) >= bound:
        return Decision.UPWARD if z > 0 else Decision.DOWNWARD
    return Decision.NO_DIFFERENCE if time >= 1 else Decision.NONE


def _walk(looks: tuple[tuple[float, float, float], ...]) -> Walk:
    """After looks at (information, time) with their bounds."""
    for count in range(
        DEEPEST, len(looks), DEEPEST
    ):  # each finds the one before in the cache, or is not far from it
        _after(looks[:count])
    return _after(looks)


@lru_cache(maxsize=1024)
def _after(looks: tuple[tuple[float, float, float], ...]) -> Walk:
    """What the nights before have computed is kept."""
    if not looks:
        return Walk.begin()
    walk = _after(looks[:-1])
    information, time, bound = looks[-1]
    return walk.next(information - walk.time, spent_until(time), bound)


def _nodes(widths: float) -> int:
    """Enough for a normal curve that is `widths` times narrower than half the region."""
    return 16 * math.ceil((24 + 2.5 * widths) / 16)


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights
