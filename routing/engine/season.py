"""The season: how the odds of winning move with the day of the year on which an opportunity opens.

    season(level, day) = s₀ sin φ + c₀ cos φ + s_level sin φ + c_level cos φ,      φ = 2π · day of the year / 365.25

Learned from all history together with a slow trend of the market (learning.seasonal), since twelve months cannot tell a
season from a trend; it enters the model as a given (an offset).
"""

import datetime
from collections.abc import Mapping

import numpy as np

from routing.engine.roster import Floats

ALL = ""  # the season of everything; levels come on top
DAYS_PER_YEAR = 365.25


def year_fraction(day: datetime.date) -> float:
    """0 on the first of January, nearly 1 at the end of December."""
    return (day.timetuple().tm_yday - 1) / DAYS_PER_YEAR


def seasonal_log_odds(effects: Mapping[str, tuple[float, float]], level: str, day: datetime.date) -> float:
    """The season's log-odds for a lead of the level (an industry) that opens on the day."""
    sine, cosine = waves(np.array([year_fraction(day)]))
    total = 0.0
    for key in (ALL, level) if level else (ALL,):
        a, b = effects.get(key, (0.0, 0.0))
        total += a * float(sine[0]) + b * float(cosine[0])
    return total


def waves(fraction: Floats) -> tuple[Floats, Floats]:
    """Sine and cosine of the year for fractions of it."""
    phase = 2 * np.pi * fraction
    return np.sin(phase), np.cos(phase)
