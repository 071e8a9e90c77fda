"""An earlier configuration version becomes the draft again; publishing it then is the usual step.

Rows are found by the ids that the version names: what is there still is changed back, what was deleted is made again
under its old id, and what the version does not know is switched off, not deleted. People, teams and own fields are no
part of it: a rule or a coverage that names somebody who is gone is left out and said.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max, Model

from reps.models import Rep, Team
from routing.engine.clock import Terms
from routing.models import CapacitySettings, ConfigurationVersion, Policy, Rule
from routing.queries.configuration import CAPACITY_FIELDS
from territories.models import Coverage, Territory

OUT_OF_THE_WAY = 1_000_000
RULE_FIELDS = ("name", "condition", "action", "rep_id", "team_id", "required_field", "required_value")
POLICY_FIELDS = (
    "name", "condition", "mode", "application", "threshold", "fallback", "language", "needs_working_now",
    "first_touch_target_minutes", "exploration_share", "exploration_within",
)  # fmt: skip


@dataclass
class Restored:
    """What could not be brought back, a sentence each."""

    left_out: list[str] = field(default_factory=list)


@transaction.atomic
def restore_version(*, version: ConfigurationVersion) -> Restored:
    """Makes the version's territories, rules, policies and capacity settings the draft."""
    content = version.content
    people = _People(
        set(Rep.objects.values_list("pk", flat=True)), set(Team.objects.values_list("pk", flat=True))
    )
    found = Restored()
    _restore_territories(content["territories"], people, found)
    _restore_rules(content["rules"], people, found)
    _restore_policies(content["policies"])
    capacity = CapacitySettings.objects.select_for_update().get_or_create(pk=1)[0]
    for name in CAPACITY_FIELDS:
        if name in content["capacity"]:
            setattr(capacity, name, content["capacity"][name])
    capacity.save()
    return found


@dataclass(frozen=True)
class _People:
    rep_ids: set[int]
    team_ids: set[int]

    def are_there(self, row: Mapping[str, Any]) -> bool:
        """Whether whom the row names still exists."""
        rep, team = row.get("rep_id"), row.get("team_id")
        return (rep is None or rep in self.rep_ids) and (team is None or team in self.team_ids)


def _restore_rules(rows: Sequence[Mapping[str, Any]], people: _People, found: Restored) -> None:
    usable = [row for row in rows if people.are_there(row)]
    found.left_out += [
        f"Rule “{row['name']}” names a rep or team that is gone." for row in rows if row not in usable
    ]
    _make_room(Rule, [row["id"] for row in usable])
    for position, row in enumerate(usable, 1):
        rule, _ = Rule.objects.update_or_create(
            pk=row["id"],
            defaults={name: row.get(name) for name in RULE_FIELDS}
            | {
                "position": position,
                "is_active": True,
                "starts_at": _moment(row.get("starts_at")),
                "ends_at": _moment(row.get("ends_at")),
            },
        )
        rule.excluded.set([rep for rep in row.get("excluded", ()) if rep in people.rep_ids])
    _advance_ids(Rule)


def _restore_policies(rows: Sequence[Mapping[str, Any]]) -> None:
    _make_room(Policy, [row["id"] for row in rows])
    names = {row["name"]: row["id"] for row in rows}
    for policy in Policy.objects.filter(name__in=names):  # a name is taken once
        if names[policy.name] != policy.pk:
            policy.name = f"{policy.name} ({policy.pk})"[:120]
            policy.save(update_fields=["name"])
    for position, row in enumerate(rows, 1):
        values = {name: row[name] for name in POLICY_FIELDS if name in row}
        values |= {"prefers_ready": row.get("prefers_ready", False)} | _batch_fields(row.get("batch"))
        values |= _clock_fields(row.get("clock") or {})
        Policy.objects.update_or_create(
            pk=row["id"], defaults=values | {"position": position, "is_active": True}
        )
    _advance_ids(Policy)


def _batch_fields(batch: Mapping[str, Any] | None) -> dict[str, Any]:
    if not batch:
        return {}
    names = ("cadence", "times", "time_zone", "weekdays_only", "expiry_hours")
    fields = {f"batch_{name}": batch[name] for name in names}
    objective = batch.get("objective", Policy.Objective.VALUE)
    return fields | {"batch_objective": objective, "batch_confirms": batch.get("confirms", False)}


def _clock_fields(clock: Mapping[str, Any]) -> dict[str, Any]:
    terms = Terms(**clock)
    return {
        "clock_in_working_hours": terms.in_working_hours,
        "clock_remind_pct": terms.remind_pct,
        "clock_escalates": terms.escalates,
        "clock_reroute_after_minutes": terms.reroute_after_minutes,
        "clock_takes_named_accounts": terms.named_accounts,
        "accept_within_minutes": terms.accept_minutes,
        "accept_unanswered": terms.unanswered,
    }


def _make_room(model: type[Rule] | type[Policy], kept: Sequence[int]) -> None:
    """Switches off what the version does not know, and moves it behind what it knows."""
    model.objects.filter(pk__in=kept).update(
        position=F("pk") + OUT_OF_THE_WAY
    )  # checked when it is committed
    others: list[Rule | Policy] = [*model.objects.exclude(pk__in=kept).order_by("position", "pk")]
    for place, row in enumerate(others, len(kept) + 1):
        row.position, row.is_active = place, False
        row.save(update_fields=["position", "is_active"])


def _restore_territories(rows: Sequence[Mapping[str, Any]], people: _People, found: Restored) -> None:
    ids = [row["id"] for row in rows]
    Territory.objects.exclude(pk__in=ids).update(is_active=False)
    names = {row["name"]: row["id"] for row in rows}
    for territory in Territory.objects.filter(name__in=names):
        if names[territory.name] != territory.pk:
            territory.name = f"{territory.name} ({territory.pk})"[:120]
            territory.save(update_fields=["name"])
    for row in rows:
        Territory.objects.update_or_create(
            pk=row["id"], defaults={"name": row["name"], "condition": row["condition"], "is_active": True}
        )
    for row in rows:
        parent = row["parent_id"] if row["parent_id"] in ids else None
        Territory.objects.filter(pk=row["id"]).update(parent=parent)
        _restore_coverage(row, people, found)
    _advance_ids(Territory)


def _restore_coverage(row: Mapping[str, Any], people: _People, found: Restored) -> None:
    Coverage.objects.filter(territory=row["id"]).delete()
    usable = [cover for cover in row["coverage"] if people.are_there(cover)]
    if len(usable) < len(row["coverage"]):
        found.left_out.append(f"Territory “{row['name']}” was covered by somebody who is gone.")
    Coverage.objects.bulk_create(
        Coverage(
            territory_id=row["id"],
            team_id=cover["team_id"],
            rep_id=cover["rep_id"],
            starts_on=_day(cover["starts_on"]),
            ends_on=_day(cover["ends_on"]),
        )
        for cover in usable
    )


def _advance_ids(model: type[Model]) -> None:
    """Rows made under old ids must not meet the next new one."""
    newest = model._default_manager.aggregate(newest=Max("pk"))["newest"]
    if newest is None:
        return
    with connection.cursor() as cursor:
        table = model._meta.db_table
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), greatest(%s, nextval(pg_get_serial_sequence(%s, 'id'))))",
            [table, newest, table],
        )


def _day(text: str | None) -> datetime.date | None:
    return None if text is None else datetime.date.fromisoformat(text)


def _moment(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text)
