"""Territories written from a table: all of it or nothing, and only what was shown before."""

import datetime

from django.db import connection, transaction

from routing.queries.territory_import import Plan, Planned, plan_import
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
