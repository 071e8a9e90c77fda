"""From what the ladder says of each waiting opportunity to the problem of the whole batch.

A pair is what the ladder leaves and the policy's threshold admits. Its weight is what is expected of it: the chance of
winning, times the value where value counts, or the match score. As in real time, what lowers a rep's priority and is no
odds of winning lowers the weight, and the reported figures do without it: penalties of the rep go into the weight, that
of a slot near capacity is the price of its band, the same for everybody. It is what the penalty takes off a small one,
so that small ones are kept from such slots no more than in real time, and large ones are worth them. Waiting costs as
much as the dearest slot, so that nothing stays out where there is room.

A model that has learned from no deal yet has no chance to give; the match score stands in for it (`is_chance`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from reps.engine.capacity import BandBounds
from routing.engine.batch.pairs import Bands, Pairs
from routing.engine.batch.plan import NOBODY, WhyNot
from routing.engine.batch.problem import Problem
from routing.engine.batch.room import free_slots
from routing.engine.batch.what_if import Wall
from routing.engine.model import logistic
from routing.engine.roster import Floats, Ints, Mask, Roster, RosterState
from routing.engine.verdict import Exit, Survey

VALUE, SCORE = "value", "score"  # or anything else: wins
SMALL_ONE = 0.1  # the quantile of what the penalty takes off each pair
BEHIND_A_WALL = 50  # pairs kept of each opportunity, the best ones
OLDER = 4e-6  # of the largest weight
OWN_PENALTIES = slice(1, None)  # but for the first, near capacity


@dataclass(frozen=True)
class Terms:
    """What counts: the objective, the bounds of the load bands, and the log-odds that a slot near capacity costs."""

    objective: str
    bounds: BandBounds
    near_penalty: float


@dataclass(frozen=True, eq=False)
class Assembled:
    """The problem, and of each of its P pairs (rising by row, then rep) the match `score`, the `chance` of winning and
    `low`, what of it outlasts the choosing. `value` (L) in the base currency, as it was counted. `unclear` (L): nobody
    who could take it is a clear match."""

    problem: Problem
    score: Floats
    chance: Floats
    low: Floats
    value: Floats
    unclear: Mask
    walls: tuple[Wall, ...]
    is_chance: bool

    @property
    def pairs(self) -> Pairs:
        assert isinstance(self.problem.pairs, Pairs)
        return self.problem.pairs

    def place_of(self, row: Ints, rep: Ints) -> Ints:
        """The places of pairs in the list; NOBODY for one that is not in it."""
        pairs, reps = self.pairs, self.problem.shape[1]
        keys, asked = pairs.row * reps + pairs.rep, row * reps + rep
        at = np.minimum(np.searchsorted(keys, asked), max(len(keys) - 1, 0))
        found = keys[at] == asked if len(keys) else np.zeros(len(row), dtype=bool)
        return np.where(found & (rep >= 0), at, NOBODY)

    def why_not(self, found: Ints) -> Ints:
        """The plan's reasons, with those added that the ladder knows."""
        return np.where((found == WhyNot.NOBODY_ELIGIBLE) & self.unclear, int(WhyNot.NOT_CONFIDENT), found)


@dataclass
class Assembly:
    """Collects surveys one by one, since all of them together would not fit into memory."""

    roster: Roster
    terms: Terms
    ids: list[int] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    _reps: list[Ints] = field(default_factory=list)
    _columns: list[Floats] = field(default_factory=list)  # as `_of` gives them
    _unclear: list[bool] = field(default_factory=list)
    _behind: dict[str, list[tuple[int, Ints, Floats]]] = field(default_factory=dict)
    _fixed: list[tuple[int, int, Floats]] = field(default_factory=list)
    _is_chance: bool = True

    def add(
        self,
        opportunity_id: int,
        value: float | None,
        found: Survey,
        *,
        language: str = "",
        fixed: int | None = None,
    ) -> None:
        """One opportunity whose choice is open, or that a person has `fixed` to a rep's place. `language`: which one it
        needs, for the name of the wall."""
        row, reps = len(self.ids), np.flatnonzero(found.offered)
        self.ids.append(opportunity_id)
        self.values.append(value)
        self._reps.append(reps)
        self._columns.append(self._of(found, reps))
        self._unclear.append(not len(reps))
        if fixed is not None:
            self._fixed.append((row, fixed, self._of(found, np.array([fixed]))))
            return
        for code, mask in found.walls.items():
            behind = np.flatnonzero(mask & (found.scores.score >= found.policy.threshold))
            if not len(behind):
                continue
            columns = self._of(found, behind)
            best = np.sort(np.argsort(-columns[0], kind="stable")[:BEHIND_A_WALL])
            name = (
                f"territory:{found.territory_id}"
                if code is Exit.OUTSIDE_TERRITORY
                else f"language:{language}"
            )
            self._behind.setdefault(name, []).append((row, behind[best], columns[:, best]))

    def _of(self, found: Survey, reps: Ints) -> Floats:
        """5 × k: log-odds with the rep's penalties taken off, chance, the lower chance, score, whether high."""
        score, penalty = found.scores.score[reps], found.penalties[reps, OWN_PENALTIES].sum(axis=1)
        chance, low = found.scores.win_probability, found.scores.win_probability_low
        if chance is None or low is None or self.terms.objective == SCORE:
            self._is_chance = self._is_chance and chance is not None
            odds = found.scores.log_odds_ratio[reps] - penalty
            known = (score / 100, score / 100) if chance is None or low is None else (chance[reps], low[reps])
            return np.stack([odds, *known, score, found.high[reps].astype(float)])
        own = np.clip(chance[reps], 1e-9, 1 - 1e-9)
        return np.stack(
            [np.log(own / (1 - own)) - penalty, own, low[reps], score, found.high[reps].astype(float)]
        )

    def finish(self, state: RosterState) -> Assembled:
        """The problem in the state's free slots."""
        rows = np.repeat(np.arange(len(self.ids)), [len(reps) for reps in self._reps])
        reps = np.concatenate([*self._reps, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        columns = np.concatenate([*self._columns, np.zeros((5, 0))], axis=1)
        value = self._counted()
        weight = self._weight(columns[0], value[rows])
        near = weight - self._weight(columns[0] - self.terms.near_penalty, value[rows])
        price = float(np.quantile(near, SMALL_ONE)) if len(near) else 0.0
        roster = self.roster
        problem = Problem(
            opportunity_ids=np.array(self.ids, dtype=np.int64),
            rep_ids=roster.ids,
            pairs=Pairs(rows, reps, weight, columns[4] > 0),
            bands=Bands(
                self._free(state),
                np.array([0.0, max(price, 0.0)]),
            ),
            penalty=1.01 * max(price, 0.0) + self._of_age(weight),
            value=np.array([one or 0.0 for one in self.values]),
            value_cap=np.maximum(roster.max_pipeline_value - state.pipeline_value, 0.0),
        )
        if self._fixed:
            problem = _with_fixed(problem, self._fixed_pairs(value))
        return Assembled(
            problem=problem,
            score=columns[3],
            chance=columns[1],
            low=columns[2],
            value=value,
            unclear=np.array(self._unclear, dtype=bool),
            walls=tuple(self._wall(name, pairs, value) for name, pairs in sorted(self._behind.items())),
            is_chance=self._is_chance,
        )

    def _free(self, state: RosterState) -> Ints:
        """By band; where an arm of an experiment has its own share, no more than is left of that."""
        roster, bounds = self.roster, self.terms.bounds
        week = state.week + state.pending, roster.max_new_per_week
        own = free_slots(state.committed, roster.max_open, *week, bounds)
        if state.room is None or not state.room.is_share:
            return own
        share = free_slots(state.room.used, state.room.slots, *week, bounds)
        in_all = np.minimum(own.sum(axis=1), share.sum(axis=1))
        available = np.minimum(share[:, 0], in_all)
        return np.column_stack([available, in_all - available])

    def _fixed_pairs(self, value: Floats) -> Pairs:
        rows = np.array([row for row, _, _ in self._fixed])
        columns = np.concatenate([columns for _, _, columns in self._fixed], axis=1)
        return Pairs(
            rows, np.array([rep for _, rep, _ in self._fixed]), self._weight(columns[0], value[rows])
        )

    def _of_age(self, weight: Floats) -> Floats:
        """Of two that are worth the same, the one that has waited longer should not wait on: a few integers."""
        count = len(self.ids)
        return np.asarray(OLDER * weight.max(initial=0.0) * np.arange(count, 0, -1) / max(count, 1))

    def _counted(self) -> Floats:
        """What has no value counts as the middle one of the batch, or nothing valued could ever be compared with it."""
        known = [one for one in self.values if one is not None]
        middle = float(np.median(known)) if known else 1.0
        return np.array([middle if one is None else one for one in self.values], dtype=float)

    def _weight(self, odds: Floats, value: Floats) -> Floats:
        if self.terms.objective == SCORE or not self._is_chance:
            expected = logistic(2 * odds)
        else:
            expected = logistic(odds)
        return np.asarray(expected * value if self.terms.objective == VALUE else expected)

    def _wall(self, name: str, pairs: Sequence[tuple[int, Ints, Floats]], value: Floats) -> Wall:
        row = np.concatenate([np.full(len(reps), row) for row, reps, _ in pairs])
        columns = np.concatenate([columns for _, _, columns in pairs], axis=1)
        weight = self._weight(columns[0], value[row])
        return Wall(name, Pairs(row, np.concatenate([reps for _, reps, _ in pairs]), weight, columns[4] > 0))


def _with_fixed(problem: Problem, fixed: Pairs) -> Problem:
    """A person's choices count whatever the room: a rep who is full of them has none left for the plan."""
    capacity = problem.bands.capacity.copy()
    cap = problem.value_cap.copy() if problem.value_cap is not None else None
    taken = np.bincount(fixed.rep, minlength=problem.shape[1])
    short = np.maximum(taken - capacity.sum(axis=1), 0)
    capacity[:, -1] += short
    if cap is not None and problem.value is not None:
        cap = np.maximum(cap, np.bincount(fixed.rep, problem.value[fixed.row], minlength=len(cap)))
    return replace(problem, fixed=fixed, bands=replace(problem.bands, capacity=capacity), value_cap=cap)
