"""What is told of changes to those outside: what happened to which opportunity, who did it, and why in words.

A number of queries that does not grow with the changes.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import OuterRef, QuerySet, Subquery

from crm.models import Assignment, Opportunity
from reps.models import Rep
from routing.engine.explain import Names
from routing.models import Change, Decision, QueueItem
from routing.queries.answers import decision_reason
from routing.queries.names import load_names

# Decisions after which an opportunity waits for a person. After others it was a person who let it wait.
WAITS = {
    Decision.Outcome.HOLD,
    Decision.Outcome.MANAGER,
    Decision.Outcome.SHADOW,
    Decision.Outcome.UNTOUCHED,
}


@dataclass(frozen=True)
class _Context:
    """What a page of changes refers to."""

    assignments: Mapping[int, Assignment]
    decisions: Mapping[int, Decision]
    names: Names
    decided: Mapping[int, QueueItem]


@dataclass(frozen=True)
class _Story:
    """`kind`: automation, person, import; other where it came from outside the product or nobody knows."""

    kind: str
    name: str
    reason: str
    decision: Decision | None


def changes_after(number: int, *, last: int, events: Collection[str], most: int) -> list[Change]:
    """The next numbered ones in order, with what they name."""
    found = Change.objects.filter(number__gt=number, number__lte=last).order_by("number")
    if events:
        found = found.filter(event__in=events)
    return list(found.select_related("opportunity", "from_rep", "to_rep")[:most])


def told(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Each as the API and webhooks tell it, as plain JSON values."""
    assignments = _assignments(changes)
    decisions = _decisions(changes, assignments)
    context = _Context(
        assignments,
        decisions,
        load_names({d.pk: d for d in decisions.values()}.values()),
        _decided(decisions),
    )
    rows = [_told(change, context) for change in changes]
    plain: list[dict[str, Any]] = json.loads(json.dumps(rows, cls=DjangoJSONEncoder))
    return plain


def _assignments(changes: Sequence[Change]) -> dict[int, Assignment]:
    ids = {change.assignment_id for change in changes if change.assignment_id}
    return Assignment.objects.select_related("assigned_by").in_bulk(ids)


def _decisions(changes: Sequence[Change], assignments: dict[int, Assignment]) -> dict[int, Decision]:
    """By change: the one that made the assignment, else the newest one that the opportunity had by then."""
    ids = [change.pk for change in changes]
    made_by_then: QuerySet[Decision] = Decision.objects.filter(
        opportunity=OuterRef("opportunity_id"), made_at__lte=OuterRef("at")
    ).order_by("-id")
    newest = dict(
        Change.objects.filter(pk__in=ids)
        .annotate(decision=Subquery(made_by_then.values("pk")[:1]))
        .values_list("pk", "decision")
    )
    by_assignment = dict(
        Decision.objects.filter(assignment__in=list(assignments)).values_list("assignment_id", "pk")
    )
    wanted = {
        change.pk: by_assignment.get(change.assignment_id or 0) or newest.get(change.pk) for change in changes
    }
    # Without what a replay needs and nobody is told.
    found = Decision.objects.defer("state", "columns").in_bulk({pk for pk in wanted.values() if pk})
    by_change = {change.pk: change for change in changes}
    told_of = {}
    for pk, decision_id in wanted.items():
        opportunity = by_change[pk].opportunity
        if decision_id is not None and opportunity is not None:
            told_of[pk] = found[decision_id]
            told_of[pk].opportunity = opportunity  # known already
    return told_of


def _decided(decisions: Mapping[int, Decision]) -> dict[int, QueueItem]:
    """By decision: the item of the queue that a person has decided last."""
    items = QueueItem.objects.filter(
        decision__in={d.pk for d in decisions.values()}, resolved_by__isnull=False
    ).select_related("resolved_by")
    return {item.decision_id: item for item in items.order_by("resolved_at", "pk")}


def _told(change: Change, context: _Context) -> dict[str, Any]:
    story = _story(change, context)
    found = story.decision
    fits = found is not None and found.rep_id is not None and found.rep_id == change.to_rep_id
    return {
        "number": change.number,
        "event": change.event,
        "at": change.at,
        "opportunity": _opportunity(change),
        "from": _rep(change.from_rep),
        "to": _rep(change.to_rep),
        "by": {"kind": story.kind, "name": story.name},
        "reason": story.reason,
        "policy": found.policy_name if found else "",
        "match_score": round(found.score, 1) if fits and found and found.score is not None else None,
        "decision": found.pk if found else None,
    }


def _story(change: Change, context: _Context) -> _Story:
    """Who did it and why; the decision only where it says so."""
    decision = context.decisions.get(change.pk)
    if change.event == Change.Event.HELD and decision is not None:
        if decision.outcome in WAITS:
            return _Story("automation", "", decision_reason(decision, context.names), decision)
        item = context.decided.get(decision.pk)
        if item is not None and item.resolved_by is not None:
            note = f": {item.note}" if item.note else ""
            return _Story("person", item.resolved_by.name, f"{item.get_state_display()}{note}", None)
    assignment = context.assignments.get(change.assignment_id or 0)
    if assignment is None:
        return _Story("other", "", "", None)
    fitting = decision if decision is not None and decision.rep_id == change.to_rep_id else None
    why = decision_reason(fitting, context.names) if fitting is not None else ""
    if assignment.source == Assignment.Source.AUTOMATION:
        return _Story(assignment.source, "", why or assignment.reason, fitting)
    person = assignment.assigned_by
    return _Story(assignment.source, person.name if person else "", assignment.reason or why, fitting)


def _opportunity(change: Change) -> dict[str, Any]:
    found: Opportunity | None = change.opportunity
    if found is None:  # deleted since
        return {"id": change.opportunity_id, "external_id": None, "name": "", "kind": "", "stage": "deleted"}
    return {
        "id": found.pk,
        "external_id": found.external_id,
        "name": found.name,
        "kind": found.kind,
        "stage": found.stage,
    }


def _rep(rep: Rep | None) -> dict[str, Any] | None:
    if rep is None:
        return None
    return {"id": rep.pk, "external_id": rep.external_id, "name": rep.name, "email": rep.email}
