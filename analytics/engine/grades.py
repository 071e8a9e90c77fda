"""People's choices graded: what was won of them, where the router's choice and theirs were forecast so and so many.

    won against Σ forecast of the router's choice: Poisson binomial, mid-p above (`win_counts`)
    groups that keep winning: those with `LEAST` closed, Benjamini and Hochberg (1995) together at `RATE`

What it does not do: prove that the person was right. People overrule what they know more about, so the forecast of the
router's choice for just these is likely too high or too low for reasons it could not see.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.stats import false_discovery_control

from analytics.engine.win_counts import between, tails
from routing.engine.roster import Floats, Mask

RATE = 0.1
LEAST = 8
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Grade:
    """`made` choices, of which `closed` are won or lost and had both forecasts; `won` of them; wins forecast for whom
    the person `chose` and for whom the `router` would have, `low` to `high` of the latter by luck alone; `above` the
    chance that as many come of the router's forecast."""

    made: int
    closed: int
    won: int
    chosen: float
    router: float
    low: int
    high: int
    above: float

    @property
    def verdict(self) -> str:
        if not self.closed:
            return "nothing closed yet"
        if self.won > self.high:
            return "better than the router’s choice was forecast"
        return "worse than the router’s choice was forecast" if self.won < self.low else "within chance"


def grade(made: int, won: Mask, chosen: Floats, router: Floats) -> Grade:
    """Of the closed ones (n each)."""
    low, high = between(router)
    count = int(won.sum())
    above = tails(router, count)[1] if len(won) else 1.0
    return Grade(made, len(won), count, float(chosen.sum()), float(router.sum()), low, high, above)


def keep_winning(grades: Mapping[Key, Grade], *, rate: float = RATE) -> dict[Key, float]:
    """Those whose wins clearly exceed the router's forecast, all judged together, with their adjusted p."""
    judged = {key: one for key, one in grades.items() if one.closed >= LEAST}
    if not judged:
        return {}
    adjusted = false_discovery_control(np.array([one.above for one in judged.values()]))
    return {key: float(q) for key, q in zip(judged, adjusted, strict=True) if q <= rate}
