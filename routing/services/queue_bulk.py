"""Many items of the queue at once: each in a transaction of its own, as if they were decided one after the other.

What somebody else decided meanwhile is named, and keeps nothing else from being done.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from crm.services.ownership import OwnershipError
from reps.models import Rep, User
from routing.engine.bulk import ANEW, APPROVE, GIVE, REJECT
from routing.models import OverrideReason, QueueItem
from routing.queries.automation import is_paused
from routing.services import queue
from routing.services.decisions import route


@dataclass(frozen=True)
class Choice:
    """What is to be done with all of them."""

    action: str
    rep: Rep | None = None
    reason: OverrideReason | None = None
    note: str = ""


@dataclass
class Outcome:
    """The ids of what was done, and for each that was not a sentence."""

    done: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def decide_many(*, items: Sequence[QueueItem], choice: Choice, by: User, at: datetime.datetime) -> Outcome:
    """Does it item by item; `items` come with their opportunities at hand."""
    found = Outcome()
    if choice.action == ANEW and is_paused():
        found.problems.append("Automation is paused: nobody chooses until it runs again.")
        return found
    for item in items:
        try:
            _decide(item, choice, by, at)
            found.done.append(item.pk)
        except (queue.AlreadyDecided, OwnershipError) as error:
            found.problems.append(f"{item.opportunity.name}: {error}")
    if choice.action == ANEW:
        done = set(found.done)
        for item in items:
            if item.pk in done:
                route(opportunity_id=item.opportunity_id, in_batch=True)
    return found


def _decide(item: QueueItem, choice: Choice, by: User, at: datetime.datetime) -> None:
    if choice.action == APPROVE:
        queue.approve(item_id=item.pk, by=by, at=at)
    elif choice.action == GIVE and choice.rep is not None:
        queue.give_to(
            item_id=item.pk, rep_id=choice.rep.pk, by=by, at=at, reason=choice.reason, note=choice.note
        )
    elif choice.action == REJECT:
        if item.rep_id is None:
            raise queue.AlreadyDecided("There is no suggestion to reject here.")
        queue.reject(item_id=item.pk, by=by, at=at, reason=choice.reason, note=choice.note)
    elif choice.action == ANEW:
        queue.let_choose_anew(item_id=item.pk, by=by, at=at)


def undo_many(*, item_ids: Sequence[int], by: User, at: datetime.datetime) -> Outcome:
    """Takes back what the user did with each, as far as that is still possible."""
    found = Outcome()
    for item in QueueItem.objects.filter(pk__in=item_ids).select_related("opportunity").order_by("pk"):
        try:
            queue.undo(item_id=item.pk, by=by, at=at)
            found.done.append(item.pk)
        except queue.AlreadyDecided as error:
            found.problems.append(f"{item.opportunity.name}: {error}")
    return found
