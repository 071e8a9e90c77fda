"""A simulated organisation that the product routed for some months, and what another policy would truly have won.

The world is that of `routing.engine.worlds`. A year of people's choices teaches the first models; then every lead goes
down the product's ladder, with the loads that those before it left, and its outcome is drawn. Truth is the mean win
probability under the other policy over the leads of the log, with the loads of the log: what a backtest says it tells.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.organisation import BEGIN, facts_of, roster_of
from routing.engine.configuration import Configuration
from routing.engine.facts import OpportunityFacts
from routing.engine.ladder import decide
from routing.engine.learning.dataset import LOST, WON, Deal, make_dataset
from routing.engine.learning.fit import Calibration, calibrate, fit
from routing.engine.learning.learned import LearnedModel
from routing.engine.look_back import Seen, chances, log_of, seen_of
from routing.engine.model import MatchModel, logistic
from routing.engine.off_policy import OffPolicy, evaluate
from routing.engine.roster import Floats, Ints, Roster, RosterState
from routing.engine.verdict import Inputs, Verdict
from routing.engine.worlds import (
    DAYS_PER_MONTH,
    History,
    Leads,
    World,
    WorldSettings,
    draw_leads,
    make_world,
    play_history,
    true_log_odds,
)

REPS, DEALS, DAYS = 10, 1200, 120.0
MAX_OPEN = 70
LEADS_OF_ACCOUNT = 1.2  # on average: some accounts come back within the period
SETTINGS = WorldSettings(reps=REPS, deals=DEALS, max_open=MAX_OPEN)
POLICY = {
    "id": 1,
    "name": "Everything",
    "condition": {},
    "application": "assign",
    "threshold": 0,
    "fallback": ["hold"],
}


def configuration(*, rules: Sequence[Mapping[str, Any]] = (), **policy: Any) -> Configuration:
    """One policy for everything; without language as a wall, so that who fits is the model's to say."""
    content = {"policies": [{**POLICY, "language": "preferred", **policy}], "rules": list(rules)}
    return Configuration.from_content(1, content)


@dataclass(frozen=True)
class Log:
    """d decisions as they were made: stored `inputs` with the `verdicts`, the `rep_ids` chosen with their `propensity`,
    the `reward` drawn, the `account` of each, and the true win probability of every rep at that moment (d × n)."""

    inputs: tuple[Inputs, ...]
    verdicts: tuple[Verdict, ...]
    rep_ids: Ints
    propensity: Floats
    reward: Floats
    account: Ints
    truth: Floats

    def backtest(
        self, model: MatchModel | None, target: Configuration | None
    ) -> tuple[OffPolicy, float, float]:
        """The product's answer, the true value of the target, and its true gain over the logged policy; both over the
        decisions with overlap, which the answer is of."""
        others = [
            replace(inputs, model=model or inputs.model, configuration=target or inputs.configuration)
            for inputs in self.inputs
        ]
        wanted = np.array([chances(decide(other), other) for other in others])
        seen = [
            seen_of(verdict, row, inputs, int(rep))
            for verdict, row, inputs, rep in zip(
                self.verdicts, wanted, self.inputs, self.rep_ids, strict=True
            )
        ]
        found = evaluate(log_of(seen, self.reward, self.propensity, self.account))
        return found, *self._true_values(seen, wanted)

    def _true_values(self, seen: Sequence[Seen], wanted: Floats) -> tuple[float, float]:
        overlaps = np.array([one.has_overlap for one in seen])
        kept = overlaps if overlaps.any() else ~overlaps
        mine = np.array([chances(v, i) for v, i in zip(self.verdicts, self.inputs, strict=True)])
        target, logged = ((chosen * self.truth).sum(axis=1)[kept] for chosen in (wanted, mine))
        return float(target.mean()), float((target - logged).mean())


@dataclass(frozen=True)
class House:
    """An organisation with its year of people's choices. `seed` makes all of it."""

    seed: int

    @cached_property
    def world(self) -> World:
        return make_world(SETTINGS, self.seed)

    @cached_property
    def roster(self) -> Roster:
        """Everybody may have so many a week that only the load bounds."""
        reps = roster_of(self.world).reps
        return Roster(tuple(replace(rep, max_new_per_week=1000, max_new_per_day=None) for rep in reps))

    @cached_property
    def past(self) -> tuple[Deal, ...]:
        rng = np.random.default_rng((self.seed, 1))
        leads = draw_leads(self.world, DEALS, rng)
        return tuple(_deals(leads, play_history(self.world, leads, rng)))

    @cached_property
    def end(self) -> float:
        return self.world.settings.months * DAYS_PER_MONTH

    @cached_property
    def model(self) -> MatchModel:
        """What decided: it has learned from half of the year's deals. Its chances are what is believed of everybody."""
        return self.learned(self.past[::2], is_calibrated=True)

    @cached_property
    def challenger(self) -> MatchModel:
        """It has learned from all of them."""
        return self.learned(self.past)

    def learned(self, deals: Sequence[Deal], *, is_calibrated: bool = False) -> MatchModel:
        """The product's recipe. Who is chosen does not depend on the calibration."""
        dataset = make_dataset(deals, self.roster, as_of=BEGIN + datetime.timedelta(days=round(self.end)))
        fitted = fit(dataset.deals, seed=self.seed)
        calibration = calibrate(dataset.deals, seed=self.seed) if is_calibrated else Calibration()
        learned = LearnedModel.from_fit(fitted, dataset.deals, calibration)
        return MatchModel.from_artifact(2, learned.to_artifact() | {"levels": dataset.levels.to_json()})

    def log(self, number: int, decides: Configuration, count: int) -> Log:
        """So many leads of the months after the year, each decided with the loads that those before it left."""
        rng = np.random.default_rng((self.seed, 2, number))
        leads = draw_leads(self.world, count, rng, from_day=self.end, days=DAYS)
        facts = facts_of(leads, DEALS)
        played = _Played(self, leads, rng)
        for place in range(count):
            played.decide(place, facts[place], decides)
        return played.log()


class _Played:
    """The log as it grows."""

    def __init__(self, house: House, leads: Leads, rng: np.random.Generator) -> None:
        self.house, self.leads, self.rng = house, leads, rng
        self.odds = true_log_odds(house.world, leads)
        self.ends = np.zeros(0)
        self.of = np.zeros(0, dtype=np.int64)
        self.inputs: list[Inputs] = []
        self.verdicts: list[Verdict] = []
        self.rows: list[tuple[int, float, float]] = []
        self.truth: list[Floats] = []

    def decide(self, place: int, facts: OpportunityFacts, decides: Configuration) -> None:
        house, day = self.house, float(self.leads.day[place])
        load = np.bincount(self.of[self.ends > day], minlength=REPS)
        state = replace(RosterState.idle(REPS), load=load)
        at = datetime.datetime.combine(BEGIN, datetime.time.min, datetime.UTC) + datetime.timedelta(days=day)
        seed = int(self.rng.integers(2**31))
        inputs = Inputs(facts, house.roster, state, decides, house.model, at, seed=seed)
        verdict = decide(inputs)
        if verdict.rep_id is None:
            return  # everybody who fits is full: no prediction, and not part of the log
        rep = house.roster.index[verdict.rep_id]
        settings = house.world.settings
        tired = settings.tiredness * np.maximum(load / MAX_OPEN - settings.tired_from, 0)
        truth = logistic(self.odds[place] - tired)
        won = self.rng.random() < truth[rep]
        lasts = (settings.days_to_win if won else settings.days_to_lose) * self.rng.lognormal(
            0, settings.days_spread
        )
        self.ends, self.of = np.append(self.ends, day + lasts), np.append(self.of, rep)
        self.inputs.append(inputs)
        self.verdicts.append(verdict)
        self.rows.append((verdict.rep_id, verdict.propensity, float(won)))
        self.truth.append(truth)

    def log(self) -> Log:
        rep_ids, propensity, reward = np.array(self.rows).T
        account = self.rng.integers(0, round(len(reward) / LEADS_OF_ACCOUNT), len(reward))
        return Log(
            tuple(self.inputs),
            tuple(self.verdicts),
            rep_ids.astype(np.int64),
            propensity,
            reward,
            account,
            np.array(self.truth),
        )


def _deals(leads: Leads, history: History) -> list[Deal]:
    """Won and lost ones."""
    facts = facts_of(leads)
    return [
        Deal(
            facts=facts[i],
            outcome=WON if history.outcome[i] == 1 else LOST,
            rep_id=int(history.rep[i]) + 1,
            opened=BEGIN + datetime.timedelta(days=int(leads.day[i])),
            closed=BEGIN + datetime.timedelta(days=int(history.closed_day[i])),
            load_share=float(history.load[i]),
        )
        for i in range(len(leads))
        if history.outcome[i] >= 0
    ]


def deals_of(log: Log) -> list[Deal]:
    """What a model that was trained after the log would have learned from it."""
    return [
        Deal(
            facts=inputs.facts,
            outcome=WON if won else LOST,
            rep_id=int(rep),
            opened=inputs.at.date(),
            closed=inputs.at.date(),
        )
        for inputs, rep, won in zip(log.inputs, log.rep_ids, log.reward, strict=True)
    ]
