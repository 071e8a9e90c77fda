"""A published configuration as the ladder uses it: territories, rules, policies, capacity settings.

`Configuration.from_content` compiles the frozen JSON of a version once; it raises ConfigurationError naming the part
that cannot be, so that a version which cannot be used is never published.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from crm.engine.conditions import ConditionError, Facts, Field, Predicate, compile_condition, condition_fields
from crm.engine.demands import Demand, Filed, demand_of
from reps.engine.capacity import BandBounds
from routing.engine.clock import Terms
from routing.engine.roster import MOST_KEPT, Floats, Roster
from routing.engine.schedule import BatchSchedule

# What a condition's fields say about how specific a territory is: an account list beats a postal range beats ...
SPECIFICITY = {"account_id": 32, "postal_code": 16, "city": 12, "region": 8, "country": 4}
SKILL_REQUIREMENTS = ("industry", "product", "language", "competitor", "certification")
REQUIREMENTS = (*SKILL_REQUIREMENTS, "selling_style", "deal_size", "tier", "seniority", "technical_depth")
SAME_AS_OPPORTUNITY = ("industry", "product", "language", "competitor", "deal_size")


class ConfigurationError(ValueError):
    """A configuration that cannot be used. `part` names the rule, territory or policy."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(f"{part}: {message}")
        self.part, self.message = part, message


@dataclass(frozen=True)
class Coverage:
    """A team or a rep, from a day to a day, both inclusive."""

    team_id: int | None = None
    rep_id: int | None = None
    starts_on: datetime.date | None = None
    ends_on: datetime.date | None = None

    def holds_on(self, day: datetime.date) -> bool:
        return (self.starts_on is None or self.starts_on <= day) and (
            self.ends_on is None or day <= self.ends_on
        )


@dataclass(frozen=True)
class Territory:
    """`lineage` is the territory itself, then its ancestors upwards. `demand`: what it does not match without."""

    id: int
    name: str
    matches: Predicate
    coverage: tuple[Coverage, ...]
    lineage: tuple[int, ...]
    specificity: int
    demand: Demand | None = None


@dataclass(frozen=True)
class Rule:
    """`demand`: what it does not match without."""

    id: int
    name: str
    matches: Predicate
    action: str
    rep_id: int | None = None
    team_id: int | None = None
    excluded: tuple[int, ...] = ()
    required_field: str = ""
    required_value: str = ""
    starts_at: datetime.datetime | None = None
    ends_at: datetime.datetime | None = None
    demand: Demand | None = None

    def holds_at(self, at: datetime.datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= at) and (
            self.ends_at is None or at < self.ends_at
        )


@dataclass(frozen=True)
class Policy:
    id: int | None
    name: str
    matches: Predicate
    mode: str = "real_time"
    application: str = "suggest"
    threshold: float = 50.0
    fallback: tuple[str, ...] = ()
    language: str = "required"
    needs_working_now: bool = False
    first_touch_target_minutes: int | None = None
    exploration_share: float = 0.0
    exploration_within: float = 5.0
    prefers_ready: bool = False
    batch: BatchSchedule | None = None
    clock: Terms | None = None


@dataclass(frozen=True)
class Capacity:
    """Bounds of the bands and the penalties (log-odds) that lower priority but are no odds of winning.

    A match is high from `high_match_score` on, or, where `high_match_top_share` is given, within that share of the last
    90 days' best scores (what that is at the moment of a decision is one of its inputs).
    """

    bounds: BandBounds = BandBounds()
    high_match_score: float = 70.0
    high_match_top_share: float | None = None
    near_capacity_penalty: float = 0.3
    assigned_today_penalty: float = 0.1
    pipeline_penalty: float = 0.1
    absence_ahead_penalty: float = 0.3
    absence_horizon_hours: float = 48.0


@dataclass(frozen=True)
class Configuration:
    """Territories stand in the order in which they win; rules and policies by position."""

    number: int
    territories: tuple[Territory, ...] = ()
    rules: tuple[Rule, ...] = ()
    policies: tuple[Policy, ...] = ()
    capacity: Capacity = field(default_factory=Capacity)
    default_team_id: int | None = None
    default_language: str = "English"
    manager_ids: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    by_id: Mapping[int, Territory] = field(default_factory=dict)

    def territories_matching(self, tests: Facts) -> list[Territory]:
        """Those that match, in the order in which they win."""
        possible = (self.territories[number] for number in self._filed_territories.possible(tests))
        return [territory for territory in possible if territory.matches(tests)]

    def rules_matching(self, tests: Facts) -> Iterator[tuple[int, Rule]]:
        """Place and rule of those that match, by position."""
        for place in self._filed_rules.possible(tests):
            if self.rules[place].matches(tests):
                yield place, self.rules[place]

    @cached_property
    def _filed_territories(self) -> Filed:
        return Filed([territory.demand for territory in self.territories])

    @cached_property
    def _filed_rules(self) -> Filed:
        return Filed([rule.demand for rule in self.rules])

    @classmethod
    def from_content(cls, number: int, content: Mapping[str, Any]) -> "Configuration":
        fields = condition_fields(content.get("custom_fields", ()))
        territories = _territories(content.get("territories", ()), fields)
        return cls(
            number=number,
            territories=tuple(sorted(territories.values(), key=_winning_order)),
            rules=tuple(_rule(row, fields) for row in content.get("rules", ())),
            policies=tuple(_policy(row, fields) for row in content.get("policies", ())),
            capacity=_capacity(content.get("capacity", {})),
            default_team_id=content.get("default_team_id"),
            default_language=content.get("default_language", "English"),
            manager_ids={int(team): tuple(ids) for team, ids in content.get("managers", {}).items()},
            by_id=territories,
        )


def coverage_today(
    configuration: Configuration, territory: Territory, roster: Roster, day: datetime.date
) -> tuple[int | None, Floats, int | None]:
    """Whose coverage counts (the nearest of the lineage that has any on the day), how far each rep covers it (1
    personally, .5 through the team, 0 not), and the one team where there is one."""
    kept, key = roster.coverages, (id(territory), day)
    if key not in kept or kept[key][0] is not territory:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[key] = (territory, _coverage_on(configuration, territory, roster, day))
    found: tuple[int | None, Floats, int | None] = kept[key][1]
    return found


def _coverage_on(
    configuration: Configuration, territory: Territory, roster: Roster, day: datetime.date
) -> tuple[int | None, Floats, int | None]:
    for territory_id in territory.lineage:
        current = [c for c in configuration.by_id[territory_id].coverage if c.holds_on(day)]
        if not current:
            continue
        teams = {c.team_id for c in current if c.team_id is not None}
        reps = {c.rep_id for c in current if c.rep_id is not None}
        inside = np.where(np.isin(roster.team_ids, list(teams)), 0.5, 0.0)
        inside = np.where(np.isin(roster.ids, list(reps)), 1.0, inside)
        return territory_id, inside, next(iter(teams)) if len(teams) == 1 else None
    return None, np.zeros(len(roster)), None


def _winning_order(territory: Territory) -> tuple[int, int, int]:
    return (-len(territory.lineage), -territory.specificity, territory.id)


def _compiled(part: str, condition: Mapping[str, Any], fields: Mapping[str, Field]) -> Predicate:
    try:
        return compile_condition(condition, fields)
    except ConditionError as error:
        raise ConfigurationError(part, str(error)) from error


def _territories(rows: Sequence[Mapping[str, Any]], fields: Mapping[str, Field]) -> dict[int, Territory]:
    by_id = {row["id"]: row for row in rows}
    found: dict[int, Territory] = {}
    for row in rows:
        part = f"Territory “{row['name']}”"
        lineage = _lineage(row["id"], by_id, part)
        conditions = [by_id[id_]["condition"] for id_ in lineage]
        tests = tuple(_compiled(part, condition, fields) for condition in conditions)
        found[row["id"]] = Territory(
            id=row["id"],
            name=row["name"],
            matches=_every(tests),
            coverage=tuple(_coverage(item) for item in row.get("coverage", ())),
            lineage=lineage,
            specificity=_specificity(row["condition"]),
            demand=demand_of({"all": conditions}, fields),
        )
    return found


def _every(tests: tuple[Predicate, ...]) -> Predicate:
    """A child lies inside its parents: all conditions of the lineage hold."""
    return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)


def _lineage(start: int, by_id: Mapping[int, Mapping[str, Any]], part: str) -> tuple[int, ...]:
    lineage: list[int] = []
    current: int | None = start
    while current is not None and current in by_id:
        if current in lineage:
            raise ConfigurationError(part, "is its own ancestor")
        lineage.append(current)
        current = by_id[current].get("parent_id")
    return tuple(lineage)


def _specificity(condition: Mapping[str, Any]) -> int:
    return sum(SPECIFICITY.get(name, 1) for name in set(tested_fields(condition)))


def tested_fields(node: Mapping[str, Any]) -> Iterator[str]:
    """The names of the fields that a condition tests."""
    if "field" in node:
        yield str(node["field"])
    for group in ("all", "any", "none"):
        for member in node.get(group, ()):
            yield from tested_fields(member)


def _coverage(row: Mapping[str, Any]) -> Coverage:
    return Coverage(
        team_id=row.get("team_id"),
        rep_id=row.get("rep_id"),
        starts_on=_date(row.get("starts_on")),
        ends_on=_date(row.get("ends_on")),
    )


def _date(text: str | None) -> datetime.date | None:
    return None if text is None else datetime.date.fromisoformat(text)


def _moment(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text)


def _rule(row: Mapping[str, Any], fields: Mapping[str, Field]) -> Rule:
    part = f"Rule “{row['name']}”"
    if row["action"] == "require":
        check_requirement(part, row.get("required_field", ""), row.get("required_value", ""))
    return Rule(
        id=row["id"],
        name=row["name"],
        matches=_compiled(part, row["condition"], fields),
        action=row["action"],
        rep_id=row.get("rep_id"),
        team_id=row.get("team_id"),
        excluded=tuple(row.get("excluded", ())),
        required_field=row.get("required_field", ""),
        required_value=row.get("required_value", ""),
        starts_at=_moment(row.get("starts_at")),
        ends_at=_moment(row.get("ends_at")),
        demand=demand_of(row["condition"], fields),
    )


def check_requirement(part: str, field_name: str, value: str) -> None:
    """Raises ConfigurationError for a requirement that cannot be met by anybody's profile."""
    if field_name not in REQUIREMENTS:
        raise ConfigurationError(part, f"cannot require “{field_name}” (use {', '.join(REQUIREMENTS)})")
    if not value and field_name not in SAME_AS_OPPORTUNITY:
        raise ConfigurationError(part, f"say which {field_name.replace('_', ' ')} is required")
    if field_name in ("seniority", "technical_depth") and not value.isdigit():
        raise ConfigurationError(part, f"{field_name.replace('_', ' ')} is a number: “{value}” is not one")


def _policy(row: Mapping[str, Any], fields: Mapping[str, Field]) -> Policy:
    part = f"Policy “{row['name']}”"
    return Policy(
        id=row["id"],
        name=row["name"],
        matches=_compiled(part, row["condition"], fields),
        mode=row.get("mode", "real_time"),
        application=row.get("application", "suggest"),
        threshold=float(row.get("threshold", 50)),
        fallback=tuple(row.get("fallback", ())),
        language=row.get("language", "required"),
        needs_working_now=bool(row.get("needs_working_now", False)),
        first_touch_target_minutes=row.get("first_touch_target_minutes"),
        exploration_share=float(row.get("exploration_share", 0)),
        exploration_within=float(row.get("exploration_within", 5)),
        prefers_ready=bool(row.get("prefers_ready", False)),
        batch=_batch(part, row.get("batch")),
        clock=Terms(**row["clock"]) if row.get("clock") else None,
    )


def _batch(part: str, row: Mapping[str, Any] | None) -> BatchSchedule | None:
    """When a policy's batches run; None for one that decides at once. Batches of versions from before there were
    schedules have none, and are decided at once as they were then."""
    if not row:
        return None
    try:
        ZoneInfo(row["zone"])
        return BatchSchedule(
            cadence=row["cadence"],
            zone=row["zone"],
            times=tuple(datetime.time.fromisoformat(text) for text in row["times"]),
            weekdays_only=row["weekdays_only"],
            expiry_hours=row["expiry_hours"],
            objective=row.get("objective", "value"),
            confirms=row.get("confirms", False),
        )
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise ConfigurationError(part, str(error)) from error


def _capacity(row: Mapping[str, Any]) -> Capacity:
    if not row:
        return Capacity()
    try:
        bounds = BandBounds(row["available_up_to_pct"], row["near_up_to_pct"], row["at_up_to_pct"])
    except ValueError as error:
        raise ConfigurationError("Capacity settings", str(error)) from error
    return Capacity(
        bounds=bounds,
        high_match_score=row["high_match_score"],
        high_match_top_share=row.get("high_match_top_share"),
        near_capacity_penalty=row["near_capacity_penalty"],
        assigned_today_penalty=row["assigned_today_penalty"],
        pipeline_penalty=row["pipeline_penalty"],
        absence_ahead_penalty=row["absence_ahead_penalty"],
        absence_horizon_hours=row["absence_horizon_hours"],
    )
