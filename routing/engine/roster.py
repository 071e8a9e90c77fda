"""Who could be chosen: the static roster (shared by many decisions) and the state at one moment.

Shapes: n active reps in rising order of id; every array has length n. Text is case-folded. Both parts go to and come
from bytes without loss, so that a stored decision can be replayed bit for bit.
"""

import datetime
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PROFICIENCY_WEIGHT = (
    0.0,
    0.5,
    1.0,
    1.25,
)  # learning, solid, expert; solid is the unit of the model's tag effects
NEVER = -1  # an absence that is not ahead
MOST_KEPT = 2000  # masks of excluded reps: as many as there are rules, and a few versions of them
QUICKLY, SMALL = 1, 3  # levels of compression
UNREACHED = 2**31  # assignments in a day
OPEN_END = np.iinfo(np.int64).max  # away with no end set


@dataclass(frozen=True)
class RepFacts:
    """One rep's profile and limits. `skills` is kind → {name case-folded: proficiency 1 to 3}."""

    id: int
    team_id: int
    seniority: int = 2
    tier: str = "standard"
    technical_depth: int = 0
    selling_style: str = ""
    deal_size_min: float | None = None
    deal_size_max: float | None = None
    skills: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    max_open: int = 25
    max_new_per_week: int = 15
    max_new_per_day: int | None = 5
    max_pipeline_value: float | None = None
    turn_weight: int = 100


@dataclass(frozen=True)
class Roster:
    """The active reps, and the arrays made from them once. Raises ValueError unless ids rise strictly."""

    reps: tuple[RepFacts, ...]

    def __post_init__(self) -> None:
        ids = [rep.id for rep in self.reps]
        if ids != sorted(set(ids)):
            raise ValueError("a roster lists each rep once, in rising order of id")

    def __len__(self) -> int:
        return len(self.reps)

    @cached_property
    def ids(self) -> Ints:
        return np.array([rep.id for rep in self.reps], dtype=np.int64)

    @cached_property
    def index(self) -> dict[int, int]:
        return {rep.id: i for i, rep in enumerate(self.reps)}

    @cached_property
    def team_ids(self) -> Ints:
        return np.array([rep.team_id for rep in self.reps], dtype=np.int64)

    @cached_property
    def seniority(self) -> Ints:
        return np.array([rep.seniority for rep in self.reps], dtype=np.int64)

    @cached_property
    def technical_depth(self) -> Ints:
        return np.array([rep.technical_depth for rep in self.reps], dtype=np.int64)

    @cached_property
    def max_open(self) -> Ints:
        return np.array([rep.max_open for rep in self.reps], dtype=np.int64)

    @cached_property
    def max_new_per_week(self) -> Ints:
        return np.array([rep.max_new_per_week for rep in self.reps], dtype=np.int64)

    @cached_property
    def max_new_per_day(self) -> Ints:
        """A number that nobody reaches where any is fine."""
        return np.array(
            [UNREACHED if rep.max_new_per_day is None else rep.max_new_per_day for rep in self.reps],
            dtype=np.int64,
        )

    @cached_property
    def max_pipeline_value(self) -> Floats:
        """Infinity where there is no cap."""
        return np.array(
            [np.inf if rep.max_pipeline_value is None else rep.max_pipeline_value for rep in self.reps],
            dtype=float,
        )

    @cached_property
    def turn_weight(self) -> Floats:
        return np.array([rep.turn_weight / 100 for rep in self.reps], dtype=float)

    @cached_property
    def deal_size(self) -> tuple[Floats, Floats, Mask]:
        """Lower bound, upper bound, and whether a range is declared at all."""
        low = [-np.inf if rep.deal_size_min is None else rep.deal_size_min for rep in self.reps]
        high = [np.inf if rep.deal_size_max is None else rep.deal_size_max for rep in self.reps]
        declared = [rep.deal_size_min is not None or rep.deal_size_max is not None for rep in self.reps]
        return np.array(low, dtype=float), np.array(high, dtype=float), np.array(declared, dtype=bool)

    @cached_property
    def _weights(self) -> dict[tuple[str, str], Floats]:
        weights: dict[tuple[str, str], Floats] = {}
        for i, rep in enumerate(self.reps):
            for kind, names in rep.skills.items():
                for name, proficiency in names.items():
                    row = weights.setdefault((kind, name), np.zeros(len(self.reps)))
                    row[i] = PROFICIENCY_WEIGHT[proficiency]
        return weights

    @cached_property
    def _nobody(self) -> Floats:
        return np.zeros(len(self.reps))

    def skill(self, kind: str, name: str) -> Floats:
        """How much of the skill each rep has: 0 none, .5 learning, 1 solid, 1.25 expert."""
        return self._weights.get((kind, name.strip().casefold()), self._nobody)

    def names_of(self, kind: str) -> frozenset[str]:
        """Every name that some rep has of this kind of skill."""
        return self._names.get(kind, frozenset())

    @cached_property
    def _names(self) -> dict[str, frozenset[str]]:
        names: dict[str, set[str]] = {}
        for kind, name in self._weights:
            names.setdefault(kind, set()).add(name)
        return {kind: frozenset(found) for kind, found in names.items()}

    @cached_property
    def states_language(self) -> Mask:
        """Whether the rep declares any language; one who declares none speaks the organisation's."""
        return np.array([bool(rep.skills.get("language")) for rep in self.reps], dtype=bool)

    @cached_property
    def alignments(self) -> dict[int, tuple[Any, Any]]:
        """What models keep of this roster: id of the model's part → (that part, its effects in this order)."""
        return {}

    @cached_property
    def coverages(self) -> dict[tuple[int, datetime.date], tuple[Any, Any]]:
        """What configurations keep of this roster: id of a territory and day → (the territory, how it is covered)."""
        return {}

    def without(self, rep_ids: tuple[int, ...]) -> Mask:
        """Everybody but those reps."""
        if rep_ids not in self._without:
            if len(self._without) >= MOST_KEPT:
                self._without.clear()
            self._without[rep_ids] = ~np.isin(self.ids, rep_ids)
        return self._without[rep_ids]

    @cached_property
    def _without(self) -> dict[tuple[int, ...], Mask]:
        return {}

    def attribute(self, name: str, value: str) -> Mask:
        """Reps whose tier or selling style is the value."""
        if (name, value) not in self._attributes:
            found = np.array([getattr(rep, name) == value for rep in self.reps], dtype=bool)
            self._attributes[name, value] = found
        return self._attributes[name, value]

    @cached_property
    def _attributes(self) -> dict[tuple[str, str], Mask]:
        return {}

    @cached_property
    def members(self) -> dict[int, tuple[int, ...]]:
        """Team id → the ids of its reps."""
        found: dict[int, list[int]] = {}
        for rep in self.reps:
            found.setdefault(rep.team_id, []).append(rep.id)
        return {team_id: tuple(ids) for team_id, ids in found.items()}

    @cached_property
    def content(self) -> bytes:
        """Canonical JSON, compressed."""
        rows = [_rep_to_json(rep) for rep in self.reps]
        return isal_zlib.compress(json.dumps(rows, sort_keys=True, separators=(",", ":")).encode(), SMALL)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(isal_zlib.decompress(self.content)).hexdigest()

    @classmethod
    def from_content(cls, content: bytes) -> "Roster":
        return cls(tuple(RepFacts(**row) for row in json.loads(isal_zlib.decompress(content))))


def _rep_to_json(rep: RepFacts) -> dict[str, Any]:
    row = {name: getattr(rep, name) for name in RepFacts.__dataclass_fields__}
    row["skills"] = {kind: dict(names) for kind, names in rep.skills.items() if names}
    return row


@dataclass(frozen=True, eq=False)
class ArmRoom:
    """What an arm of an experiment has of each rep (n): its `slots`, how many of them are `used` (by its opportunities,
    and its share of what was there before), who works for it (`open_to`), and where each stands in the arm's own turns
    (`finish`, with the arm's `clock`). `is_share`: the slots are a part of the rep's; else all."""

    slots: Ints
    used: Ints
    open_to: Mask
    finish: Floats
    clock: float = 0.0
    is_share: bool = False

    def with_one(self, place: int, more: int = 1) -> "ArmRoom":
        """With so many more used of a rep's."""
        used = self.used.copy()
        used[place] = max(used[place] + more, 0)
        return replace(self, used=used)

    def with_turn(self, place: int, finish: float, clock: float) -> "ArmRoom":
        """With the rep's turn taken."""
        tags = self.finish.copy()
        tags[place] = finish
        return replace(self, finish=tags, clock=max(self.clock, clock))


@dataclass(frozen=True)
class RosterState:
    """What changes from one assignment to the next, for the reps of a roster, at one moment.

    `load` open opportunities owned · `pending` suggestions and batch proposals · `week`, `day` assignments of the last
    seven days and 24 hours · `pipeline_value` owned and suggested, in the base currency · `away_until` epoch seconds,
    NEVER when present, OPEN_END without an end · `absence_in` seconds until the next absence, NEVER when none is known
    · `turn_finish` the rep's tag of the round-robin. `covering` maps an absent rep to the one who stands in;
    `turn_clocks` a team to its virtual time. `room`: what an arm of an experiment has of them, where one decides.
    """

    load: Ints
    pending: Ints
    week: Ints
    day: Ints
    pipeline_value: Floats
    away_until: Ints
    absence_in: Ints
    works_now: Mask
    turn_finish: Floats
    covering: Mapping[int, int] = field(default_factory=dict)
    turn_clocks: Mapping[int, float] = field(default_factory=dict)
    room: ArmRoom | None = None

    @classmethod
    def idle(cls, n: int) -> "RosterState":
        """Everybody present, with nothing to do."""
        zeros = np.zeros(n, dtype=np.int64)
        never = np.full(n, NEVER, dtype=np.int64)
        return cls(
            zeros, zeros, zeros, zeros, np.zeros(n), never, never, np.ones(n, dtype=bool), np.zeros(n)
        )  # fmt: skip

    @property
    def committed(self) -> Ints:
        return self.load + self.pending

    @property
    def away(self) -> Mask:
        return np.asarray(self.away_until != NEVER)

    def to_bytes(self) -> bytes:
        """Packed once, since all decisions of a batch are made on one state."""
        return self._packed

    @cached_property
    def _packed(self) -> bytes:
        """Columns in which everybody has the same are one number in the head (`same`): less to compress, each time."""
        columns = {name: getattr(self, name).astype(kind) for name, kind in _STATE_LAYOUT}
        if self.room is not None:
            columns |= {name: getattr(self.room, name).astype(kind) for name, kind in _ROOM_LAYOUT}
        same = {
            name: column[0].item()
            for name, column in columns.items()
            if len(column) and _is_one_value(column)
        }
        head = {
            "n": len(self.load),
            "covering": {str(key): value for key, value in sorted(self.covering.items())},
            "clocks": {str(key): value for key, value in sorted(self.turn_clocks.items())},
            "same": same,
            "planes": True,
            **({} if self.room is None else {"room": [self.room.clock, self.room.is_share]}),
        }
        arrays = b"".join(_planes(column) for name, column in columns.items() if name not in same)
        text = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
        return isal_zlib.compress(len(text).to_bytes(4, "little") + text + arrays, QUICKLY)

    @classmethod
    def from_bytes(cls, content: bytes) -> "RosterState":
        raw = isal_zlib.decompress(content)
        size = int.from_bytes(raw[:4], "little")
        head = json.loads(raw[4 : 4 + size])
        same = head.get("same", {})  # of states from before it there is none
        columns, at = {}, 4 + size
        of_room = head.get("room")
        for name, kind in (*_STATE_LAYOUT, *(_ROOM_LAYOUT if of_room else ())):
            dtype = np.dtype(kind)
            in_memory = _IN_MEMORY.get(dtype.kind, dtype)
            if name in same:
                columns[name] = np.full(head["n"], same[name], dtype=in_memory)
                continue
            end = at + dtype.itemsize * head["n"]
            content = _from_planes(raw[at:end], dtype) if head.get("planes") else raw[at:end]
            columns[name], at = np.frombuffer(content, dtype).astype(in_memory), end
        room = None
        if of_room:
            kept = {name: columns.pop(name) for name, _ in _ROOM_LAYOUT}
            room = ArmRoom(**kept, clock=of_room[0], is_share=of_room[1])
        return cls(
            **columns,
            room=room,
            covering={int(key): value for key, value in head["covering"].items()},
            turn_clocks={int(key): value for key, value in head["clocks"].items()},
        )


def _planes(column: npt.NDArray[Any]) -> bytes:
    """The first bytes of all numbers, then the second ones, and so on: what is alike lies together, which is a third
    less once it is compressed, in half the time."""
    return column.view(np.uint8).reshape(-1, column.dtype.itemsize).T.tobytes()


def _from_planes(content: bytes, dtype: "np.dtype[Any]") -> bytes:
    return np.frombuffer(content, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()


def _is_one_value(column: npt.NDArray[Any]) -> bool:
    first = column[0]
    return bool(first == column[-1] and first == column[len(column) // 2] and (column == first).all())


_STATE_LAYOUT = (
    ("load", "<i4"),
    ("pending", "<i4"),
    ("week", "<i4"),
    ("day", "<i4"),
    ("pipeline_value", "<f8"),
    ("away_until", "<i8"),
    ("absence_in", "<i8"),
    ("works_now", "|b1"),
    ("turn_finish", "<f8"),
)
_ROOM_LAYOUT = (("slots", "<i4"), ("used", "<i4"), ("open_to", "|b1"), ("finish", "<f8"))
_IN_MEMORY = {"i": np.dtype(np.int64), "f": np.dtype(np.float64), "b": np.dtype(np.bool_)}


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def works_now(
    hours: Mapping[str, Sequence[Sequence[str]]],
    local: datetime.datetime,
    days_off: Collection[datetime.date] = (),
) -> bool:
    """Whether a moment in the rep's own time zone lies within the working hours ({"mon": [["09:00", "17:00"]], …}).

    Hours that end before they begin run into the next morning, and belong to the day on which they begin; a day off
    (a public holiday) is one on which nothing begins. By the clock on the wall, also where it is put forward or back.
    """
    clock, weekday = f"{local.hour:02}:{local.minute:02}", local.weekday()
    for start, end in hours.get(DAYS[weekday], ()):
        if start <= clock and (clock < end or end < start) and not (days_off and local.date() in days_off):
            return True
    for start, end in hours.get(DAYS[weekday - 1], ()):
        if clock < end < start and not (days_off and local.date() - datetime.timedelta(days=1) in days_off):
            return True
    return False
