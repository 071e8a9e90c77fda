"""Who owns what. The only code that writes `Opportunity.owner`, `Assignment` and a rep's load.

Locking: the opportunity's row first, then the rows of all reps concerned in rising order of id. Whoever changes
ownership or openness holds those locks until the commit, so that `load = open opportunities owned` is true in every
committed state, and two assignments never both win.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Model, Value
from django.db.models.functions import Greatest

from crm.models import Assignment, ImportRun, Opportunity
from reps.models import Rep, RoleTemplate, User
from reps.queries.prepared import ask_all
from reps.services.inserts import Beside, insert


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


def _columns(model: type[Model], names: str) -> list[str]:
    """The given columns in the order in which `from_db` wants them."""
    wanted = set(names.split())
    return [field.attname for field in model._meta.concrete_fields if field.attname in wanted]


LOCKED_WITH = _columns(
    Rep,
    "id name email external_id team_id left_at load pending pipeline_value pending_value turn_finish turn_weight "
    "role_template_id own_max_open own_max_new_per_week own_max_new_per_day own_max_pipeline_value",
)
TEMPLATE_WITH = _columns(RoleTemplate, "id name max_open max_new_per_week max_new_per_day max_pipeline_value")
LOCK_REP = f"""
SELECT {", ".join(f"r.{name}" for name in LOCKED_WITH)}, {", ".join(f"t.{name}" for name in TEMPLATE_WITH)}
FROM reps_rep r JOIN reps_roletemplate t ON t.id = r.role_template_id WHERE r.id = %s
FOR NO KEY UPDATE OF r
"""

LOCK_REPS = LOCK_REP.replace("r.id = %s", "r.id = ANY(%s) ORDER BY r.id")
READ_REPS = LOCK_REPS.replace("FOR NO KEY UPDATE OF r", "")  # the same, for who locks them later


def locked_rep(row: tuple[Any, ...]) -> Rep:
    """The rep of an answer to LOCK_REP, with the limits; the rest of the profile is read when it is asked for."""
    alias = connection.alias
    rep = Rep.from_db(alias, LOCKED_WITH, row[: len(LOCKED_WITH)])
    rep.role_template = RoleTemplate.from_db(alias, TEMPLATE_WITH, row[len(LOCKED_WITH) :])
    return rep


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
    assignment = new_assignment(
        opportunity=opportunity, rep=rep, source=source, at=at, by=by, import_run=import_run, exempt=exempt,
        reason=reason, limits=limits,
    )  # fmt: skip
    insert(assignment, beside=owner_written(opportunity))
    return assignment


def new_assignment(
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
    """What `assign` does but for the writing of it: ends the present assignment and gives the new one, not stored yet.
    Whoever stores it writes `owner_written` beside it."""
    _refuse_impossible(opportunity, rep)
    _end_assignment(opportunity, at)
    opportunity.owner = rep
    opportunity.assigned_at = opportunity.routing_since = at
    opportunity.first_touch_at = None
    opportunity.routing = Opportunity.Routing.ASSIGNED
    return Assignment(
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


OWNER = (
    "given AS (UPDATE crm_opportunity SET owner_id = %s, assigned_at = %s, first_touch_at = NULL,"
    " routing = 'assigned', routing_since = %s WHERE id = %s)",
    "loaded AS (UPDATE reps_rep SET load = load + 1, pipeline_value = pipeline_value + %s,"
    " turn_finish = coalesce(%s, turn_finish), turns_taken = turns_taken + %s WHERE id = %s)",
)


def owner_written(opportunity: Opportunity, *, turn_finish: float | None = None) -> Beside:
    """What writes the owner whom `new_assignment` gave it, and the owner's load; with the tag of the owner's turn,
    where one was taken. One that is not stored yet is stored with its owner."""
    at, rep_id = opportunity.assigned_at, opportunity.owner_id
    loaded = (opportunity.value_base or Decimal(0), turn_finish, int(turn_finish is not None), rep_id)
    if opportunity._state.adding:
        return Beside(OWNER[1:], loaded)
    return Beside(OWNER, (rep_id, at, at, opportunity.pk, *loaded))


GIVEN = """
UPDATE crm_opportunity o SET owner_id = g.rep_id, assigned_at = g.at, first_touch_at = NULL, routing = 'assigned',
    routing_since = g.at
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS g (id, rep_id, at) WHERE o.id = g.id
"""
LOADED = """
UPDATE reps_rep r SET load = r.load + l.count, pipeline_value = r.pipeline_value + l.value
FROM unnest(%s::bigint[], %s::int[], %s::numeric[]) AS l (id, count, value) WHERE r.id = l.id
"""


def owners_written(opportunities: Sequence[Opportunity]) -> list[tuple[str, list[list[Any]]]]:
    """The same for many that nobody owned before: statements, each with its parameters."""
    given = [(one.pk, one.owner_id or 0, one.assigned_at) for one in opportunities]
    return _statements(given, [(one.owner_id, 1, one.value_base) for one in opportunities])


def _statements(
    given: Sequence[tuple[int, int, datetime.datetime | None]],
    moved: Iterable[tuple[int | None, int, Decimal | None]],
) -> list[tuple[str, list[list[Any]]]]:
    """(opportunity, rep, moment) that are given, and (rep, by how many, value of one) of the loads that change."""
    loads: Counter[int] = Counter()
    values: dict[int, Decimal] = defaultdict(Decimal)
    for rep_id, count, value in moved:
        if rep_id is not None:
            loads[rep_id] += count
            values[rep_id] += count * (value or Decimal(0))
    reps = sorted(loads)
    return [
        (GIVEN, [list(column) for column in zip(*given, strict=True)]),
        (LOADED, [reps, [loads[rep] for rep in reps], [values[rep] for rep in reps]]),
    ]


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
    """What `assign` does, for many by a person: opportunity → rep, in a fixed number of statements. All rows must be
    locked by the caller's transaction. Raises OwnershipError, then nothing is written."""
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
    if opportunities:
        given = [(one.pk, to[one.pk].pk, at) for one in opportunities]
        gone = [(one.owner_id, -1, one.value_base) for one in opportunities]
        come = [(to[one.pk].pk, 1, one.value_base) for one in opportunities]
        ask_all(*_statements(given, [*gone, *come]))
    return made


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
    if opportunity.owner_id is None:
        return  # nothing to end, in every committed state
    current = opportunity.assignments.filter(ended_at__isnull=True).first()
    if current is not None:
        current.ended_at = max(at, current.assigned_at)
        current.save(update_fields=["ended_at"])
    if opportunity.is_open:
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


@contextmanager
def many_at_once() -> Iterator[None]:
    """For writing many opportunities in one transaction, which locks all reps at its end: what follows an opportunity
    by triggers locks no rep meanwhile, and is counted by the sweep."""
    with connection.cursor() as cursor:
        cursor.execute(SET_MANY, ["on"])
        yield
        cursor.execute(SET_MANY, ["off"])


SET_MANY = (
    "SELECT set_config('crm.many', %s, true)"  # read by a trigger of routing.0025; local to the transaction
)


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
