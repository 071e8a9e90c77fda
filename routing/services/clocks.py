"""First-touch clocks: started with the assignment, in its transaction; worked out anew, and ended when over."""

import datetime
from collections import defaultdict
from collections.abc import Iterable

from django.db import connection, transaction

from crm.models import Assignment
from routing.engine.clock import Moments, Terms, WorkingCalendar, moments
from routing.engine.configuration import Policy
from routing.models import Decision, FirstTouchClock
from routing.queries.clocks import load_calendars, policy_of, running_clocks

LOCK = 0x636C6B73
MOST = 10_000
MOMENTS = tuple(Moments.__dataclass_fields__)


def new_clocks(assignments: Iterable[tuple[Assignment, Policy | None]]) -> list[FirstTouchClock]:
    """The clocks of new assignments, not stored yet; none where a policy has nothing to do but to measure. Reads
    anything only where a clock runs in working time."""
    due = [(one, policy.name, policy.clock) for one, policy in assignments if policy and policy.clock]
    reps = {assignment.rep_id for assignment, _, terms in due if terms.in_working_hours}
    since = min((assignment.assigned_at for assignment, _, _ in due), default=None)
    calendars = load_calendars(reps, since) if reps and since else {}
    return [
        _new_clock(assignment, name, terms, calendars.get(assignment.rep_id))
        for assignment, name, terms in due
    ]


def _new_clock(
    assignment: Assignment, policy_name: str, terms: Terms, calendar: WorkingCalendar | None
) -> FirstTouchClock:
    """A person's choice is reminded of and escalated, and never taken away by automation; nor is what belongs to
    somebody, unless the policy says so."""
    by_automation = assignment.source == Assignment.Source.AUTOMATION
    return FirstTouchClock(
        assignment=assignment,
        opportunity=assignment.opportunity,
        policy_name=policy_name,
        terms=terms.to_json(),
        in_working_hours=terms.in_working_hours,
        may_reroute=by_automation and (terms.named_accounts or not assignment.exempt),
        **vars(moments(terms, assignment.assigned_at, calendar)),
    )


def start_clocks(assignments: Iterable[Assignment]) -> None:
    """Clocks for what people gave, with the target of the policy that the newest decision on each followed."""
    made = list(assignments)
    newest = Decision.objects.filter(opportunity__in=[one.opportunity_id for one in made])
    named = newest.order_by("opportunity_id", "-id").distinct("opportunity_id")
    policies = {
        opportunity_id: policy_of(configuration_id, name)
        for opportunity_id, configuration_id, name in named.values_list(
            "opportunity_id", "configuration_id", "policy_name"
        )
    }
    clocks = new_clocks((one, policies.get(one.opportunity_id)) for one in made)
    if clocks:
        FirstTouchClock.objects.bulk_create(clocks, batch_size=2_000)


ENDED = """
UPDATE routing_firsttouchclock c
SET state = CASE WHEN a.ended_at IS NULL AND o.first_touch_at IS NOT NULL THEN 'touched' ELSE 'over' END,
    ended_at = coalesce(a.ended_at, o.first_touch_at, o.closed_at, %(at)s)
FROM crm_assignment a, crm_opportunity o
WHERE c.state = 'running' AND a.id = c.assignment_id AND o.id = c.opportunity_id
  AND (a.ended_at IS NOT NULL OR o.first_touch_at IS NOT NULL OR o.stage <> 'open')
"""


@transaction.atomic
def keep_up(*, at: datetime.datetime) -> None:
    """Ends what is over and works out anew what runs in working time; one worker at a time, since both write many rows
    in no particular order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone()[0]:
            end_clocks(at=at)
            work_out_anew()


def end_clocks(*, at: datetime.datetime) -> int:
    """Ends the clocks of what was touched, closed or given to somebody else; returns how many. Whoever acts on a clock
    looks for himself: this only keeps the list of those that run short."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED, {"at": at})
        return cursor.rowcount


def work_out_anew() -> int:
    """Moments of the clocks that run in working time, by the hours, days off and absences as they are now; returns how
    many moved. Those furthest behind first; a few queries."""
    found = running_clocks().filter(in_working_hours=True, assignment__ended_at__isnull=True)
    clocks = list(found.select_related("assignment").order_by("pk")[:MOST])
    if not clocks:
        return 0
    by_rep: dict[int, list[FirstTouchClock]] = defaultdict(list)
    for clock in clocks:
        by_rep[clock.assignment.rep_id].append(clock)
    calendars = load_calendars(by_rep.keys(), min(clock.assignment.assigned_at for clock in clocks))
    moved = [clock for rep_id, ones in by_rep.items() for clock in ones if _moves(clock, calendars[rep_id])]
    FirstTouchClock.objects.bulk_update(moved, MOMENTS, batch_size=500)
    return len(moved)


def _moves(clock: FirstTouchClock, calendar: WorkingCalendar) -> bool:
    """Sets the moments as they would be now, and says whether any is another."""
    now = vars(moments(Terms(**clock.terms), clock.assignment.assigned_at, calendar))
    if all(getattr(clock, name) == now[name] for name in MOMENTS):
        return False
    for name in MOMENTS:
        setattr(clock, name, now[name])
    return True
