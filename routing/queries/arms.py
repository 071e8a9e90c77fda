"""In which arm of which running experiment an opportunity is decided, and what room that arm has."""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from crm.models import Opportunity
from experiments.engine.allocation import Arm, slots_of, week_of
from experiments.models import Experiment
from experiments.queries.running import Place, Running, Strategy, running, unit_of
from reps.queries.prepared import ask_all
from routing.engine.arms import Choice, InArm
from routing.engine.roster import ArmRoom, Floats, Ints, Roster, RosterState
from routing.engine.sequence import ASSIGN, SUGGEST
from routing.engine.verdict import Inputs, Verdict
from routing.queries.arm_use import Used, added, by_arm, used_by
from routing.queries.live import Live

CHOICE_OF = {
    "round_robin": Choice.TURNS,
    "weighted_round_robin": Choice.WEIGHTED_TURNS,
    "territory": Choice.TERRITORY_TURNS,
    "rules": Choice.PREDICT,
    "predictive": Choice.PREDICT,
    "exploring": Choice.EXPLORE,
    "version": Choice.AS_CONFIGURED,
}
ENROLLED = """
SELECT experiment_id, unit, arm, stage FROM experiments_enrolment
WHERE experiment_id = ANY(%s::bigint[]) AND unit = ANY(%s::text[])
"""
TURNS = """
SELECT experiment_id, arm, rep_id, finish, clock FROM experiments_armturn WHERE experiment_id = ANY(%s::bigint[])
"""
Turns = Mapping[tuple[int, str], Mapping[int, tuple[float, float]]]


@dataclass(frozen=True)
class Found:
    """The arm of one opportunity, its strategy, and what the experiment's arms have of each rep already."""

    of: Running
    in_arm: InArm
    strategy: Strategy
    used: Used
    turns: Turns
    at: datetime.datetime

    def room(self, roster: Roster, state: RosterState) -> ArmRoom:
        """All that is free, but for a partition's reps and a slot split's share."""
        arm, everybody = self.in_arm.arm, np.ones(len(roster), dtype=bool)
        tags, clock = self._turns_of(roster)
        if self.of.design == Experiment.Design.REP_PARTITION and not self.of.serves:
            # Who came after the draw belongs to no arm.
            everybody = np.array([self.of.reps.get(int(rep)) == arm for rep in roster.ids], dtype=bool)
        if self.of.design != Experiment.Design.SLOT_SPLIT or self.of.serves:
            return ArmRoom(roster.max_open, state.committed, everybody, tags, clock)
        used = {name: self._used(roster, name) for name in (Arm.CONTROL, Arm.TREATMENT)}
        others = np.maximum(state.committed - used[Arm.CONTROL] - used[Arm.TREATMENT], 0)
        slots, shared = (self._part(roster, numbers) for numbers in (roster.max_open, others))
        return ArmRoom(slots, used[Arm(arm)] + shared, everybody, tags, clock, is_share=True)

    def _turns_of(self, roster: Roster) -> tuple[Floats, float]:
        """Each rep's tag in the arm's turns, and the arm's clock."""
        kept = self.turns.get((self.of.id, self.in_arm.arm), {})
        clock = max((clock for _, clock in kept.values()), default=0.0)
        return np.array([kept.get(int(rep), (0.0, 0.0))[0] for rep in roster.ids], dtype=float), clock

    def _used(self, roster: Roster, arm: str) -> Ints:
        counts = self.used.get((self.of.id, arm), {})
        return np.array([counts.get(int(rep), 0) for rep in roster.ids], dtype=np.int64)

    def _part(self, roster: Roster, whole: Ints) -> Ints:
        """The arm's part of what each rep has, in whole slots; what both arms have is drawn first, then shared out."""
        shares, week = self.of.shares, week_of(self.at, self.of.starts_at)
        both = shares[Arm.CONTROL] + shares[Arm.TREATMENT]
        treated = self._drawn(roster, whole, shares[Arm.TREATMENT], self.of.id, week)
        if self.in_arm.arm == Arm.TREATMENT:
            return treated
        all_of_it = whole if both >= 1 else self._drawn(roster, whole, both, -self.of.id, week)
        return np.maximum(all_of_it - treated, 0)

    def _drawn(self, roster: Roster, whole: Ints, share: float, key: int, week: int) -> Ints:
        return slots_of(roster.ids, whole, share, salt=self.of.salt, experiment=key, week=week)


@dataclass(frozen=True)
class ArmBook:
    """What has to be read for the arms of some opportunities, once for all of them."""

    experiments: tuple[Running, ...] = ()
    enrolled: Mapping[tuple[int, str], Place] = field(default_factory=dict)
    used: Used = field(default_factory=dict)
    turns: Turns = field(default_factory=dict)

    @classmethod
    def of(cls, opportunities: Iterable[Opportunity], live: Live, at: datetime.datetime) -> "ArmBook":
        """Nothing is asked where nothing runs."""
        found = tuple(one for one in running(live.experiments) if one.starts_at <= at)
        if not found:
            return cls()
        allocating = [one for one in found if not one.serves]
        units = {unit_of(one.account_id, one.pk) for one in opportunities}
        ids = [one.id for one in allocating]
        split = [one.id for one in allocating if one.design == Experiment.Design.SLOT_SPLIT]
        enrolled, turns = ask_all((ENROLLED, [ids, sorted(units)]), (TURNS, [[one.id for one in found]]))
        places = {(row[0], row[1]): Place(row[2], row[3]) for row in enrolled}
        tags = ((one, arm, rep, (finish, clock)) for one, arm, rep, finish, clock in turns)
        return cls(found, places, used_by(split), by_arm(tags))

    def find(self, inputs: Inputs) -> Found | None:
        """The first experiment that has it; None where none does."""
        facts = inputs.facts
        unit = unit_of(facts.account_id, facts.id)
        for one in self.experiments:
            if not one.has(facts.tests, unit):
                continue
            if one.serves:
                return self._found(one, Place(one.serves, one.stage), unit, inputs.at)
            now = one.place(unit, inputs.at)
            before = self.enrolled.get((one.id, unit))
            sticks = before is not None and one.design != Experiment.Design.SWITCHBACK
            return self._found(one, before if sticks and before is not None else now, unit, inputs.at)
        return None

    def without(self, freed: Used) -> "ArmBook":
        """As if so many of each arm and rep were not there."""
        return replace(self, used=added(self.used, freed, times=-1)) if freed else self

    def with_taken(self, inputs: Inputs, verdict: Verdict) -> "ArmBook":
        """As it will be once the verdict is carried out."""
        in_arm, rep_id = inputs.in_arm, verdict.rep_id
        if in_arm is None or in_arm.is_after or rep_id is None or verdict.outcome not in (ASSIGN, SUGGEST):
            return self
        arm = (in_arm.experiment_id, in_arm.arm)
        tags, turn = self.turns.get(arm, {}), verdict.arm_turn
        if turn is not None:
            tags = {**tags, rep_id: (turn.finish, turn.clock)}
        used = added(self.used, {arm: {rep_id: 1}})
        return replace(self, used=used, turns={**self.turns, arm: tags})

    def _found(self, one: Running, place: Place, unit: str, at: datetime.datetime) -> Found:
        strategy = one.strategies[place.arm]
        in_arm = InArm(
            experiment_id=one.id,
            name=one.name,
            arm=place.arm,
            choice=CHOICE_OF[strategy.kind],
            unit=unit,
            stage=place.stage,
            is_counted=place.is_counted,
            period=place.period,
            is_after=bool(one.serves),
        )
        return Found(one, in_arm, strategy, self.used, self.turns, at)
