"""Rows of activities → calls, emails and meetings of opportunities, and the first touches that they make."""

import datetime
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from crm.engine.imports.columns import Values
from crm.models import Activity, ActivityKey, Opportunity
from crm.services.imports.opportunities import OpportunityPlan
from crm.services.imports.plans import Ambiguous, Tally, World, change, chunks
from crm.services.imports.records import Seen, refuse, repeats, rows_of

# The owner's first call, email or meeting since assigned, as crm.services.activities keeps it one by one.
FIRST_TOUCH = """
UPDATE crm_opportunity o SET first_touch_at = t.first
FROM (
    SELECT a.opportunity_id, min(a.happened_at) AS first
    FROM crm_activity a JOIN crm_opportunity p ON p.id = a.opportunity_id
    WHERE a.opportunity_id = ANY(%s) AND a.rep_id = p.owner_id AND a.happened_at >= p.assigned_at
    GROUP BY a.opportunity_id
) t
WHERE t.opportunity_id = o.id AND (o.first_touch_at IS NULL OR t.first < o.first_touch_at)
"""


@dataclass
class ActivityPlan:
    """`of`: what each activity is about, a stored opportunity's id or (plan, place) of one that the run adds."""

    new: list[Activity] = field(default_factory=list)
    changed: list[Activity] = field(default_factory=list)
    of: dict[int, tuple[OpportunityPlan, int] | int] = field(
        default_factory=dict
    )  # by identity of the activity


def plan_activities(
    values: Values, world: World, tally: Tally, opportunities: list[OpportunityPlan]
) -> ActivityPlan:
    plan, seen = ActivityPlan(), Seen()
    targets = _targets(values, opportunities)
    stored = _stored(values)
    archived = _known(values) - stored.keys()
    for place, row in rows_of(values):
        if repeats(values, place, row, seen, ("external_id",)):
            continue
        about = targets.get(row.pop("opportunity"))
        if about is None:
            refuse(values, place, "opportunity", "is no opportunity here or in the files")
            continue
        if row["happened_at"] > world.at + datetime.timedelta(days=1):
            refuse(values, place, "happened_at", "lies in the future")
            continue
        if row.get("external_id") in archived:
            refuse(values, place, "external_id", "is of an activity that is in the archive")
            continue
        if not _by_rep(values, world, place, row):
            continue
        _settle(plan, tally, stored.get(row.get("external_id")), row, about)
    return plan


def _targets(values: Values, plans: list[OpportunityPlan]) -> dict[str, tuple[OpportunityPlan, int] | int]:
    named = {text for text in values.frame["opportunity"] if text} if "opportunity" in values.frame else set()
    found: dict[str, tuple[OpportunityPlan, int] | int] = {}
    for chunk in chunks(sorted(named), 50_000):
        stored = Opportunity.objects.filter(external_id__in=chunk).values_list("external_id", "pk")
        found |= {text: pk for text, pk in stored if text}
    for plan in plans:
        found |= {plan.external_ids[place]: (plan, place) for place in plan.new if plan.external_ids[place]}
    return found


def _ids(values: Values) -> list[str]:
    if "external_id" not in values.frame:
        return []
    return sorted({text for text in values.frame["external_id"] if text})


def _known(values: Values) -> set[str | None]:
    """External ids that were given once, whether the activity is here or in the archive."""
    found: set[str | None] = set()
    for chunk in chunks(_ids(values), 50_000):
        found |= set(ActivityKey.objects.filter(pk__in=chunk).values_list("pk", flat=True))
    return found


def _stored(values: Values) -> dict[str | None, Activity]:
    found: dict[str | None, Activity] = {}
    for chunk in chunks(_ids(values), 50_000):
        found |= {record.external_id: record for record in Activity.objects.filter(external_id__in=chunk)}
    return found


def _by_rep(values: Values, world: World, place: int, row: dict[str, Any]) -> bool:
    text = row.pop("rep", None)
    if not text:
        return True
    try:
        row["rep"] = world.rep(text)
    except Ambiguous as reason:
        refuse(values, place, "rep", str(reason))
        return False
    if row["rep"] is None:
        refuse(values, place, "rep", "is no rep here")
    return row["rep"] is not None


def _settle(
    plan: ActivityPlan,
    tally: Tally,
    known: Activity | None,
    row: dict[str, Any],
    about: tuple[OpportunityPlan, int] | int,
) -> None:
    activity = known or Activity()
    plan.of[id(activity)] = about
    if known is None:
        change(activity, row)
        plan.new.append(activity)
        tally.created += 1
        return
    changed = change(activity, {name: value for name, value in row.items() if name != "rep"})
    if row.get("rep") is not None and activity.rep_id != row["rep"].pk:
        activity.rep, changed = row["rep"], True
    if changed:
        plan.changed.append(activity)
        tally.updated += 1
    else:
        tally.unchanged += 1


def write_activities(plan: ActivityPlan) -> int:
    for activity in plan.new:
        about = plan.of[id(activity)]
        activity.opportunity_id = about if isinstance(about, int) else about[0].ids[about[1]]
    for chunk in chunks(plan.new):
        Activity.objects.bulk_create(chunk)
    for chunk in chunks(plan.changed, 1_000):
        Activity.objects.bulk_update(chunk, ["kind", "happened_at", "note", "rep"])
    touched = sorted({activity.opportunity_id for activity in [*plan.new, *plan.changed]})
    with connection.cursor() as cursor:
        for ids in chunks(touched, 50_000):
            cursor.execute(FIRST_TOUCH, [list(ids)])
    return len(plan.new) + len(plan.changed)
