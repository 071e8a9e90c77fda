"""Territories of the draft: written from a table (all of it or nothing, and only what was shown before), or one by one
with their coverage."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import connection, transaction
from django.db.models import Q

from crm.queries.condition_words import condition_problem
from reps.models import Rep, Team, User
from reps.services.edits import lock_unchanged, set_active
from routing.queries.territories import is_circular
from routing.queries.territory_import import Plan, Planned, cover_of, plan_import
from territories.models import Coverage, Territory


class NotAsShown(Exception):
    """The import would do something else than what was confirmed, or cannot be done; `plan` says what."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("Territories have changed meanwhile. Please look again.")
        self.plan = plan


@transaction.atomic
def import_territories(
    *, content: bytes, switch_off_missing: bool, digest: str, at: datetime.datetime
) -> Plan:
    """Does what the plan with this digest says. Raises NotAsShown, and Unreadable for what is no such table."""
    with connection.cursor() as cursor:  # others read on; who writes waits, so that the plan stays true
        cursor.execute("LOCK TABLE territories_territory, territories_coverage IN SHARE ROW EXCLUSIVE MODE")
    plan = plan_import(content, switch_off_missing=switch_off_missing)
    if plan.problems or plan.digest != digest:
        raise NotAsShown(plan)
    found = Territory.objects.in_bulk([one.key for one in plan.changed])
    _free_names(plan, found)
    made = Territory.objects.bulk_create(
        Territory(name=one.name, condition=one.condition, is_active=one.is_active) for one in plan.added
    )
    written = found | {one.key: record for one, record in zip(plan.added, made, strict=True)}
    _settle(plan, written, at)
    Territory.objects.filter(pk__in=plan.missing).update(is_active=False, updated_at=at)
    return plan


def _free_names(plan: Plan, found: dict[int, Territory]) -> None:
    """Names may change places; each is unique at every moment."""
    renamed = [found[int(one.key)] for one in plan.changed if one.name != found[int(one.key)].name]
    for territory in renamed:
        territory.name = f"territory {territory.pk} being renamed"
    Territory.objects.bulk_update(renamed, ["name"])


def _settle(plan: Plan, written: dict[int | str, Territory], at: datetime.datetime) -> None:
    both = (*plan.added, *plan.changed)
    for one in both:
        record = written[one.key]
        record.name, record.condition, record.is_active = one.name, one.condition, one.is_active
        record.updated_at = at
        record.parent_id = written[one.parent].pk if isinstance(one.parent, str) else one.parent
    records = [written[one.key] for one in both]
    Territory.objects.bulk_update(records, ["name", "condition", "is_active", "parent", "updated_at"])
    covered = [one for one in both if one.is_new or any(c.startswith("coverage:") for c in one.changes)]
    Coverage.objects.filter(territory__in=[written[one.key] for one in covered]).delete()
    Coverage.objects.bulk_create(cover for one in covered for cover in _coverage(one, written[one.key]))


def _coverage(one: Planned, territory: Territory) -> list[Coverage]:
    return [
        Coverage(territory=territory, team_id=team, rep_id=rep, starts_on=start, ends_on=end)
        for team, rep, start, end in one.coverage
    ]


# --- one by one ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cover:
    """A team or a rep, from a day to a day, both inclusive; None is open."""

    team: Team | None = None
    rep: Rep | None = None
    starts_on: datetime.date | None = None
    ends_on: datetime.date | None = None

    def __str__(self) -> str:
        return str(self.team or self.rep)

    def meets(self, other: "Cover") -> bool:
        """Whether both say the same person or team for the same day."""
        first, last = datetime.date.min, datetime.date.max
        return (self.team, self.rep) == (other.team, other.rep) and (
            max(self.starts_on or first, other.starts_on or first)
            <= min(self.ends_on or last, other.ends_on or last)
        )


def refusals(territory: Territory, covers: Sequence[Cover]) -> dict[str, str]:
    """Why the territory cannot be, by field; nothing where it can."""
    found: dict[str, str] = {}
    if Territory.objects.filter(name__iexact=territory.name).exclude(pk=territory.pk).exists():
        found["name"] = "There is a territory of this name."
    parents = dict(Territory.objects.values_list("pk", "parent_id")) | {territory.pk: territory.parent_id}
    if territory.pk and is_circular(territory.pk, parents):
        found["parent"] = f"{territory.parent} lies inside this territory."
    if problem := condition_problem(territory.condition):
        found["condition"] = problem
    for place, cover in enumerate(covers):
        if any(cover.meets(other) for other in covers[:place]):
            found["coverage"] = f"{cover} is there twice for the same days."
    return found


@transaction.atomic
def save_territory(
    *, territory: Territory, covers: Sequence[Cover], seen: datetime.datetime | None = None, by: User
) -> Territory:
    """Create or change a territory with its coverage. Raises ValidationError by field, and EditConflict."""
    with connection.cursor() as cursor:  # two who nest territories in each other at once would close a circle
        cursor.execute("LOCK TABLE territories_territory IN SHARE ROW EXCLUSIVE MODE")
    if territory.pk:
        lock_unchanged(territory, seen=seen)
    if wrong := refusals(territory, covers):
        raise ValidationError(
            {NON_FIELD_ERRORS if name == "coverage" else name: text for name, text in wrong.items()}
        )
    territory.save()
    _cover(territory, covers)
    return territory


def _cover(territory: Territory, covers: Sequence[Cover]) -> None:
    """Rows that stay keep their order; the page lists them by it."""
    stored = {cover_of(one): one for one in territory.coverage.all()}
    wanted = {
        (c.team.pk if c.team else None, c.rep.pk if c.rep else None, c.starts_on, c.ends_on): c
        for c in covers
    }
    territory.coverage.exclude(pk__in=[one.pk for key, one in stored.items() if key in wanted]).delete()
    Coverage.objects.bulk_create(
        Coverage(territory=territory, team_id=key[0], rep_id=key[1], starts_on=key[2], ends_on=key[3])
        for key in wanted
        if key not in stored
    )


def set_territory_active(*, territory_id: int, active: bool, by: User) -> Territory:
    """Raises ValidationError where a territory that cannot be would be switched on."""
    return set_active(Territory, pk=territory_id, active=active, refusals=lambda one: refusals(one, ()))


@transaction.atomic
def delete_territory(*, territory_id: int, by: User) -> dict[str, Any] | None:
    """Deletes it and returns what `bring_back_territory` restores it from; None where it is gone already.

    Raises ValidationError while others lie inside it.
    """
    territory = Territory.objects.select_for_update().filter(pk=territory_id).first()
    if territory is None:
        return None
    inside = [str(child) for child in territory.children.order_by("name")[:4]]
    if inside:
        names = ", ".join(inside[:3]) + (" and others" if len(inside) > 3 else "")
        raise ValidationError(
            f"{names} {'lies' if len(inside) == 1 else 'lie'} inside {territory}: move or delete that first."
        )
    kept = {
        name: getattr(territory, name)
        for name in ("id", "name", "parent_id", "condition", "is_active", "note")
    }
    days = ("starts_on", "ends_on")
    kept["coverage"] = [
        {"team_id": one.team_id, "rep_id": one.rep_id}
        | {name: getattr(one, name).isoformat() if getattr(one, name) else None for name in days}
        for one in territory.coverage.all()
    ]
    territory.delete()
    return kept


@transaction.atomic
def bring_back_territory(*, kept: dict[str, Any], by: User) -> Territory:
    """Undoes a deletion: the same again under its id. Raises ValidationError."""
    values = {name: value for name, value in kept.items() if name != "coverage"}
    if Territory.objects.filter(Q(pk=values["id"]) | Q(name__iexact=values["name"])).exists():
        raise ValidationError("The territory is back already, or there is another one of this name now.")
    if values["parent_id"] and not Territory.objects.filter(pk=values["parent_id"]).exists():
        raise ValidationError("The territory around it is gone.")
    territory = Territory(**values)
    territory.save(force_insert=True)
    here = {
        Team: set(Team.objects.values_list("pk", flat=True)),
        Rep: set(Rep.objects.values_list("pk", flat=True)),
    }
    Coverage.objects.bulk_create(
        Coverage(territory=territory, **one)
        for one in kept["coverage"]
        if (one["team_id"] is None or one["team_id"] in here[Team])
        and (one["rep_id"] is None or one["rep_id"] in here[Rep])
    )
    return territory
