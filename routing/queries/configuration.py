"""The working configuration as plain data, the live version, and how the two differ."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from crm.queries.words import own_fields
from reps.models import Team
from reps.queries import organisation
from routing.engine.clock import Terms
from routing.engine.configuration import Configuration
from routing.models import CapacitySettings, ConfigurationVersion, Policy, Rule
from territories.models import Territory

CAPACITY_FIELDS = (
    "available_up_to_pct",
    "near_up_to_pct",
    "at_up_to_pct",
    "high_match_score",
    "high_match_top_share",
    "near_capacity_penalty",
    "assigned_today_penalty",
    "pipeline_penalty",
    "absence_ahead_penalty",
    "absence_horizon_hours",
)


@lru_cache(maxsize=32)
def configuration_id_of(number: int) -> int:
    """Of a version, which never changes."""
    return ConfigurationVersion.objects.values_list("pk", flat=True).get(number=number)


def working_content() -> dict[str, Any]:
    """What would be published now: the content of a `ConfigurationVersion`."""
    default_team = Team.objects.filter(is_default=True).values_list("pk", flat=True).first()
    ours = organisation()
    return {
        "territories": territories_content(Territory.objects.order_by("pk").prefetch_related("coverage")),
        "rules": [rule_content(r) for r in Rule.objects.filter(is_active=True).prefetch_related("excluded")],
        "policies": [policy_content(p, ours.time_zone) for p in Policy.objects.filter(is_active=True)],
        "capacity": _capacity(),
        "default_team_id": default_team,
        "default_language": ours.default_language,
        "managers": _managers(),
        "custom_fields": own_fields(),
    }


def territories_content(territories: Iterable[Territory]) -> list[dict[str, Any]]:
    """Of all territories those that are switched on and lie inside such ones only, as a version keeps them: without
    its parent's condition, a child would reach beyond its parent."""
    by_id = {territory.pk: territory for territory in territories}
    return [
        territory_content(territory)
        for territory in by_id.values()
        if all(above.is_active for above in lineage_of(territory, by_id))
    ]


def lineage_of(territory: Territory, territories: Mapping[int, Territory]) -> list[Territory]:
    """The territory and those around it, each once (a circle is refused when it is published)."""
    found = [territory]
    while (parent := territories.get(found[-1].parent_id or 0)) is not None and parent not in found:
        found.append(parent)
    return found


def territory_content(territory: Territory) -> dict[str, Any]:
    return {
        "id": territory.pk,
        "name": territory.name,
        "parent_id": territory.parent_id,
        "condition": territory.condition,
        "coverage": [
            {
                "team_id": cover.team_id,
                "rep_id": cover.rep_id,
                "starts_on": cover.starts_on.isoformat() if cover.starts_on else None,
                "ends_on": cover.ends_on.isoformat() if cover.ends_on else None,
            }
            for cover in territory.coverage.all()
        ],
    }


def rule_content(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "name": rule.name,
        "condition": rule.condition,
        "action": rule.action,
        "rep_id": rule.rep_id,
        "team_id": rule.team_id,
        "excluded": sorted(rep.pk for rep in rule.excluded.all()),
        "required_field": rule.required_field,
        "required_value": rule.required_value,
        "starts_at": rule.starts_at.isoformat() if rule.starts_at else None,
        "ends_at": rule.ends_at.isoformat() if rule.ends_at else None,
    }


def policy_content(policy: Policy, zone: str) -> dict[str, Any]:
    """As a version keeps it; `zone`: the organisation's time zone."""
    return {
        "id": policy.pk,
        "name": policy.name,
        "condition": policy.condition,
        "mode": policy.mode,
        "application": policy.application,
        "threshold": policy.threshold,
        "fallback": policy.fallback,
        "language": policy.language,
        "needs_working_now": policy.needs_working_now,
        "first_touch_target_minutes": policy.first_touch_target_minutes,
        "exploration_share": policy.exploration_share,
        "exploration_within": policy.exploration_within,
        # what is newer than versions that are stored stands here only where it is used: else they would all differ
        **({"prefers_ready": True} if policy.prefers_ready else {}),
        **({"batch": batch_content(policy, zone)} if policy.mode == Policy.Mode.BATCH else {}),
        **({"clock": clock} if (clock := clock_content(policy)) else {}),
    }


def clock_content(policy: Policy) -> dict[str, Any]:
    """What follows where nobody touches it; nothing where nothing does."""
    terms = Terms(
        target_minutes=policy.first_touch_target_minutes,
        in_working_hours=policy.clock_in_working_hours,
        remind_pct=policy.clock_remind_pct,
        escalates=policy.clock_escalates,
        reroute_after_minutes=policy.clock_reroute_after_minutes,
        accept_minutes=policy.accept_within_minutes,
        unanswered=policy.accept_unanswered,
        named_accounts=policy.clock_takes_named_accounts,
    )
    return terms.to_json() if terms.is_used else {}


def batch_content(policy: Policy, zone: str) -> dict[str, Any]:
    """When its batches run. `zone` is the one that counts, `time_zone` the one that was chosen, if any."""
    return {
        "cadence": policy.batch_cadence,
        "times": [] if policy.batch_cadence == Policy.Cadence.HOURLY else sorted(policy.batch_times),
        "time_zone": policy.batch_time_zone,
        "zone": policy.batch_time_zone or zone,
        "weekdays_only": policy.batch_weekdays_only,
        "expiry_hours": policy.batch_expiry_hours,
        **({} if policy.batch_objective == Policy.Objective.VALUE else {"objective": policy.batch_objective}),
        **({"confirms": True} if policy.batch_confirms else {}),
    }


def _capacity() -> dict[str, float | None]:
    settings = capacity_settings()
    return {name: getattr(settings, name) for name in CAPACITY_FIELDS}


def capacity_settings() -> CapacitySettings:
    """The one row, made with its defaults when it is first asked for."""
    return CapacitySettings.objects.get_or_create(pk=1)[0]


def _managers() -> dict[str, list[int]]:
    pairs = Team.managers.through.objects.order_by("team_id", "user_id").values_list("team_id", "user_id")
    found: dict[str, list[int]] = {}
    for team_id, user_id in pairs:
        found.setdefault(str(team_id), []).append(user_id)
    return found


def content_hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def live_version() -> ConfigurationVersion:
    """The version that decides. Raises ConfigurationVersion.DoesNotExist before the first publication."""
    return ConfigurationVersion.objects.filter(is_candidate=False).order_by("-number")[:1].get()


@lru_cache(maxsize=32)
def compiled(version_id: int) -> Configuration:
    """A version compiled for the ladder. Versions never change, so every process may keep them."""
    version = ConfigurationVersion.objects.get(pk=version_id)
    return Configuration.from_content(version.number, version.content)
