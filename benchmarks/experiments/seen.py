"""What the product sees of a simulated experiment on a day, and its looks: `analysis.effect_of`, `sequential.look`."""

from dataclasses import dataclass

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
    """n leads of one arm that count; moments in days from the start."""

    came: Floats
    closed: Floats
    won: Mask
    group: Ints
    account: Ints

    def followed(self, day: int) -> tuple[Followed, int]:
        """What is known by the day, and of how many accounts."""
        known = self.came < day
        came, closed = self.came[known], self.closed[known]
        is_open = closed > day
        outcome = np.where(is_open, OPEN, np.where(self.won[known], WON, LOST))
        days = np.minimum(closed, day) - came
        group = clusters_of(self.group[known])
        return Followed(days, outcome, day - came, group), len(np.unique(self.account[known]))


@dataclass(frozen=True)
class Run:
    """One experiment, over."""

    trial: Trial
    treatment: Exposed
    control: Exposed

    @property
    def last_day(self) -> int:
        return self.trial.days + HORIZON_DAYS

    def effect(self, day: int) -> Effect | Unavailable:
        treated, treated_units = self.treatment.followed(day)
        control, control_units = self.control.followed(day)
        stage = StageSeen(self.trial.split, treated, control, treated_units, control_units)
        return effect_of(PRIMARY, [stage], is_ramp=False)

    def looks(self, planned_information: float, every: int) -> list[Look]:
        """All that are not skipped, up to the last planned one, whatever they decide."""
        found: list[Look] = []
        for day in [*range(self.last_day % every or every, self.last_day, every), self.last_day]:
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
    all_of_it = Exposed(came[lead], leads.closed[run, lead], leads.won[run, lead], group, account)
    return Run(trial, *(_of_arm(all_of_it, leads.arm[run, lead] == arm) for arm in (TREATMENT, CONTROL)))


def _of_arm(exposed: Exposed, mask: Mask) -> Exposed:
    return Exposed(**{name: getattr(exposed, name)[mask] for name in Exposed.__dataclass_fields__})


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
