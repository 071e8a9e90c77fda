"""Who owns what. The only code that writes `Opportunity.owner`, `Assignment` and a rep's load.

Locking: the opportunity's row first, then the rows of all reps concerned in rising order of id. Whoever changes
ownership or openness holds those locks until the commit, so that `load = open opportunities owned` is true in every
committed state, and two assignments never both win.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from crm.models import Assignment, ImportRun, Opportunity
from reps.models import Rep, User


class OwnershipError(Exception):
    """An assignment that cannot be; the message is for people."""


@dataclass(frozen=True)
class LimitsThen:
    """The rep's numbers just before an assignment by automation, and the limits in force."""

    committed: int
    max_open: int
    week: int
    max_new_per_week: int


def lock_opportunity(opportunity_id: int) -> Opportunity:
    """The opportunity's row, locked. Raises Opportunity.DoesNotExist."""
    return Opportunity.objects.select_for_update(no_key=True).get(pk=opportunity_id)


def lock_opportunities(opportunity_ids: Iterable[int]) -> dict[int, Opportunity]:
    """Many rows, locked in rising order of id. Those that are gone are not in it."""
    rows = Opportunity.objects.filter(pk__in=set(opportunity_ids)).order_by("pk")
    return {row.pk: row for row in rows.select_for_update(no_key=True)}


def lock_reps(rep_ids: Iterable[int | None]) -> dict[int, Rep]:
    """The reps' rows, locked in rising order of id. None is passed over."""
    wanted = {rep_id for rep_id in rep_ids if rep_id is not None}
    reps = (
        Rep.objects.select_related("role_template")
        .filter(pk__in=wanted)
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    )
    return {rep.pk: rep for rep in reps}


@transaction.atomic
def assign(
    *,
    opportunity: Opportunity,
    rep: Rep,
    source: str,
    at: datetime.datetime,
    by: User | None = None,
    import_run: ImportRun | None = None,
    exempt: bool = False,
    reason: str = "",
    limits: LimitsThen | None = None,
) -> Assignment:
    """Makes the rep the owner, ending the present assignment. Both rows must be locked by the caller's transaction.

    Raises OwnershipError where the opportunity is closed, the rep has left, or the rep owns it already.
    """
    _refuse_impossible(opportunity, rep)
    _end_assignment(opportunity, at)
    assignment = Assignment.objects.create(
        opportunity=opportunity,
        rep=rep,
        source=source,
        assigned_by=by,
        import_run=import_run,
        exempt=exempt,
        reason=reason,
        assigned_at=at,
        committed_before=limits.committed if limits else None,
        max_open=limits.max_open if limits else None,
        week_before=limits.week if limits else None,
        max_new_per_week=limits.max_new_per_week if limits else None,
    )
    opportunity.owner = rep
    opportunity.assigned_at = at
    opportunity.first_touch_at = None
    opportunity.routing = Opportunity.Routing.ASSIGNED
    opportunity.routing_since = at
    opportunity.save(update_fields=["owner", "assigned_at", "first_touch_at", "routing", "routing_since"])
    _change_load(rep.pk, +1, opportunity.value_base)
    return assignment


def _refuse_impossible(opportunity: Opportunity, rep: Rep) -> None:
    if not opportunity.is_open:
        raise OwnershipError(f"{opportunity.name} is {opportunity.get_stage_display().lower()}, not open.")
    if not rep.is_active:
        raise OwnershipError(f"{rep.name} has left.")
    if opportunity.owner_id == rep.pk:
        raise OwnershipError(f"{rep.name} owns {opportunity.name} already.")


@transaction.atomic
def assign_each(
    *,
    opportunities: Sequence[Opportunity],
    to: Mapping[int, Rep],
    at: datetime.datetime,
    by: User,
    reason: str = "",
) -> list[Assignment]:
    """What `assign` does, for many by a person: opportunity → rep, in a number of statements that grows with the reps
    only. All rows must be locked by the caller's transaction. Raises OwnershipError, then nothing is written."""
    for opportunity in opportunities:
        _refuse_impossible(opportunity, to[opportunity.pk])
    ids = [opportunity.pk for opportunity in opportunities]
    active = Assignment.objects.filter(opportunity__in=ids, ended_at__isnull=True)
    active.update(ended_at=Greatest(Value(at), F("assigned_at")))
    made = Assignment.objects.bulk_create(
        (
            Assignment(
                opportunity=opportunity,
                rep=to[opportunity.pk],
                source=Assignment.Source.PERSON,
                assigned_by=by,
                reason=reason,
                assigned_at=at,
            )
            for opportunity in opportunities
        ),
        batch_size=5_000,
    )
    _write_owners(opportunities, to, at)
    return made


def _write_owners(opportunities: Sequence[Opportunity], to: Mapping[int, Rep], at: datetime.datetime) -> None:
    given: dict[int, list[int]] = {}
    loads: Counter[int] = Counter()
    values: dict[int, Decimal] = defaultdict(Decimal)
    for opportunity in opportunities:
        rep_id, value = to[opportunity.pk].pk, opportunity.value_base or Decimal(0)
        given.setdefault(rep_id, []).append(opportunity.pk)
        loads[rep_id], values[rep_id] = loads[rep_id] + 1, values[rep_id] + value
        if opportunity.owner_id is not None:
            loads[opportunity.owner_id] -= 1
            values[opportunity.owner_id] -= value
    for rep_id, ids in given.items():
        Opportunity.objects.filter(pk__in=ids).update(
            owner_id=rep_id,
            assigned_at=at,
            first_touch_at=None,
            routing=Opportunity.Routing.ASSIGNED,
            routing_since=at,
        )
    for rep_id in sorted(loads):
        Rep.objects.filter(pk=rep_id).update(
            load=F("load") + loads[rep_id], pipeline_value=F("pipeline_value") + values[rep_id]
        )


@transaction.atomic
def unassign(*, opportunity: Opportunity, at: datetime.datetime) -> None:
    """Takes the owner away; the opportunity waits for a decision again. Rows locked by the caller."""
    if opportunity.owner_id is None:
        return
    _end_assignment(opportunity, at)
    opportunity.owner = None
    opportunity.assigned_at = None
    opportunity.routing = Opportunity.Routing.WAITING if opportunity.is_open else Opportunity.Routing.NONE
    opportunity.routing_since = at
    opportunity.save(update_fields=["owner", "assigned_at", "routing", "routing_since"])


def _end_assignment(opportunity: Opportunity, at: datetime.datetime) -> None:
    current = opportunity.assignments.filter(ended_at__isnull=True).first()
    if current is not None:
        current.ended_at = max(at, current.assigned_at)
        current.save(update_fields=["ended_at"])
    if opportunity.owner_id is not None and opportunity.is_open:
        _change_load(opportunity.owner_id, -1, opportunity.value_base)


def _change_load(rep_id: int, change: int, value: Decimal | None) -> None:
    Rep.objects.filter(pk=rep_id).update(
        load=F("load") + change, pipeline_value=F("pipeline_value") + change * (value or Decimal(0))
    )


def load_changes_with_stage(opportunity: Opportunity, change: int) -> None:
    """An owned opportunity opens (+1) or closes (−1): the owner's load follows. Rows locked by the caller."""
    if opportunity.owner_id is not None:
        _change_load(opportunity.owner_id, change, opportunity.value_base)


def value_changes(opportunity: Opportunity, before: Decimal | None, after: Decimal | None) -> None:
    """The value of an owned, open opportunity changed: the owner's pipeline follows. Rows locked by the caller."""
    if opportunity.owner_id is not None and opportunity.is_open:
        difference = (after or Decimal(0)) - (before or Decimal(0))
        Rep.objects.filter(pk=opportunity.owner_id).update(pipeline_value=F("pipeline_value") + difference)


@transaction.atomic
def recount_loads() -> None:
    """Sets every rep's load and pipeline from the opportunities, after writing many at once. Locks all reps first."""
    list(Rep.objects.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE reps_rep SET load = coalesce(c.n, 0), pipeline_value = coalesce(c.value, 0)
            FROM reps_rep r LEFT JOIN (
                SELECT owner_id, count(*) AS n, coalesce(sum(value_base), 0) AS value
                FROM crm_opportunity WHERE stage = 'open' AND owner_id IS NOT NULL GROUP BY owner_id
            ) c ON c.owner_id = r.id
            WHERE reps_rep.id = r.id
              AND (reps_rep.load, reps_rep.pipeline_value) IS DISTINCT FROM (coalesce(c.n, 0), coalesce(c.value, 0))
            """
        )
