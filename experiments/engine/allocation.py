"""Who and what belongs to which arm, by each design.

    arm of a unit    u = int(first 8 bytes of sha256("salt:experiment:unit")) / 2^64, treatment where u < split
    slot split       besides, a rep's slots of treatment: floor(split · capacity), or one more, at random
    rep partition    pairs of reps of similar skill and capacity, one of each pair to each arm
    switchback       periods of 14 days, one of every two in treatment, the first 7 days not counted
    lead split       the arm of a unit alone

A unit keeps its arm when the split rises: u stays. The slots of a week are a systematic sample (Madow, Annals of
Mathematical Statistics 1949) of the fractional parts, in a random order of the reps: the team's slots sum to the split
rounded down or up, and each rep's are right on average. All chance follows from digests of the salt, so everybody who
computes it finds the same on any machine. What it does not do: remember. Whoever needs the week's slots while the
roster changes keeps them.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PERIOD = timedelta(days=14)
WASHOUT = timedelta(days=7)  # of each period: leads of the other arm still fill the reps
WEEK = timedelta(days=7)


class Design(StrEnum):
    SLOT_SPLIT = "slot_split"
    REP_PARTITION = "rep_partition"
    SWITCHBACK = "switchback"
    LEAD_SPLIT = "lead_split"


class Arm(StrEnum):
    CONTROL = "control"
    TREATMENT = "treatment"


@dataclass(frozen=True)
class Period:
    """Of a switchback. `number` from 0; `is_counted` false while the period before still shows."""

    number: int
    arm: Arm
    is_counted: bool


@dataclass(frozen=True)
class Partition:
    """Reps by arm, by id. `pairs` (treatment, control); `odd` is who found no partner and went to control or treatment
    as asked."""

    pairs: tuple[tuple[int, int], ...]
    odd: int | None
    odd_to: Arm

    def arm_of(self, rep: int) -> Arm | None:
        """None for a rep who was not there when the pairs were drawn."""
        if rep == self.odd:
            return self.odd_to
        for treated, control in self.pairs:
            if rep == treated:
                return Arm.TREATMENT
            if rep == control:
                return Arm.CONTROL
        return None


def share(salt: str, experiment: int, unit: str) -> float:
    """Where a unit stands, from 0 up to 1, evenly."""
    return _drawn(f"{salt}:{experiment}:{unit}")


def arm_by_unit(salt: str, experiment: int, unit: str, split: float) -> Arm:
    """`split` is the share of treatment."""
    return Arm.TREATMENT if share(salt, experiment, unit) < split else Arm.CONTROL


def partition(
    rep: Ints,
    skill: Floats,
    capacity: Floats | Ints,
    *,
    salt: str,
    experiment: int,
    odd_to: Arm = Arm.CONTROL,
) -> Partition:
    """Pairs of the R reps: whoever is farthest from the middle picks the nearest one left, so that the odd ones get a
    partner while there are any; of each pair chance sends one to treatment. `skill` past, in any unit."""
    order = np.argsort(rep)
    places = np.column_stack([_standard(skill[order]), _standard(capacity[order].astype(np.float64))])
    pairs, odd = _pairs(places)
    ids = rep[order]
    drawn = []
    for one, other in pairs:
        a, b = int(ids[one]), int(ids[other])
        first = _drawn(f"{salt}:{experiment}:pair:{min(a, b)}:{max(a, b)}") < 0.5
        drawn.append((a, b) if first else (b, a))
    return Partition(tuple(sorted(drawn)), None if odd is None else int(ids[odd]), odd_to)


def _standard(values: Floats) -> Floats:
    spread = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros(len(values))


def _pairs(places: Floats) -> tuple[list[tuple[int, int]], int | None]:
    """Positions of the pairs, and of the one left over."""
    left = [int(i) for i in np.argsort(-np.hypot(places[:, 0], places[:, 1]), kind="stable")]
    pairs = []
    while len(left) > 1:
        farthest = left.pop(0)
        away = ((places[left] - places[farthest]) ** 2).sum(axis=1)
        pairs.append((farthest, left.pop(int(away.argmin()))))
    return pairs, left[0] if left else None


def period_of(at: datetime, starts_at: datetime, *, salt: str, experiment: int) -> Period:
    """The period that a moment of a switchback lies in, both moments in UTC. Of the periods 2b and 2b + 1 chance puts
    one into treatment. Raises ValueError before the start."""
    if at < starts_at:
        raise ValueError("the experiment had not begun")
    number = (at - starts_at) // PERIOD
    block, second = divmod(number, 2)
    first_is_treated = _drawn(f"{salt}:{experiment}:periods:{block}") < 0.5
    arm = Arm.TREATMENT if first_is_treated != bool(second) else Arm.CONTROL
    return Period(number, arm, is_counted=(at - starts_at) - number * PERIOD >= WASHOUT)


def week_of(at: datetime, starts_at: datetime) -> int:
    """Weeks since the start, for which slots are drawn anew. Raises ValueError before the start."""
    if at < starts_at:
        raise ValueError("the experiment had not begun")
    return (at - starts_at) // WEEK


def slots_of(rep: Ints, capacity: Ints, split: float, *, salt: str, experiment: int, week: int) -> Ints:
    """Slots of treatment of each of the R reps this week; the others are control's. Does not depend on the order of the
    reps."""
    if not 0 <= split <= 1:
        raise ValueError("a split lies within 0 and 1")
    key = f"{salt}:{experiment}:slots:{week}"
    exact = np.round(split * capacity.astype(np.float64), 9)  # .1 · 30 is not 3.0000000000000004
    slots = np.floor(exact).astype(np.int64)
    order = sorted(range(len(rep)), key=lambda i: _drawn(f"{key}:{rep[i]}"))
    for i in _systematic((exact - slots)[order], _drawn(key)):
        slots[order[i]] += 1
    return slots


def _systematic(fractions: Floats, start: float) -> list[int]:
    """Positions whose stretch, laid end to end, holds one of start, start + 1, start + 2 …"""
    ends = np.round(np.cumsum(fractions), 9)
    passed = np.maximum(np.ceil(ends - start), 0)  # marks before each end
    return [int(i) for i in np.flatnonzero(np.diff(passed, prepend=0.0) > 0)]


def _drawn(key: str) -> float:
    """From 0 up to 1, evenly."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
