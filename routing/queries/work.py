"""What a rep sees: what is new, what is open, why it is theirs."""

import datetime
from dataclasses import dataclass

from django.db.models import QuerySet

from crm.models import Assignment, Opportunity
from reps.models import Absence, Rep, User
from reps.queries.people import not_over
from routing.engine.explain import Names, headline
from routing.engine.facts import OpportunityFacts
from routing.models import Decision, Notification
from routing.queries.configuration import compiled
from routing.queries.names import load_names

SHOWN = 50


@dataclass(frozen=True)
class WorkItem:
    """An open opportunity of a rep: why it is his, and the first touch that is due (None where no policy asks)."""

    opportunity: Opportunity
    why: str
    due_at: datetime.datetime | None

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
    """The first page of a rep's work; a fixed number of queries."""
    untouched = open_work(rep).filter(first_touch_at__isnull=True).order_by("-assigned_at", "-pk")[:SHOWN]
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
    names = load_names(decisions.values())
    found = []
    for opportunity in opportunities:
        decision, assignment = decisions.get(opportunity.pk), assignments.get(opportunity.pk)
        why = _why_mine(decision, assignment, rep, names)
        found.append(WorkItem(opportunity, why, _due_at(opportunity, decision)))
    return found


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
