"""The history of an opportunity on one line of time: stages, assignments, decisions, overrides."""

import datetime
from dataclasses import dataclass

from crm.engine.matching.duplicates import SURE
from crm.models import AccountMatch, Assignment, Opportunity
from crm.queries.duplicates import duplicate_history
from routing.engine.explain import TURNED
from routing.queries.shadow import is_blind


@dataclass(frozen=True)
class Event:
    """Something that happened, in words."""

    at: datetime.datetime
    text: str
    note: str = ""


def history_of(opportunity: Opportunity) -> list[Event]:
    """Everything known, the newest first; a fixed number of queries."""
    events = [
        *_stages(opportunity),
        *_assignments(opportunity),
        *_decisions(opportunity),
        *_taken_back(opportunity),
        *_overrides(opportunity),
        *_clocks(opportunity),
        *_duplicates(opportunity),
        *_account_choice(opportunity),
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)


def _stages(opportunity: Opportunity) -> list[Event]:
    found = []
    for change in opportunity.stage_changes.select_related("changed_by"):
        who = f" by {change.changed_by.name}" if change.changed_by else ""
        word = "Came in" if not change.from_stage else f"Became {change.get_to_stage_display().lower()}"
        found.append(Event(change.changed_at, f"{word}{who}", change.reason))
    return found


def _assignments(opportunity: Opportunity) -> list[Event]:
    found = []
    for assignment in opportunity.assignments.select_related("rep", "assigned_by"):
        how = (
            f"by {assignment.assigned_by.name}" if assignment.assigned_by else assignment.get_source_display()
        )
        exempt = ", exempt from limits" if assignment.exempt else ""
        found.append(
            Event(
                assignment.assigned_at, f"Assigned to {assignment.rep.name} {how}{exempt}", assignment.reason
            )
        )
        if assignment.ended_at and assignment.source != Assignment.Source.IMPORT:
            found.append(Event(assignment.ended_at, f"No longer {assignment.rep.name}’s"))
    return found


def _decisions(opportunity: Opportunity) -> list[Event]:
    found = []
    for decision in opportunity.decisions.select_related("rep").defer("state", "columns", "trace"):
        if decision.assignment_id is not None:
            continue  # the assignment says it
        decision.opportunity = opportunity
        rep = f": {decision.rep.name}" if decision.rep and not is_blind(decision) else ""
        found.append(
            Event(
                decision.made_at,
                f"{decision.get_outcome_display()}{rep}",
                f"Decision {decision.pk}, {decision.policy_name}",
            )
        )
    return found


def _taken_back(opportunity: Opportunity) -> list[Event]:
    """Suggestions that automation took back because they did not hold any more."""
    items = opportunity.queue_items.exclude(taken_back_because="").select_related("rep")
    return [
        Event(item.resolved_at, f"The suggestion of {item.rep.name} was out of date: decided anew", item.note)
        for item in items
        if item.resolved_at and item.rep
    ]


def _clocks(opportunity: Opportunity) -> list[Event]:
    """What the first-touch clocks did, and what reps answered."""
    found = []
    for clock in opportunity.clocks.select_related("assignment__rep", "reason"):
        rep = clock.assignment.rep.name
        said = (
            (clock.reminded_at, f"{rep} was reminded of the first touch"),
            (clock.escalated_at, f"The first touch was missed by {rep}: the managers were told"),
            (clock.unanswered_at, f"{rep} had not answered in time: the managers were told"),
            (clock.accepted_at, f"{rep} accepted it"),
        )
        found += [Event(at, text) for at, text in said if at is not None]
        if clock.state in TURNED and clock.ended_at is not None:
            why = " · ".join(filter(None, (clock.reason.label if clock.reason else "", clock.note)))
            found.append(Event(clock.ended_at, f"{rep} {TURNED[clock.state]}; it is not offered again", why))
    return found


def _account_choice(opportunity: Opportunity) -> list[Event]:
    """The last choice of its account by a person, where there was something to choose."""
    decided = AccountMatch.objects.filter(opportunity=opportunity, decided_at__isnull=False)
    return [
        Event(
            match.decided_at,
            f"{match.decided_by.name if match.decided_by else 'Somebody'} chose "
            f"{match.account.name if match.account else 'no account'} as its account",
            match.why,
        )
        for match in decided.select_related("decided_by", "account")
        if match.decided_at
    ]


def _overrides(opportunity: Opportunity) -> list[Event]:
    found = []
    for override in opportunity.overrides.select_related("from_rep", "to_rep", "made_by", "reason"):
        if override.to_rep is None:
            rejected = f" of {override.from_rep.name}" if override.from_rep else ""
            text = f"{override.made_by.name} rejected the suggestion{rejected}"
        else:
            text = f"{override.made_by.name} chose {override.to_rep.name}"
            if override.from_rep:
                text += f" instead of {override.from_rep.name}"
        why = " · ".join(
            part for part in (override.reason.label if override.reason else "", override.note) if part
        )
        found.append(Event(override.made_at, text, why))
        if override.undone_at is not None:
            found.append(Event(override.undone_at, f"{override.made_by.name} took that back"))
    return found


def _duplicates(opportunity: Opportunity) -> list[Event]:
    found = []
    for link in duplicate_history(opportunity):
        name = link.original.name
        if link.confidence is not None:
            word = "Repeats" if link.confidence >= SURE else "May repeat"
            found.append(Event(link.found_at, f"{word} “{name}”", link.why))
        if link.confirmed_by and link.confirmed_at:
            found.append(Event(link.confirmed_at, f"{link.confirmed_by.name} said that it repeats “{name}”"))
        if link.declined_by and link.declined_at:
            text = f"{link.declined_by.name} said that it does not repeat “{name}”"
            found.append(Event(link.declined_at, text))
    return found
