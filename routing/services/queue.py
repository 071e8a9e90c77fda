"""What people do with the Routing Queue: approve, give to somebody else, reject, hold back; and what follows.

Each locks the opportunity first, so of two people acting on the same item the second is told. A person may go past a
rep's limits (the page warns before); automation never does.
"""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from crm.models import Assignment, DuplicateLink, Opportunity
from crm.services import ownership
from reps.models import Rep, User
from routing.engine.order import points
from routing.models import Decision, Override, OverrideReason, QueueItem
from routing.services import outbox
from routing.services.clocks import start_clocks
from routing.services.turns import give_back_turn, take_turn_again


class AlreadyDecided(Exception):
    """Somebody else was faster; the message says who and what."""


@transaction.atomic
def approve(*, item_id: int, by: User, at: datetime.datetime) -> Assignment:
    """Assigns the suggested rep. Raises AlreadyDecided, OwnershipError (the rep has left, the lead is closed)."""
    item = _lock_item(item_id)
    if item.rep_id is None:
        raise AlreadyDecided("There is no suggestion to approve here; choose a rep instead.")
    assignment = _assign(item, item.rep_id, by, at, "Suggestion approved")
    _resolve(item, QueueItem.State.APPROVED, by, at, assignment=assignment)
    return assignment


@transaction.atomic
def give_to(
    *,
    item_id: int,
    rep_id: int,
    by: User,
    at: datetime.datetime,
    reason: OverrideReason | None = None,
    note: str = "",
) -> Assignment:
    """Assigns another rep than the suggested one (or the first, where none was suggested) and keeps why."""
    item = _lock_item(item_id)
    if rep_id == item.rep_id:
        return approve(item_id=item_id, by=by, at=at)
    assignment = _assign(item, rep_id, by, at, reason.label if reason else "Given by hand")
    if item.decision.outcome == Decision.Outcome.SHADOW:
        settle_blind(item, assignment, by=by, at=at, note=note)
    else:
        _resolve(item, QueueItem.State.CHANGED, by, at, assignment=assignment, note=note)
    _override(item, to_rep_id=rep_id, by=by, at=at, reason=reason, note=note)
    return assignment


def settle_blind(
    item: QueueItem, assignment: Assignment, *, by: User, at: datetime.datetime, note: str
) -> None:
    """Ends an item of a policy in shadow: approved where the router would have chosen the same, without being seen.

    The override names nobody that it is from: whom the person did not see was not turned down, so the model must not
    learn from it."""
    agrees = assignment.rep_id == item.decision.rep_id
    state = QueueItem.State.APPROVED if agrees else QueueItem.State.CHANGED
    _resolve(item, state, by, at, assignment=assignment, note=note)


@transaction.atomic
def reject(
    *, item_id: int, by: User, at: datetime.datetime, reason: OverrideReason | None = None, note: str = ""
) -> QueueItem:
    """Takes the suggestion away; the opportunity then waits for a person, since automation would suggest the same."""
    item = _lock_item(item_id)
    _resolve(item, QueueItem.State.REJECTED, by, at, note=note)
    if item.rep_id is not None:
        _override(item, to_rep_id=None, by=by, at=at, reason=reason, note=note)
    opportunity = item.opportunity
    opportunity.routing, opportunity.routing_since = Opportunity.Routing.MANAGER, at
    opportunity.save(update_fields=["routing", "routing_since"])
    note = f"Suggestion rejected by {by}"
    return _wait_on(item, opportunity, kind=QueueItem.Kind.MANAGER, rep_id=None, at=at, note=note)


def _wait_on(
    item: QueueItem,
    opportunity: Opportunity,
    *,
    kind: str,
    rep_id: int | None,
    at: datetime.datetime,
    note: str,
) -> QueueItem:
    """The opportunity waits as before, since when it waited and under the same decision, in an item of its own.

    What a batch suggested keeps its expiry while that is ahead. Once it is over there is none: the sweep would take
    away within the minute what a person has just brought back. The lead may have changed while nothing waited, so a
    suggestion is looked at again."""
    value = opportunity.value_base
    is_ahead = item.expires_at is not None and item.expires_at > at
    return QueueItem.objects.create(
        opportunity=opportunity,
        decision_id=item.decision_id,
        kind=kind,
        rep_id=rep_id,
        team_id=item.team_id,
        waiting_since=item.waiting_since,
        order_points=points(
            opportunity.lead_score, opportunity.urgency, None if value is None else float(value)
        ),
        score=item.score if rep_id is not None else 0,
        value=value or 0,
        lead_score=opportunity.lead_score or 0,
        touch_due_at=item.touch_due_at,
        expires_at=item.expires_at if rep_id is not None and is_ahead else None,
        checked_configuration_id=item.checked_configuration_id,
        checked_model_id=item.checked_model_id,
        facts_changed_at=at if rep_id is not None else None,
        is_exempt=item.is_exempt,
        is_of_batch=item.is_of_batch,
        renewed_from_id=item.renewed_from_id,
        renewed_because=item.renewed_because,
        created_at=at,
        note=note[:300],
    )


@transaction.atomic
def undo(*, item_id: int, by: User, at: datetime.datetime) -> QueueItem:
    """Takes back one's own approval, hand-out or rejection while nothing was done with it: the item waits again.

    Raises AlreadyDecided when it is too late: touched, closed, reassigned, or somebody else's.
    """
    opportunity_id = QueueItem.objects.values_list("opportunity_id", flat=True).get(pk=item_id)
    opportunity = ownership.lock_opportunity(opportunity_id)
    item = QueueItem.objects.select_related("assignment").get(pk=item_id)
    if item.state == QueueItem.State.REJECTED:
        return _undo_rejection(item, opportunity, by, at)
    current = item.assignment
    is_late = not opportunity.is_open or opportunity.first_touch_at is not None
    if item.resolved_by_id != by.pk or current is None or current.ended_at or is_late:
        raise AlreadyDecided("This can no longer be undone: reassign it from its page instead.")
    _take_back_override(item, at)
    ownership.lock_reps([opportunity.owner_id, item.rep_id])
    ownership.unassign(opportunity=opportunity, at=at)
    kind, routing = {
        QueueItem.Kind.SUGGESTION: (QueueItem.Kind.SUGGESTION, Opportunity.Routing.SUGGESTED),
        QueueItem.Kind.HELD: (QueueItem.Kind.HELD, Opportunity.Routing.HELD),
        QueueItem.Kind.MANAGER: (QueueItem.Kind.MANAGER, Opportunity.Routing.MANAGER),
    }[QueueItem.Kind(item.kind)]
    opportunity.routing = routing
    opportunity.save(update_fields=["routing"])
    if item.rep_id is not None:
        Rep.objects.filter(pk=item.rep_id).update(pending=F("pending") + 1)
        take_turn_again(decision_id=item.decision_id)
    return _wait_on(item, opportunity, kind=kind, rep_id=item.rep_id, at=at, note=f"Undone by {by}")


def _undo_rejection(item: QueueItem, opportunity: Opportunity, by: User, at: datetime.datetime) -> QueueItem:
    """The suggestion waits again, in its slot and turn, as long as what came of the rejection waits untouched."""
    waits = QueueItem.objects.filter(opportunity=opportunity, state=QueueItem.State.PENDING)
    left = waits.filter(kind=QueueItem.Kind.MANAGER, decision=item.decision_id).first()
    if left is not None and left.created_at != item.resolved_at:
        left = None  # of another rejection
    rep = ownership.lock_reps([item.rep_id]).get(item.rep_id or 0)
    if item.resolved_by_id != by.pk or left is None or rep is None or not rep.is_active:
        raise AlreadyDecided("This can no longer be undone: give it to somebody from the queue instead.")
    _take_back_override(item, at)
    _resolve(left, QueueItem.State.WITHDRAWN, by, at, note=f"Undone by {by}")
    opportunity.routing, opportunity.routing_since = Opportunity.Routing.SUGGESTED, at
    opportunity.save(update_fields=["routing", "routing_since"])
    Rep.objects.filter(pk=rep.pk).update(pending=F("pending") + 1)
    take_turn_again(decision_id=item.decision_id)
    kind, note = QueueItem.Kind.SUGGESTION, f"Undone by {by}"
    return _wait_on(item, opportunity, kind=kind, rep_id=item.rep_id, at=at, note=note)


def _take_back_override(item: QueueItem, at: datetime.datetime) -> None:
    """What was taken back teaches nothing."""
    if item.resolved_at is None:
        return
    made = Override.objects.filter(opportunity=item.opportunity_id, decision=item.decision_id)
    made.filter(made_by=item.resolved_by_id, made_at=item.resolved_at).update(undone_at=at)


@transaction.atomic
def let_choose_anew(*, item_id: int, by: User, at: datetime.datetime) -> Opportunity:
    """What waits is to be decided again, by the loads as they are now. Raises AlreadyDecided."""
    item = _lock_item(item_id)
    let_wait(item.opportunity, by=by, at=at, note=f"{by.name} let the router choose anew")
    return item.opportunity


def _lock_item(item_id: int) -> QueueItem:
    """The pending item with its opportunity locked and all reps' rows that it may touch. Raises AlreadyDecided."""
    opportunity_id = QueueItem.objects.values_list("opportunity_id", flat=True).get(pk=item_id)
    opportunity = ownership.lock_opportunity(opportunity_id)
    records = QueueItem.objects.select_related("rep", "resolved_by", "assignment__rep", "decision")
    item = records.defer("decision__state", "decision__columns", "decision__trace").get(pk=item_id)
    if item.state != QueueItem.State.PENDING:
        raise AlreadyDecided(said_already(item))
    item.opportunity = opportunity
    return item


def said_already(item: QueueItem) -> str:
    """Who decided it before, in a sentence."""
    who = item.resolved_by.name if item.resolved_by else "the router"
    if item.assignment is not None:
        return f"{who} gave it to {item.assignment.rep.name} already."
    return f"{who} already took it out of the queue ({item.get_state_display().lower()})."


def _assign(item: QueueItem, rep_id: int, by: User, at: datetime.datetime, reason: str) -> Assignment:
    opportunity = item.opportunity
    reps = ownership.lock_reps([rep_id, item.rep_id, opportunity.owner_id])
    if rep_id not in reps:
        raise ownership.OwnershipError("That rep is not here any more.")
    assignment = ownership.assign(
        opportunity=opportunity,
        rep=reps[rep_id],
        source=Assignment.Source.PERSON,
        at=at,
        by=by,
        reason=reason,
    )
    start_clocks([assignment])
    tell_given(opportunity, rep_id, by, at)
    let_repeats_follow(opportunity, at)
    return assignment


def tell_given(opportunity: Opportunity, rep_id: int, by: User, at: datetime.datetime) -> None:
    """Tells the rep that a person gave it to him."""
    text = f"{opportunity.name} is yours: {by.name} gave it to you."
    outbox.tell(
        "opportunity.assigned", {"opportunity_id": opportunity.pk, "rep_id": rep_id, "text": text}, at=at
    )


def _resolve(
    item: QueueItem,
    state: str,
    by: User | None,
    at: datetime.datetime,
    *,
    assignment: Assignment | None = None,
    note: str = "",
) -> None:
    """Ends the item; a suggestion gives its slot back. The opportunity is locked by the caller."""
    item.state, item.resolved_by, item.resolved_at = state, by, at
    item.assignment, item.note = assignment, note[:300]
    item.save(update_fields=["state", "resolved_by", "resolved_at", "assignment", "note"])
    if item.rep_id is not None:
        ownership.lock_reps([item.rep_id])
        Rep.objects.filter(pk=item.rep_id).update(pending=F("pending") - 1)
        if assignment is None or assignment.rep_id != item.rep_id:
            why = note or QueueItem.State(state).label
            give_back_turn(decision_id=item.decision_id, why=why, at=at)
            free_capacity(at)


def _override(
    item: QueueItem,
    *,
    to_rep_id: int | None,
    by: User,
    at: datetime.datetime,
    reason: OverrideReason | None,
    note: str,
) -> Override:
    return Override.objects.create(
        opportunity=item.opportunity,
        decision_id=item.decision_id,
        from_rep_id=item.rep_id,
        to_rep_id=to_rep_id,
        reason=reason,
        note=note[:300],
        made_by=by,
        made_at=at,
    )


def withdraw_pending(*, opportunity: Opportunity, by: User | None, at: datetime.datetime, note: str) -> None:
    """Takes a locked opportunity's pending item out of the queue, if there is one."""
    item = QueueItem.objects.filter(opportunity=opportunity, state=QueueItem.State.PENDING).first()
    if item is not None:
        _resolve(item, QueueItem.State.WITHDRAWN, by, at, note=note)


@transaction.atomic
def wait_again(*, opportunity_id: int, at: datetime.datetime, note: str) -> None:
    """Takes a pending suggestion back and lets the opportunity wait for another decision."""
    opportunity = ownership.lock_opportunity(opportunity_id)
    if opportunity.routing != Opportunity.Routing.SUGGESTED:
        return
    let_wait(opportunity, by=None, at=at, note=note)


def let_wait(opportunity: Opportunity, *, by: User | None, at: datetime.datetime, note: str) -> None:
    """The same for a locked opportunity, whatever it waits for now."""
    withdraw_pending(opportunity=opportunity, by=by, at=at, note=note)
    opportunity.routing, opportunity.routing_since = Opportunity.Routing.WAITING, at
    opportunity.save(update_fields=["routing", "routing_since"])


@dataclass(frozen=True)
class Waited:
    """Since when an opportunity has waited, and what the next item takes over from the one before: whom a suggestion
    named that automation took back, why, and until when its batch may be confirmed."""

    since: datetime.datetime
    rep_id: int | None = None
    because: str = ""
    expires_at: datetime.datetime | None = None


def take_over(opportunity: Opportunity, at: datetime.datetime) -> Waited:
    """Withdraws the item of a held opportunity that is decided anew. The opportunity is locked by the caller."""
    item = QueueItem.objects.filter(opportunity=opportunity).order_by("-pk").first()
    if item is None:
        return Waited(opportunity.accepted_at)
    if item.state == QueueItem.State.PENDING:
        item.state, item.resolved_at, item.note = QueueItem.State.WITHDRAWN, at, "Decided anew"
        item.save(update_fields=["state", "resolved_at", "note"])
        return Waited(item.waiting_since, item.renewed_from_id, item.renewed_because)
    if not item.taken_back_because:
        return Waited(opportunity.accepted_at)
    return Waited(item.waiting_since, item.rep_id, item.taken_back_because, item.expires_at)


def free_capacity(at: datetime.datetime) -> None:
    """Something became free: held opportunities are looked at again, oldest first."""
    outbox.tell("capacity.freed", {}, at=at)


def let_repeats_follow(opportunity: Opportunity, at: datetime.datetime) -> None:
    """It has an owner now: what repeats it and was held for that is looked at again."""
    held = Opportunity.objects.filter(
        routing=Opportunity.Routing.HELD,
        duplicate_links__original=opportunity,
        duplicate_links__state__in=DuplicateLink.HOLDS,
    )
    if held.exists():
        free_capacity(at)
