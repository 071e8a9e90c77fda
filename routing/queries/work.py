"""What a rep sees: what is new, what is open, why it is theirs."""

import datetime
from dataclasses import dataclass

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Least

from crm.models import Assignment, Opportunity
from reps.models import Absence, Rep, User
from reps.queries.people import not_over
from routing.engine.explain import Names, headline
from routing.engine.facts import OpportunityFacts
from routing.models import Decision, FirstTouchClock, Notification
from routing.queries.clocks import asks_for_answer, clocks_that_run, running_clocks
from routing.queries.configuration import compiled
from routing.queries.names import load_names

SHOWN = 50


@dataclass(frozen=True)
class WorkItem:
    """An open opportunity of a rep: why it is his, the first touch that is due (None where no policy asks, and while
    the clock stands still), and the clock where more than a target is asked."""

    opportunity: Opportunity
    why: str
    due_at: datetime.datetime | None
    clock: FirstTouchClock | None = None

    @property
    def asks(self) -> bool:
        """Whether the rep is still to accept it."""
        return self.clock is not None and asks_for_answer(self.clock)

    @property
    def is_touched(self) -> bool:
        return self.opportunity.first_touch_at is not None


def rep_of(user: User) -> Rep | None:
    """The rep that a user is, with team and limits at hand."""
    return Rep.objects.select_related("team", "role_template").filter(user=user).first()


def unread_notifications(user: User) -> list[Notification]:
    """The newest that the user has not marked as read."""
    return list(Notification.objects.filter(user=user, read_at__isnull=True)[:20])


def open_work(rep: Rep) -> QuerySet[Opportunity]:
    """The open opportunities of a rep, with what a page names of them."""
    return Opportunity.objects.filter(owner=rep, stage=Opportunity.Stage.OPEN).select_related(
        "account", "contact", "product"
    )


def work_items(rep: Rep) -> list[WorkItem]:
    """The first page of a rep's work, what is due first on top; a fixed number of queries."""
    untouched = _untouched(rep)
    touched = open_work(rep).filter(first_touch_at__isnull=False).order_by("-first_touch_at", "-pk")[:SHOWN]
    opportunities = [*untouched, *touched]
    assignments = {
        a.opportunity_id: a
        for a in Assignment.objects.filter(
            opportunity__in=opportunities, ended_at__isnull=True
        ).select_related("assigned_by")
    }
    decisions = {
        d.opportunity_id: d
        for d in Decision.objects.filter(opportunity__in=opportunities)
        .defer("state", "columns")
        .order_by("opportunity_id", "-id")
        .distinct("opportunity_id")
    }
    names, clocks = load_names(decisions.values()), clocks_that_run(untouched)
    found = []
    for opportunity in opportunities:
        decision, assignment = decisions.get(opportunity.pk), assignments.get(opportunity.pk)
        why, clock = _why_mine(decision, assignment, rep, names), clocks.get(opportunity.pk)
        due = _due_at(opportunity, decision) if clock is None else clock.due_at
        found.append(WorkItem(opportunity, why, due, clock))
    return sorted(found, key=_most_pressing)


def _untouched(rep: Rep) -> list[Opportunity]:
    """What has a clock first, by when it is due, then the newest."""
    running = running_clocks().filter(opportunity=OuterRef("pk"), assignment__ended_at__isnull=True)
    first = Least(Subquery(running.values("due_at")[:1]), Subquery(running.values("accept_by")[:1]))
    found = open_work(rep).filter(first_touch_at__isnull=True).annotate(due=first)
    return list(found.order_by(F("due").asc(nulls_last=True), "-assigned_at", "-pk")[:SHOWN])


def _most_pressing(item: WorkItem) -> tuple[int, float]:
    """What is due first on top, then what nobody measures, then what is touched; each in its order."""
    answer = item.clock.accept_by if item.clock is not None and item.asks else None
    moments = [moment.timestamp() for moment in (item.due_at, answer) if moment is not None]
    return (2, 0.0) if item.is_touched else (0, min(moments)) if moments else (1, 0.0)


def _why_mine(decision: Decision | None, assignment: Assignment | None, rep: Rep, names: Names) -> str:
    """ "Yours because you …", from the decision if it named this rep, else from the person who gave it."""
    acted = decision is not None and decision.outcome != Decision.Outcome.SHADOW
    if decision is not None and acted and decision.rep_id == rep.pk:
        facts = OpportunityFacts.from_json(decision.facts)
        reason = headline(facts, decision.via, decision.trace, names)
        return f"Why you: {reason}."
    if assignment is not None and assignment.assigned_by is not None:
        return f"{assignment.assigned_by.name} gave it to you."
    if assignment is not None and assignment.source == Assignment.Source.IMPORT:
        return "It came with an import."
    return "It was assigned to you."


def _due_at(opportunity: Opportunity, decision: Decision | None) -> datetime.datetime | None:
    """When the first touch is due: the target of the policy that decided, from the assignment on."""
    if decision is None or opportunity.assigned_at is None or opportunity.first_touch_at is not None:
        return None
    policies = compiled(decision.configuration_id).policies
    target = next((p.first_touch_target_minutes for p in policies if p.name == decision.policy_name), None)
    return None if target is None else opportunity.assigned_at + datetime.timedelta(minutes=target)


def time_off(rep: Rep, at: datetime.datetime) -> list[Absence]:
    """The absences of a rep that are not over, those that hold now first."""
    return list(rep.absences.filter(not_over(at)).select_related("covering").order_by("starts_at", "pk")[:20])


def current_absence(rep: Rep, at: datetime.datetime) -> Absence | None:
    """The absence that holds now, else the next one."""
    return next(iter(time_off(rep, at)), None)
