"""The experiments that routing must know: those that allocate, and those whose strategy stays after their end."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection
from django.db.models import Q

from crm.engine.conditions import Facts, Predicate, compile_condition, condition_fields
from crm.queries.words import own_fields
from experiments.engine.allocation import Arm, arm_by_unit, period_of, share
from experiments.models import Experiment

LAYER = "layer"  # whose share of the units each experiment has is drawn under this name
STAMP = "coalesce((SELECT max(version) FROM experiments_experimentstamp), 0)"


@dataclass(frozen=True)
class Strategy:
    """`version`: the id of the configuration version, where it is another one."""

    kind: str
    version: int | None = None


@dataclass(frozen=True)
class Running:
    """An experiment as routing sees it. `reps` (of a partition): rep id → arm. `serves`: it is over, and everybody of
    its population gets this arm's strategy."""

    id: int
    name: str
    design: str
    strategies: Mapping[str, Strategy]
    matches: Predicate
    layer: tuple[float, float]
    salt: str
    split: float
    stage: int
    starts_at: datetime.datetime
    reps: Mapping[int, str]
    serves: str = ""

    @property
    def shares(self) -> dict[str, float]:
        """Of all opportunities, each arm's part."""
        size = self.layer[1] - self.layer[0]
        return {Arm.TREATMENT: self.split * size, Arm.CONTROL: (1 - self.split) * size}

    def has(self, facts: Facts, unit: str) -> bool:
        """Whether an opportunity with these facts is in its population, and the unit in its part of the layer."""
        low, high = self.layer
        return low <= share(LAYER, 0, unit) < high and self.matches(facts)

    def place(self, unit: str, at: datetime.datetime) -> "Place":
        """Where a new unit goes at the moment."""
        if self.design == Experiment.Design.SWITCHBACK:
            period = period_of(at, self.starts_at, salt=self.salt, experiment=self.id)
            return Place(str(period.arm), self.stage, period.is_counted, period.number)
        return Place(str(arm_by_unit(self.salt, self.id, unit, self.split)), self.stage)


@dataclass(frozen=True)
class Place:
    """Of a unit in an experiment. `is_counted`: not in the days of a switchback when the last period still shows;
    `period` its number, in a switchback."""

    arm: str
    stage: int
    is_counted: bool = True
    period: int | None = None


def unit_of(account_id: int | None, opportunity_id: int) -> str:
    """What is allocated: the account, so that its opportunities stay together, else the opportunity."""
    return f"opportunity:{opportunity_id}" if account_id is None else f"account:{account_id}"


def running(stamp: int) -> tuple[Running, ...]:
    """Those that allocate first, by id; then those whose strategy stays. Kept by each process under the stamp."""
    return _running(connection.settings_dict["NAME"], stamp)


@lru_cache(maxsize=2)
def _running(database: str, stamp: int) -> tuple[Running, ...]:
    found = Experiment.objects.filter(Q(state=Experiment.State.RUNNING) | ~Q(serves=""))
    fields = condition_fields(own_fields())
    rows = [
        Running(
            id=one.pk,
            name=one.name,
            design=one.design,
            strategies={arm: Strategy(**getattr(one, arm)) for arm in ("control", "treatment")},
            matches=compile_condition(one.condition, fields),
            # a promoted strategy is everybody's
            layer=(0.0, 1.0)
            if one.outcome == Experiment.Outcome.PROMOTED
            else (one.layer_from, one.layer_to),
            salt=one.salt,
            split=one.split,
            stage=one.stage,
            starts_at=one.starts_at or one.created_at,
            reps={member.rep_id: member.arm for member in one.reps.all()},
            serves="" if one.is_running else one.serves,
        )
        for one in found.prefetch_related("reps").order_by("pk")
    ]
    return tuple(sorted(rows, key=lambda one: bool(one.serves)))
