"""What the product sees of a simulated experiment on a day, and its looks: `analysis.effect_of`, `sequential.look`."""

from dataclasses import dataclass, field

import numpy as np

from benchmarks.experiments.world import CONTROL, TREATMENT, Floats, Ints, Mask, Organisations, Trial
from experiments.engine.allocation import Design
from experiments.engine.analysis import Primary, StageSeen, clusters_of, effect_of, groups_of
from experiments.engine.effect import Effect
from experiments.engine.incidence import OPEN, WON, Followed
from experiments.engine.sequential import Decision, Look, look, standing
from experiments.engine.sizing import Accounts, Plan, Setting, plan
from experiments.engine.verdict import Metric
from reps.engine.unavailable import Unavailable

HORIZON_DAYS = 42
PRIMARY = Primary(Metric.WIN_RATE, HORIZON_DAYS)
LOST = 2


@dataclass(frozen=True)
class Exposed:
    """n leads of one arm that count, in the order in which they came; moments in days from the start. `accounts`: of
    how many each and those before it are."""

    came: Floats
    closed: Floats
    won: Mask
    group: Ints
    accounts: Ints

    def followed(self, day: int) -> tuple[Followed, int]:
        """What is known by the day, and of how many accounts."""
        known = int(np.searchsorted(self.came, day))
        came, closed = self.came[:known], self.closed[:known]
        outcome = np.where(closed > day, OPEN, np.where(self.won[:known], WON, LOST))
        days = np.minimum(closed, day) - came
        units = int(self.accounts[known - 1]) if known else 0
        return Followed(days, outcome, day - came, clusters_of(self.group[:known])), units


@dataclass(frozen=True)
class Run:
    """One experiment, over."""

    trial: Trial
    treatment: Exposed
    control: Exposed
    effects: dict[int, Effect | Unavailable] = field(default_factory=dict)

    @property
    def last_day(self) -> int:
        return self.trial.days + HORIZON_DAYS

    def effect(self, day: int) -> Effect | Unavailable:
        """Kept: daily and weekly looks see the same days."""
        if day not in self.effects:
            self.effects[day] = self._effect(day)
        return self.effects[day]

    def _effect(self, day: int) -> Effect | Unavailable:
        treated, treated_units = self.treatment.followed(day)
        control, control_units = self.control.followed(day)
        stage = StageSeen(self.trial.split, treated, control, treated_units, control_units)
        return effect_of(PRIMARY, [stage], is_ramp=False)

    def looks(self, planned_information: float, every: int) -> list[Look]:
        """All that are not skipped, up to the last planned one, whatever they decide. Before anybody is older than the
        horizon there is no effect."""
        found: list[Look] = []
        for day in range(self.last_day, HORIZON_DAYS, -every)[::-1]:
            effect = self.effect(day)
            if isinstance(effect, Unavailable):
                continue
            is_last = day == self.last_day
            one = look(found, effect, planned_information=planned_information, is_last=is_last)
            if isinstance(one, Look):
                found.append(one)
            if found and found[-1].time >= 1:
                break
        return found


def runs_of(organisations: Organisations) -> list[Run]:
    return [_run(organisations, run) for run in range(organisations.runs)]


def _run(organisations: Organisations, run: int) -> Run:
    trial, leads = organisations.trial, organisations.leads
    came = leads.came[run]
    during = np.flatnonzero((came >= 0) & np.isfinite(came))
    day = came[during].astype(np.int64)
    lead = during[organisations.is_counted[day, run]]
    period = organisations.period[came[lead].astype(np.int64), run]
    account, rep = leads.account[run, lead], leads.rep[run, lead] + 1
    group = account
    if trial.design is not None:
        group = groups_of(trial.design, account=account, rep=rep, period=period)
    arm, closed, won = leads.arm[run, lead], leads.closed[run, lead], leads.won[run, lead]
    treated, control = (
        _of_arm(came[lead], closed, won, group, account, mask=arm == one) for one in (TREATMENT, CONTROL)
    )
    return Run(trial, treated, control)


def _of_arm(came: Floats, closed: Floats, won: Mask, group: Ints, account: Ints, *, mask: Mask) -> Exposed:
    _, first = np.unique(account[mask], return_index=True)
    is_first = np.zeros(int(mask.sum()), dtype=np.int64)
    is_first[first] = 1
    return Exposed(came[mask], closed[mask], won[mask], group[mask], np.cumsum(is_first))


def planned(trial: Trial, base_rate: float) -> Plan:
    """What the calculator says before the start, the past known."""
    repeats = trial.world.repeats
    return plan(
        Setting(
            base_rate=base_rate,
            horizon_days=HORIZON_DAYS,
            units_per_week=7 * trial.world.leads_per_day,
            weeks=trial.weeks,
            split=trial.split,
            accounts=Accounts(1 / (1 - repeats), 0.1),
            design=trial.design or Design.LEAD_SPLIT,
        )
    )


def is_declared(looks: list[Look]) -> bool:
    return standing(looks) in (Decision.UPWARD, Decision.DOWNWARD)
