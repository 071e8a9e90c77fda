"""Sales organisations in which experiments run, many at once: leads, reps with slots, deals that take weeks.

    log-odds of a win = base + skill(rep) + fit(rep, segment) + quality(account) − tiredness · load + boost · treated

`load` is the share of the rep's slots in use, this lead included, as it is assigned. A lead that finds no free slot in
its arm waits in the arm's queue, and its days count from when it came. Control goes by turns, treatment takes the best
match, which it knows but for tiredness and quality. Days to a win or a loss are gamma distributed. Who belongs to which
arm, and how slots are divided, is the product's (`experiments.engine.allocation`, and the load from before shared out
as `routing.queries.arms` does). All chance of a batch comes from its seed.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from experiments.engine import allocation
from experiments.engine.allocation import Arm, Design

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)
CONTROL, TREATMENT, BEFORE = 0, 1, 2  # whose a lead is; before the start nobody's
ARMS = (Arm.CONTROL, Arm.TREATMENT)
WARM_UP = 63  # days until the reps are as busy as they will be
LAST_DAYS = 150  # no deal that is given then ends within the run


class Strategy(StrEnum):
    TURNS = "turns"
    BEST_MATCH = "best_match"


@dataclass(frozen=True)
class World:
    """`tiredness` in log-odds from an idle rep to a full one · `repeats`: share of leads of an account that came
    before · `seen_as` the error of the past skill by which pairs are formed."""

    name: str
    reps: int = 24
    slots: int = 16
    utilisation: float = 0.9
    base: float = -1.0
    skill: float = 0.35
    fit: float = 0.6
    segments: int = 4
    quality: float = 0.5
    tiredness: float = 0.8
    repeats: float = 0.15
    seen_as: float = 0.1
    win_days: tuple[float, float] = (3.0, 7.5)  # shape and scale: 22 days, nine of ten within 40
    loss_days: tuple[float, float] = (3.0, 6.0)
    usual_rate: float = 0.2

    @property
    def leads_per_day(self) -> float:
        won, lost = (shape * scale for shape, scale in (self.win_days, self.loss_days))
        open_days = self.usual_rate * won + (1 - self.usual_rate) * lost
        return self.utilisation * self.reps * self.slots / open_days


@dataclass(frozen=True)
class Trial:
    """What is run: an experiment, or (`design` None) everybody's `treatment` or `control` from the warm-up on, as
    `split` is 1 or 0. `boost`: log-odds that treatment adds by itself."""

    world: World
    design: Design | None
    weeks: int
    split: float = 0.5
    control: Strategy = Strategy.TURNS
    treatment: Strategy = Strategy.BEST_MATCH
    boost: float = 0.0

    @property
    def days(self) -> int:
        return 7 * self.weeks


@dataclass
class Leads:
    """N leads of each of B runs, in the order in which they came; rows are filled up with leads that never come
    (`came` infinite). Moments in days from the start; `closed` is when the outcome is known."""

    came: Floats
    segment: Ints
    account: Ints
    quality: Floats
    luck: Floats
    arm: Ints
    rep: Ints = field(init=False)
    won: Mask = field(init=False)
    given: Floats = field(init=False)
    closed: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.rep = np.full(self.came.shape, -1, dtype=np.int64)
        self.won = np.zeros(self.came.shape, dtype=bool)
        self.given = np.full(self.came.shape, np.inf)
        self.closed = np.full(self.came.shape, np.inf)


class Organisations:
    """B runs of one trial, day by day, side by side."""

    def __init__(self, trial: Trial, runs: int, seed: tuple[int, ...]) -> None:
        self.trial, self.runs, self.world = trial, runs, trial.world
        self.rng = np.random.default_rng(seed)
        self.salts = ["-".join(map(str, (*seed, run))) for run in range(runs)]
        world, reps = self.world, self.world.reps
        self.ids = np.arange(1, reps + 1, dtype=np.int64)
        self.capacity = np.full(reps, world.slots, dtype=np.int64)
        self.skill = self.rng.normal(0, world.skill, (runs, reps))
        fit = self.rng.normal(0, world.fit, (runs, world.segments, reps))
        self.odds = world.base + self.skill[:, None, :] + fit
        self.used = np.zeros((runs, 3, reps), dtype=np.int64)
        self.turn = np.zeros((runs, 3, reps))
        self.ending = np.zeros((WARM_UP + trial.days + LAST_DAYS, runs, 3, reps), dtype=np.int16)
        self.room = np.zeros((runs, 3, reps), dtype=np.int64)
        self.slots = np.zeros((runs, 2, reps), dtype=np.int64)
        self.mine = self._partition() if trial.design is Design.REP_PARTITION else None
        self.is_counted = np.ones((trial.days, runs), dtype=bool)
        self.period = np.zeros((trial.days, runs), dtype=np.int64)
        self.arm_today = self._periods() if trial.design is Design.SWITCHBACK else None
        self.leads = self._leads()
        self.steps = 0

    def run(self) -> "Organisations":
        waiting: list[list[int]] = [[] for _ in range(self.runs)]
        until = [0] * self.runs
        for day in range(-WARM_UP, self.trial.days):
            self.used -= self.ending[day + WARM_UP]
            self._make_room(day)
            came = (self.leads.came < day + 1).sum(axis=1)
            for run in range(self.runs):
                waiting[run] += range(until[run], int(came[run]))
                until[run] = int(came[run])
            self._assign(day, waiting)
        return self

    # --- who comes, and to which arm ----------------------------------------------------------------------------------

    def _leads(self) -> Leads:
        rng, world, days = self.rng, self.world, WARM_UP + self.trial.days
        counts = rng.poisson(world.leads_per_day * days, self.runs)
        most = int(counts.max())
        came = np.sort(
            np.where(np.arange(most) < counts[:, None], rng.random((self.runs, most)), np.inf), axis=1
        )
        came = came * days - WARM_UP
        account = np.tile(np.arange(most), (self.runs, 1))
        repeats = (rng.random(came.shape) < world.repeats) & (account > 0)
        earlier = np.floor(rng.random(came.shape) * account).astype(np.int64)
        account = np.where(repeats, earlier, account)
        for _ in range(3):  # one that repeats a repetition is of the same account
            account = np.take_along_axis(account, account, axis=1)
        quality = np.take_along_axis(rng.normal(0, world.quality, came.shape), account, axis=1)
        segment = rng.integers(0, world.segments, came.shape)
        return Leads(came, segment, account, quality, rng.random(came.shape), self._arms(came, account))

    def _arms(self, came: Floats, account: Ints) -> Ints:
        trial = self.trial
        if trial.design is None:
            return np.full(came.shape, TREATMENT if trial.split >= 1 else CONTROL, dtype=np.int64)
        during = came >= 0
        if self.arm_today is not None:
            day = np.clip(np.where(np.isfinite(came), came, 0), 0, trial.days - 1).astype(np.int64)
            found = self.arm_today[day, np.arange(self.runs)[:, None]]
        else:
            found = np.array([
                [self._arm_of(run, unit) for unit in range(came.shape[1])] for run in range(self.runs)
            ])  # fmt: skip
            found = np.take_along_axis(found, account, axis=1)
        return np.where(during, found, BEFORE)

    def _arm_of(self, run: int, unit: int) -> int:
        arm = allocation.arm_by_unit(self.salts[run], 1, f"account:{unit}", self.trial.split)
        return TREATMENT if arm is Arm.TREATMENT else CONTROL

    def _periods(self) -> Ints:
        """Arm of each day and run; beside it which days count, and of which period they are."""
        found = np.zeros((self.trial.days, self.runs), dtype=np.int64)
        for run, salt in enumerate(self.salts):
            for day in range(self.trial.days):
                one = allocation.period_of(START + day * DAY, START, salt=salt, experiment=1)
                found[day, run] = ARMS.index(one.arm)
                self.is_counted[day, run], self.period[day, run] = one.is_counted, one.number
        return found

    def _partition(self) -> Mask:
        """Whose each rep is: runs × arms × reps; before the start everybody's."""
        past = self.skill + self.rng.normal(0, self.world.seen_as, self.skill.shape)
        found = np.ones((self.runs, 3, len(self.ids)), dtype=bool)
        for run, salt in enumerate(self.salts):
            drawn = allocation.partition(self.ids, past[run], self.capacity, salt=salt, experiment=1)
            of = [drawn.arm_of(int(rep)) for rep in self.ids]
            for number, arm in enumerate(ARMS):
                found[run, number] = [one is arm for one in of]
        return found

    # --- what room each arm has ---------------------------------------------------------------------------------------

    def _make_room(self, day: int) -> None:
        """Of each rep for each arm, but for the rep's own limit, which is asked at every assignment."""
        everything = self.capacity - self.used.sum(axis=1, keepdims=True)
        self.room[:] = everything
        if day < 0 or self.trial.design is None:
            return
        if self.mine is not None:
            self.room[:] = np.where(self.mine, everything, 0)
        if self.trial.design is Design.SLOT_SPLIT:
            for run in range(self.runs):
                self._divide(run, day)

    def _divide(self, run: int, day: int) -> None:
        """The slots of the week, and the load from before shared out, as `routing.queries.arms` does."""
        week = allocation.week_of(START + day * DAY, START)
        if day % 7 == 0:
            treated = self._drawn(run, self.capacity, week)
            self.slots[run] = self.capacity - treated, treated
        others = self.used[run, BEFORE]
        shared = self._drawn(run, others, week) if others.any() else others
        self.room[run, CONTROL] = self.slots[run, CONTROL] - self.used[run, CONTROL] - (others - shared)
        self.room[run, TREATMENT] = self.slots[run, TREATMENT] - self.used[run, TREATMENT] - shared

    def _drawn(self, run: int, whole: Ints, week: int) -> Ints:
        split, salt = self.trial.split, self.salts[run]
        return allocation.slots_of(self.ids, whole, split, salt=salt, experiment=1, week=week)

    # --- who gets whom ------------------------------------------------------------------------------------------------

    def _assign(self, day: int, waiting: list[list[int]]) -> None:
        """In the order in which they came, one of each run at a time; who finds no room waits on."""
        most = max(map(len, waiting))
        queue = np.full((self.runs, most), -1, dtype=np.int64)
        for run, leads in enumerate(waiting):
            queue[run, : len(leads)] = leads
        for place in range(most):
            rows = np.flatnonzero(queue[:, place] >= 0)
            lead = queue[rows, place]
            rep = self._choose(rows, lead)
            found = rep >= 0
            self._give(day, rows[found], lead[found], rep[found])
            queue[rows[found], place] = -1
        for run in range(self.runs):
            waiting[run] = [int(lead) for lead in queue[run] if lead >= 0]

    def _choose(self, rows: Ints, lead: Ints) -> Ints:
        """A rep for one lead of each row, -1 where the arm has no room."""
        arm = self.leads.arm[rows, lead]
        self.steps += 1
        is_free = (self.room[rows, arm] > 0) & (self.used[rows].sum(axis=1) < self.capacity)
        matched = self._is_matched(arm)[:, None]
        score = np.where(matched, self.odds[rows, self.leads.segment[rows, lead]], -self.turn[rows, arm])
        score = np.where(is_free, score, -np.inf)
        return np.where(is_free.any(axis=1), score.argmax(axis=1), -1)

    def _is_matched(self, arm: Ints) -> Mask:
        by_arm = [one is Strategy.BEST_MATCH for one in (self.trial.control, self.trial.treatment)]
        return np.array([*by_arm, by_arm[CONTROL]])[arm]

    def _give(self, day: int, rows: Ints, lead: Ints, rep: Ints) -> None:
        leads, world = self.leads, self.world
        arm, segment = leads.arm[rows, lead], leads.segment[rows, lead]
        self.used[rows, arm, rep] += 1
        self.room[rows, arm, rep] -= 1
        self.turn[rows, arm, rep] = self.steps
        load = self.used[rows, :, rep].sum(axis=1)
        odds = self.odds[rows, segment, rep] + leads.quality[rows, lead]
        odds += -world.tiredness * load / world.slots + self.trial.boost * (arm == TREATMENT)
        won = leads.luck[rows, lead] < 1 / (1 + np.exp(-odds))
        shape, scale = np.where(won[:, None], world.win_days, world.loss_days).T
        given = np.maximum(leads.came[rows, lead], day)
        closed = given + self.rng.gamma(shape, scale)
        leads.rep[rows, lead], leads.won[rows, lead] = rep, won
        leads.given[rows, lead], leads.closed[rows, lead] = given, closed
        ends = np.minimum(np.ceil(closed).astype(np.int64) + WARM_UP, len(self.ending) - 1)
        self.ending[ends, rows, arm, rep] += 1  # each row is there once
