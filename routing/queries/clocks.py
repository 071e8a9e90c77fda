"""First-touch clocks as they stand, and when the reps whom they run for work."""

import datetime
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.db.models import Q, QuerySet

from crm.models import Assignment, Opportunity
from reps.models import Absence, Rep, User
from reps.queries.holidays import DaysOff
from reps.queries.people import not_over
from routing.engine.clock import HORIZON_DAYS, REROUTE, Away, Terms, WorkingCalendar
from routing.engine.configuration import Policy
from routing.models import FirstTouchClock
from routing.queries.configuration import compiled

DAY = datetime.timedelta(days=1)
State = FirstTouchClock.State


def policy_of(configuration_id: int, name: str) -> Policy | None:
    """The policy that a decision names, as it was published then."""
    return next((one for one in compiled(configuration_id).policies if one.name == name), None)


def load_calendars(rep_ids: Collection[int], since: datetime.datetime) -> dict[int, WorkingCalendar]:
    """When these reps work and are away from `since` on; three queries, whatever their number."""
    reps = list(Rep.objects.filter(pk__in=rep_ids))
    away: dict[int, list[Away]] = defaultdict(list)
    for absence in Absence.objects.filter(not_over(since), rep__in=rep_ids):
        away[absence.rep_id].append((absence.starts_at, absence.ends_at))
    off = DaysOff(since.date() - 2 * DAY, since.date() + HORIZON_DAYS * DAY)
    return {
        rep.pk: WorkingCalendar(rep.zone, rep.working_hours, off.of(rep), tuple(away[rep.pk])) for rep in reps
    }


def running_clocks() -> QuerySet[FirstTouchClock]:
    return FirstTouchClock.objects.filter(state=State.RUNNING)


def clocks_that_run(opportunities: Iterable[Opportunity]) -> dict[int, FirstTouchClock]:
    """Opportunity → the clock of its present assignment; one query."""
    found = running_clocks().filter(opportunity__in=list(opportunities), assignment__ended_at__isnull=True)
    return {clock.opportunity_id: clock for clock in found}


def clock_of(opportunity: Opportunity) -> FirstTouchClock | None:
    """The clock that runs for an open opportunity which nobody has touched."""
    if opportunity.owner_id is None or opportunity.first_touch_at is not None or not opportunity.is_open:
        return None
    return clocks_that_run([opportunity]).get(opportunity.pk)


def asks_for_answer(clock: FirstTouchClock) -> bool:
    """Whether the rep is still to say yes or no."""
    terms = Terms(**clock.terms)
    return terms.accept_minutes is not None and clock.accepted_at is None and clock.state == State.RUNNING


def late_touches(rep_ids: Sequence[int], now: datetime.datetime) -> Counter[int]:
    """Rep → how many first touches are late; one query."""
    late = running_clocks().filter(
        due_at__lte=now,
        assignment__rep__in=rep_ids,
        assignment__ended_at__isnull=True,
        opportunity__stage=Opportunity.Stage.OPEN,
        opportunity__first_touch_at__isnull=True,
    )
    return Counter(late.values_list("assignment__rep_id", flat=True))


# --- what the sweep has to do --------------------------------------------------------------------------------------


def to_remind(at: datetime.datetime) -> QuerySet[FirstTouchClock]:
    """Not those that are late already: a reminder that comes after the target tells nobody anything."""
    return (
        running_clocks().filter(reminded_at__isnull=True, remind_at__lte=at, due_at__gt=at).order_by("due_at")
    )


def to_escalate(at: datetime.datetime) -> QuerySet[FirstTouchClock]:
    missed = running_clocks().filter(escalated_at__isnull=True, due_at__lte=at, terms__escalates=True)
    return missed.order_by("due_at", "pk")


def unanswered(at: datetime.datetime) -> QuerySet[FirstTouchClock]:
    """Those of which the managers are to be told that nobody has answered; those to be re-routed are `to_reroute`."""
    silent = running_clocks().filter(accepted_at__isnull=True, unanswered_at__isnull=True, accept_by__lte=at)
    stays = (
        ~Q(terms__contains={"unanswered": REROUTE}) | Q(may_reroute=False) | Q(opportunity__is_locked=True)
    )
    return silent.filter(stays).order_by("accept_by", "pk")


def to_reroute(at: datetime.datetime) -> QuerySet[FirstTouchClock]:
    """What automation gave and may take away, and nobody touched or answered in time; the longest overdue first."""
    silent = Q(accept_by__lte=at, accepted_at__isnull=True, terms__contains={"unanswered": REROUTE})
    missed = Q(reroute_at__lte=at)
    free = running_clocks().filter(may_reroute=True, opportunity__is_locked=False)
    return free.filter(silent | missed).order_by("due_at", "pk")


def had_by(user: User, opportunity_id: int) -> bool:
    """Whether the user is a rep who had the opportunity once."""
    return Assignment.objects.filter(opportunity=opportunity_id, rep__user=user).exists()
