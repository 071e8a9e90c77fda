"""Two configurations on the same past: who would have had what, and what would have broken.

The arrivals of a period are played in order of time through two ladders, each with a state of its own: what one gives
away fills that world's loads, weeks, pipelines and turns until the opportunity closes. Who was away then is away in
both; working hours are not played. What repeated another opportunity is played as if it were new, since who would own
the other differs between the worlds.

What it does not do: say what would have been won for certain. Expected wins are the model's, as a range, and only
where a learned model decides.
"""

import datetime
import heapq
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from routing.engine.absences import Absences
from routing.engine.configuration import Configuration
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import decide
from routing.engine.model import MatchModel
from routing.engine.roster import Ints, Roster, RosterState
from routing.engine.verdict import Inputs, Verdict

WEEK, DAY = datetime.timedelta(days=7), datetime.timedelta(days=1)
EXAMPLES = 100
TOLD_EVERY = 100

Say = Callable[[int, int], None]


@dataclass(frozen=True)
class Arrival:
    """An opportunity as it came in; `ends_at` when it closed, None while it is open."""

    facts: OpportunityFacts
    at: datetime.datetime
    ends_at: datetime.datetime | None = None


@dataclass(frozen=True)
class Owned:
    """What somebody had open when the period began, in either world."""

    rep_id: int
    value: float
    ends_at: datetime.datetime | None


@dataclass(frozen=True)
class Move:
    """An opportunity that would go elsewhere; None where nobody would get it."""

    opportunity_id: int
    from_rep: int | None
    to_rep: int | None
    from_via: str
    to_via: str


@dataclass(frozen=True)
class WorldTotals:
    """One configuration's period: `by_rep` assignments, `peak_pct` highest load by rep, `by_via` what decided,
    `past_maximum_of`, `past_week_of` how often each went past the maximum and past the cap of seven days (named
    accounts may), and expected wins (None where the judge has learned nothing)."""

    by_rep: dict[int, int]
    peak_pct: dict[int, float]
    by_via: dict[str, int]
    past_maximum_of: dict[int, int]
    past_week_of: dict[int, int]
    expected_wins: float | None
    expected_wins_low: float | None

    @property
    def past_maximum(self) -> int:
        return sum(self.past_maximum_of.values())

    @property
    def past_week(self) -> int:
        return sum(self.past_week_of.values())

    @property
    def held(self) -> int:
        """Those that nobody would have got."""
        return self.by_via.get("hold", 0) + self.by_via.get("manager", 0)


@dataclass(frozen=True)
class DryRun:
    """`moves` of all that would go elsewhere, the first EXAMPLES; `pairs` (from, to) → how many."""

    arrivals: int
    moved: int
    moves: tuple[Move, ...]
    pairs: dict[tuple[int | None, int | None], int]
    before: WorldTotals
    after: WorldTotals


def dry_run(
    arrivals: Sequence[Arrival],
    owned: Sequence[Owned],
    roster: Roster,
    model: MatchModel,
    before: Configuration,
    after: Configuration,
    *,
    after_model: MatchModel | None = None,
    absences: Absences | None = None,
    say: Say = lambda done, total: None,
) -> DryRun:
    """Plays the arrivals (in any order; they are sorted by time, then id) under both configurations, the second with
    `after_model` if one is given; expected wins of both are `model`'s. Without `absences` everybody is there."""
    worlds = [
        _World.of(before, roster, model, owned),
        _World.of(after, roster, after_model or model, owned, judge=None if after_model is None else model),
    ]
    moves: list[Move] = []
    pairs: Counter[tuple[int | None, int | None]] = Counter()
    ordered = sorted(arrivals, key=lambda arrival: (arrival.at, arrival.facts.id))
    for done, arrival in enumerate(ordered):
        if done % TOLD_EVERY == 0:
            say(done, len(ordered))
        away = None if absences is None else absences.at(arrival.at)
        old, new = (world.decide(arrival, away) for world in worlds)
        if old.rep_id != new.rep_id:
            pairs[old.rep_id, new.rep_id] += 1
            if len(moves) < EXAMPLES:
                moves.append(Move(arrival.facts.id, old.rep_id, new.rep_id, old.via, new.via))
    return DryRun(
        arrivals=len(ordered),
        moved=sum(pairs.values()),
        moves=tuple(moves),
        pairs=dict(pairs.most_common()),
        before=worlds[0].totals(),
        after=worlds[1].totals(),
    )


@dataclass
class _World:
    """One configuration's running state. Its arrays are its own and change as it goes. `judge` says what is expected of
    each choice, where that is not the model which chooses."""

    inputs: Inputs
    state: RosterState
    judge: MatchModel | None = None
    ends: list[tuple[datetime.datetime, int, float]] = field(default_factory=list)
    recent: deque[tuple[datetime.datetime, int]] = field(default_factory=deque)
    by_rep: Counter[int] = field(default_factory=Counter)
    by_via: Counter[str] = field(default_factory=Counter)
    past_maximum: Counter[int] = field(default_factory=Counter)
    past_week: Counter[int] = field(default_factory=Counter)
    wins: float = 0.0
    wins_low: float = 0.0

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        roster: Roster,
        model: MatchModel,
        owned: Sequence[Owned],
        judge: MatchModel | None = None,
    ) -> "_World":
        idle = RosterState.idle(len(roster))
        own = {
            name: getattr(idle, name).copy()
            for name in ("load", "week", "day", "pipeline_value", "turn_finish")
        }
        state = replace(idle, **own, turn_clocks={})
        anything = OpportunityFacts(id=0)
        world = cls(Inputs(anything, roster, state, configuration, model, _BEGIN), state, judge)
        for one in owned:
            place = roster.index.get(one.rep_id)
            if place is not None:
                world._take(place, one.value, one.ends_at)
        world.peak = world._load_pct()
        return world

    peak: np.ndarray = field(init=False)

    def decide(self, arrival: Arrival, away: tuple[Ints, Ints, dict[int, int]] | None) -> Verdict:
        self._let_go(arrival.at)
        if away is not None:
            away_until, absence_in, covering = away
            self.state = replace(self.state, away_until=away_until, absence_in=absence_in, covering=covering)
            self.inputs = replace(self.inputs, state=self.state)
        inputs = replace(self.inputs, facts=arrival.facts, at=arrival.at, seed=arrival.facts.id)
        verdict = decide(inputs)
        self.by_via[verdict.via] += 1
        if verdict.rep_id is not None:
            self._expect(verdict, inputs)
            self._assign(verdict, arrival)
        return verdict

    def _expect(self, verdict: Verdict, inputs: Inputs) -> None:
        """Adds what the choice is expected to win, before it fills a slot."""
        assert verdict.rep_id is not None
        probability, low = verdict.win_probability, verdict.win_probability_low
        if self.judge is not None:
            scores = decide(replace(inputs, model=self.judge)).scores
            place = self.inputs.roster.index[verdict.rep_id]
            if scores is not None and scores.win_probability is not None:
                assert scores.win_probability_low is not None
                probability, low = scores.win_probability[place], scores.win_probability_low[place]
        self.wins += float(probability or 0.0)
        self.wins_low += float(low or 0.0)

    def _assign(self, verdict: Verdict, arrival: Arrival) -> None:
        assert verdict.rep_id is not None
        roster, place = self.inputs.roster, self.inputs.roster.index[verdict.rep_id]
        self.past_maximum[verdict.rep_id] += int(self.state.load[place] >= roster.max_open[place])
        self.past_week[verdict.rep_id] += int(self.state.week[place] >= roster.max_new_per_week[place])
        self._take(place, arrival.facts.value or 0.0, arrival.ends_at)
        self.peak[place] = max(self.peak[place], self._load_pct()[place])
        self.recent.append((arrival.at, place))
        self.by_rep[verdict.rep_id] += 1
        if verdict.turn is not None and verdict.team_id is not None:
            self.state.turn_finish[place] = verdict.turn.finish
            clocks = dict(self.state.turn_clocks)
            clocks[verdict.team_id] = max(clocks.get(verdict.team_id, 0.0), verdict.turn.clock)
            self.state = replace(self.state, turn_clocks=clocks)
            self.inputs = replace(self.inputs, state=self.state)

    def _take(self, place: int, value: float, ends_at: datetime.datetime | None) -> None:
        self.state.load[place] += 1
        self.state.pipeline_value[place] += value
        if ends_at is not None:
            heapq.heappush(self.ends, (ends_at, place, value))

    def _let_go(self, at: datetime.datetime) -> None:
        """What has closed by now, and the counts of the rolling week and day."""
        while self.ends and self.ends[0][0] <= at:
            _, place, value = heapq.heappop(self.ends)
            self.state.load[place] -= 1
            self.state.pipeline_value[place] -= value
        while self.recent and self.recent[0][0] <= at - WEEK:
            self.recent.popleft()
        self.state.week[:] = 0
        self.state.day[:] = 0
        for moment, place in self.recent:
            self.state.week[place] += 1
            self.state.day[place] += moment > at - DAY

    def _load_pct(self) -> np.ndarray:
        return np.asarray(100 * self.state.load / np.maximum(self.inputs.roster.max_open, 1))

    def totals(self) -> WorldTotals:
        has_model = (self.judge or self.inputs.model).learned is not None
        ids = [int(rep_id) for rep_id in self.inputs.roster.ids]
        return WorldTotals(
            by_rep={rep_id: self.by_rep[rep_id] for rep_id in ids if self.by_rep[rep_id]},
            peak_pct={
                rep_id: round(float(pct), 1) for rep_id, pct in zip(ids, self.peak, strict=True) if pct
            },
            by_via=dict(self.by_via),
            past_maximum_of={rep_id: count for rep_id, count in self.past_maximum.items() if count},
            past_week_of={rep_id: count for rep_id, count in self.past_week.items() if count},
            expected_wins=self.wins if has_model else None,
            expected_wins_low=self.wins_low if has_model else None,
        )


_BEGIN = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
