"""What is in force: the live configuration and model, whether automation is paused, and the roster.

The static roster is cached in the process under the stamp that database triggers keep, so a change by anybody is seen
by the next decision.
"""

import datetime
import zoneinfo
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Prefetch

from experiments.queries.running import STAMP as EXPERIMENTS
from reps.models import Rep
from reps.queries.holidays import DaysOff
from reps.queries.people import valid_on
from reps.queries.prepared import ask_one
from routing.engine.roster import RepFacts, Roster

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class WorkingTime:
    """When a rep works, in the rep's own time zone. `days_off` holds the public holidays and closing days around the
    day (UTC) that it was loaded for."""

    zone: zoneinfo.ZoneInfo
    hours: dict[str, list[list[str]]]
    days_off: frozenset[datetime.date] = frozenset()


@dataclass(frozen=True)
class Live:
    """The ids in force at one moment, and the roster that goes with them. `stamp`: the roster's; `roster_is_kept`:
    whether it is among the snapshots that decisions refer to; `experiments`: the stamp of those that run."""

    configuration_id: int
    model_id: int
    stamp: int
    roster: Roster
    working_times: tuple[WorkingTime, ...]
    is_paused: bool = False
    roster_is_kept: bool = False
    experiments: int = 0


CONFIGURATION = (
    "(SELECT id FROM routing_configurationversion WHERE NOT is_candidate ORDER BY number DESC LIMIT 1)"
)
CHAMPION = "(SELECT id FROM routing_modelversion WHERE state = 'champion')"
STAMP = "coalesce((SELECT version FROM reps_rosterstamp WHERE id = 1), 0)"
IN_FORCE = f"{STAMP}, {CONFIGURATION}, {CHAMPION}, {EXPERIMENTS}"
LIVE = f"SELECT {IN_FORCE}"


def live_of(row: tuple[Any, ...], at: datetime.datetime) -> Live:
    """What is in force; the roster from the process's cache while its stamp holds, for a day at most, since
    certifications expire."""
    stamp, configuration_id, model_id, experiments = row
    if configuration_id is None or model_id is None:
        raise LookupError("Nothing is published yet: run the migrations, which prepare an organisation.")
    roster, times = kept_roster(connection.settings_dict["NAME"], stamp, at.date())
    return Live(configuration_id, model_id, stamp, roster, times, experiments=experiments)


def load_live(at: datetime.datetime) -> Live:
    """The same, asked for by itself."""
    return live_of(ask_one(LIVE), at)


@lru_cache(maxsize=2)
def kept_roster(database: str, stamp: int, day: datetime.date) -> tuple[Roster, tuple[WorkingTime, ...]]:
    return load_roster(day)


def load_roster(day: datetime.date) -> tuple[Roster, tuple[WorkingTime, ...]]:
    """The active reps with limits and the skills that hold on the day, and when they work, in rising order of id; two
    queries, and one for the closing days."""
    reps = (
        Rep.objects.filter(left_at__isnull=True)
        .order_by("pk")
        .select_related("role_template")
        .prefetch_related(Prefetch("skills", valid_on(day)))
    )
    off = DaysOff(day - 2 * DAY, day + 2 * DAY)  # the local day and the one before, in any zone
    rows = [
        (rep_facts(rep), WorkingTime(zoneinfo.ZoneInfo(rep.time_zone), rep.working_hours, off.of(rep)))
        for rep in reps
    ]
    return Roster(tuple(facts for facts, _ in rows)), tuple(times for _, times in rows)


def rep_facts(rep: Rep) -> RepFacts:
    skills: dict[str, dict[str, int]] = defaultdict(dict)
    for skill in rep.skills.all():
        skills[skill.kind][skill.name.casefold()] = skill.proficiency
    return RepFacts(
        id=rep.pk,
        team_id=rep.team_id,
        seniority=rep.seniority,
        tier=rep.tier,
        technical_depth=rep.technical_depth,
        selling_style=rep.selling_style,
        deal_size_min=None if rep.deal_size_min is None else float(rep.deal_size_min),
        deal_size_max=None if rep.deal_size_max is None else float(rep.deal_size_max),
        skills=dict(skills),
        max_open=rep.max_open,
        max_new_per_week=rep.max_new_per_week,
        max_new_per_day=rep.max_new_per_day,
        max_pipeline_value=None if rep.max_pipeline_value is None else float(rep.max_pipeline_value),
        turn_weight=rep.turn_weight,
    )
