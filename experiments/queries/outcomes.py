"""What became of the opportunities of an experiment, by arm and stage, as arrays for its statistics.

An opportunity counts from its first exposure on, in the arm that it was given then, whatever happened to it (intention
to treat); one that came first in the washout of a switchback never counts. What a lock, an owner or a rule that names
the rep decided is not exposed, and only counted.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Count

from experiments.engine.allocation import Arm, Design
from experiments.engine.analysis import clusters_of, groups_of
from experiments.engine.first_touch import ENDED_UNTOUCHED, TOUCHED
from experiments.engine.guardrails import BadEvents, Guardrail
from experiments.engine.incidence import OPEN, WON, Followed
from experiments.engine.interference import Received
from experiments.models import Experiment, Exposure
from experiments.queries.reps import skills_of_reps

LOST, DISQUALIFIED = 2, 3
OUTCOMES = {"open": OPEN, "won": WON, "lost": LOST, "disqualified": DISQUALIFIED}
DAY = 86_400.0
NEVER_AFTER = datetime.timedelta(days=7)  # without a touch so long it counts as never touched
UNASSIGNED_AFTER = datetime.timedelta(days=1)
NEAR = 0.9  # of the maximum: an assignment beyond is an overload
BEFORE = datetime.timedelta(days=91)

FOLLOWED = """
SELECT e.opportunity_id, e.arm, e.stage, e.unit, e.exposed_at, o.stage, o.closed_at,
    o.value_base::float8, coalesce(o.owner_id, e.rep_id), o.owner_id IS NOT NULL,
    (SELECT min(a.happened_at) FROM crm_activity a
        WHERE a.opportunity_id = o.id AND a.happened_at >= e.exposed_at AND a.happened_at <= %(at)s),
    (SELECT s.score FROM experiments_satisfactionscore s WHERE s.opportunity_id = o.id AND s.given_at <= %(at)s
        ORDER BY s.given_at DESC, s.id DESC LIMIT 1),
    e.period
FROM (
    SELECT DISTINCT ON (opportunity_id) * FROM experiments_exposure
    WHERE experiment_id = %(experiment)s AND apart = '' AND exposed_at <= %(at)s
    ORDER BY opportunity_id, exposed_at, id
) e JOIN crm_opportunity o ON o.id = e.opportunity_id
WHERE e.is_counted
ORDER BY e.opportunity_id
"""
OVERLOADS = """
SELECT arm, count(DISTINCT opportunity_id) FILTER (WHERE load + 1 > %(near)s * max_open),
    count(DISTINCT rep_id) FILTER (WHERE load + 1 > max_open)
FROM experiments_exposure WHERE experiment_id = %(experiment)s AND apart = '' AND exposed_at <= %(at)s GROUP BY arm
"""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Part:
    """n opportunities: those of one arm, perhaps of one stage. Moments in days since the exposure; NaN: not so far or
    not known. `week` since the start · `group`: with which others it fell to its arm, by the design."""

    unit: Ints
    group: Ints
    stage: Ints
    week: Ints
    age: Floats
    closed: Floats
    outcome: Ints
    touched: Floats
    value: Floats
    score: Floats
    rep: Ints
    is_owned: Mask

    def __len__(self) -> int:
        return len(self.unit)

    def where(self, mask: Mask) -> "Part":
        return Part(**{name: getattr(self, name)[mask] for name in self.__dataclass_fields__})

    @property
    def units(self) -> int:
        return len(np.unique(self.unit))

    @property
    def cluster(self) -> Ints | None:
        """None where each is alone in its group."""
        return clusters_of(self.group)

    @property
    def won(self) -> Mask:
        return self.outcome == WON

    def of_wins(self) -> Followed:
        """Until the exit: won, lost, disqualified, or open still."""
        days = np.where(self.outcome == OPEN, self.age, np.fmin(self.closed, self.age))
        return Followed(np.maximum(days, 0.0), self.outcome, self.age, self.cluster)

    def of_touches(self) -> Followed:
        """Until the first touch; closed without one it ended untouched."""
        is_touched, is_over = ~np.isnan(self.touched), ~np.isnan(self.closed)
        outcome = np.where(is_touched, TOUCHED, np.where(is_over, ENDED_UNTOUCHED, 0))
        days = np.where(is_touched, self.touched, np.where(is_over, self.closed, self.age))
        return Followed(np.clip(days, 0.0, self.age), outcome, self.age, self.cluster)


@dataclass(frozen=True, eq=False)
class Seen:
    """An experiment at a moment: each arm's opportunities, exposures `apart` by arm, and overloads."""

    at: datetime.datetime
    arms: Mapping[Arm, Part]
    apart: Mapping[str, int]
    overloads: Mapping[Arm, int]
    reps_over: int

    def stages(self) -> list[int]:
        return sorted({int(stage) for part in self.arms.values() for stage in np.unique(part.stage)})

    def of_stage(self, stage: int) -> dict[Arm, Part]:
        return {arm: part.where(part.stage == stage) for arm, part in self.arms.items()}


def seen(experiment: Experiment, at: datetime.datetime) -> Seen:
    """Everything that the analysis needs; three queries."""
    with connection.cursor() as cursor:
        cursor.execute(FOLLOWED, {"experiment": experiment.pk, "at": at})
        rows = cursor.fetchall()
        cursor.execute(OVERLOADS, {"experiment": experiment.pk, "at": at, "near": NEAR})
        overloads = {Arm(arm): (near, over) for arm, near, over in cursor.fetchall()}
    apart = Exposure.objects.filter(experiment=experiment).exclude(apart="").order_by().values_list("apart")
    return Seen(
        at=at,
        arms={arm: _part([row for row in rows if row[1] == arm], experiment, at) for arm in Arm},
        apart=dict(apart.annotate(n=Count("opportunity", distinct=True))),
        overloads={arm: overloads.get(arm, (0, 0))[0] for arm in Arm},
        reps_over=overloads.get(Arm.TREATMENT, (0, 0))[1],
    )


def _part(rows: list[tuple[Any, ...]], experiment: Experiment, at: datetime.datetime) -> Part:
    starts = experiment.starts_at or experiment.created_at
    numbers: dict[str, int] = {}

    def since(row: tuple[Any, ...], moment: datetime.datetime | None) -> float:
        later = moment is None or moment > at
        return float("nan") if later or moment is None else max((moment - row[4]).total_seconds() / DAY, 0.0)

    closed = np.array([since(row, row[6]) for row in rows], dtype=float)
    unit = np.array([numbers.setdefault(row[3], len(numbers)) for row in rows], dtype=np.int64)
    rep = np.array([row[8] or 0 for row in rows], dtype=np.int64)
    period = np.array([row[12] or 0 for row in rows], dtype=np.int64)
    return Part(
        unit=unit,
        group=groups_of(Design(experiment.design), account=unit, rep=rep, period=period),
        stage=np.array([row[2] for row in rows], dtype=np.int64),
        week=np.array([(row[4] - starts).days // 7 for row in rows], dtype=np.int64),
        age=np.array([since(row, at) for row in rows], dtype=float),
        closed=closed,
        outcome=np.where(
            np.isnan(closed), OPEN, np.array([OUTCOMES[row[5]] for row in rows], dtype=np.int64)
        ).astype(np.int64),
        touched=np.array([since(row, row[10]) for row in rows], dtype=float),
        value=np.array([np.nan if row[7] is None else row[7] for row in rows], dtype=float),
        score=np.array([np.nan if row[11] is None else row[11] for row in rows], dtype=float),
        rep=rep,
        is_owned=np.array([row[9] for row in rows], dtype=bool),
    )


def bad_events(experiment: Experiment, found: Seen) -> dict[Guardrail, BadEvents]:
    """Of each guardrail that the experiment has, of those old enough to tell."""
    due = experiment.touch_minutes / (24 * 60)
    counted = {
        Guardrail.FIRST_TOUCH_MISSED: (due, lambda part: ~(part.touched <= due)),
        Guardrail.NEVER_TOUCHED: (NEVER_AFTER.days, lambda part: np.isnan(part.touched)),
        Guardrail.UNASSIGNED: (UNASSIGNED_AFTER.days, lambda part: ~part.is_owned & (part.outcome == OPEN)),
    }
    events: dict[Guardrail, BadEvents] = {}
    for name in (Guardrail(one) for one in experiment.guardrails):
        if name is Guardrail.OVERLOAD:
            pairs = [(found.overloads[arm], len(found.arms[arm])) for arm in (Arm.TREATMENT, Arm.CONTROL)]
            events[name] = BadEvents(*(min(pairs[0]), pairs[0][1]), *(min(pairs[1]), pairs[1][1]))
            continue
        after, is_bad = counted[name]
        old = [part.where(part.age >= after) for part in (found.arms[Arm.TREATMENT], found.arms[Arm.CONTROL])]
        treated, control = ((int(is_bad(part).sum()), len(part)) for part in old)
        events[name] = BadEvents(*treated, *control)
    return events


def received(experiment: Experiment, found: Seen) -> tuple[Received, Received]:
    """Whom control's leads went to, and everybody's before the start; by skill as it was then."""
    starts = experiment.starts_at or experiment.created_at
    skills = {one.rep_id: one.skill for one in skills_of_reps(starts)}
    control = found.arms[Arm.CONTROL]
    known = np.array([int(rep) in skills for rep in control.rep], dtype=bool)
    during = Received(control.week[known], np.array([skills[int(rep)] for rep in control.rep[known]]))
    before = list(_before(starts, skills))
    return (
        Received(
            np.array([week for week, _ in before], dtype=np.int64), np.array([skill for _, skill in before])
        ),
        during,
    )


def _before(starts: datetime.datetime, skills: Mapping[int, float]) -> Iterator[tuple[int, float]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rep_id, assigned_at FROM crm_assignment WHERE assigned_at > %s AND assigned_at <= %s"
            " AND source <> 'import'",
            [starts - BEFORE, starts],
        )
        for rep_id, assigned_at in cursor.fetchall():
            if rep_id in skills:
                yield -((starts - assigned_at).days // 7) - 1, skills[rep_id]
