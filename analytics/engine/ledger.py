"""What of a team's opportunities would have been a rep's share, by who was there.

    each day      weight of a rep = room (maximum of open opportunities) where present, else 0
                  share of a rep  = weight / all weights of the team that day
    opportunities expected = Σ share of its day; from how many to how many by luck alone: Poisson binomial
    their value   expected = Σ value · share; variance Σ value² · share · (1 − share), normal

Where nobody of the team was present, those who were not away share the day; where all were away, everybody who was
there then. What it does not do: who was a match for what. A rep whom few leads fit got few for a reason.
"""

import math
from dataclasses import dataclass

import numpy as np

from analytics.engine.win_counts import between
from routing.engine.roster import Floats, Ints, Mask

Z95 = 1.959964


def shares(room: Floats, present: Mask, here: Mask, employed: Mask) -> Floats:
    """Of each day (days × reps) to the reps by `room`: those present, else those not away, else all employed. A day on
    which the team had nobody is nobody's."""
    found = np.zeros(present.shape)
    open_days = np.ones(len(present), dtype=bool)
    for who in (present, here, employed):
        weight = np.where(who, room, 0.0)
        total = weight.sum(axis=1)
        told = open_days & (total > 0)
        found[told] = weight[told] / total[told, None]
        open_days &= ~told
    return found


@dataclass(frozen=True)
class Share:
    """`got` of `of`, where `expected` would have been the share, `low` to `high` by luck alone."""

    got: float
    of: float
    expected: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        if self.got < self.low:
            return "clearly less"
        return "clearly more" if self.got > self.high else "within chance"


def share_of_number(share: Floats, day: Ints, is_own: Mask) -> Share:
    """Of opportunities (n) by the number of their day; `share` of the rep by day."""
    chance = share[day] if len(day) else np.zeros(0)
    low, high = between(chance)
    return Share(int(is_own.sum()), len(day), float(chance.sum()), low, high)


def share_of_value(share: Floats, day: Ints, is_own: Mask, value: Floats) -> Share:
    chance = share[day] if len(day) else np.zeros(0)
    expected = float((value * chance).sum())
    reach = Z95 * math.sqrt(float((value**2 * chance * (1 - chance)).sum()))
    got, of = float(value[is_own].sum()), float(value.sum())
    return Share(got, of, expected, max(expected - reach, 0.0), min(expected + reach, of))


@dataclass(frozen=True)
class Wins:
    """`won` of `closed`, where `expected` were forecast, `low` to `high` by luck alone."""

    closed: int
    won: int
    expected: float
    low: int
    high: int

    @property
    def verdict(self) -> str:
        if self.won < self.low:
            return "clearly fewer"
        return "clearly more" if self.won > self.high else "within chance"


def wins(chance: Floats, won: Mask) -> Wins:
    low, high = between(chance)
    return Wins(len(chance), int(won.sum()), float(chance.sum()), low, high)


def average_chance(chance: Floats, score: Floats) -> Floats:
    """Of winning, for the average rep who could have had it, from a rep's chance and match score: the score is
    100 · OR² / (1 + OR²), OR the rep's odds over the average rep's."""
    bounded = np.clip(score / 100, 0.001, 0.999)
    odds = np.clip(chance, 0.001, 0.999)
    return np.asarray(1 / (1 + np.exp(-(np.log(odds / (1 - odds)) - np.log(bounded / (1 - bounded)) / 2))))
