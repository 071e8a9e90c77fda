"""People move opportunities: reassignment from any page, in bulk, and locks. Logged with who and why."""

import datetime
from collections.abc import Sequence

from django.db import transaction

from crm.models import Assignment, Opportunity
from crm.services import ownership
from reps.models import User
from routing.models import Decision, Override, OverrideReason, QueueItem
from routing.services import outbox
from routing.services.queue import free_capacity, withdraw_pending


@transaction.atomic
def reassign(
    *,
    opportunity_ids: Sequence[int],
    rep_id: int,
    by: User,
    at: datetime.datetime,
    reason: OverrideReason | None = None,
    note: str = "",
) -> int:
    """Gives all to one rep, or none: raises OwnershipError naming the first that cannot be. Returns how many moved.

    Those which the rep owns already are passed over.
    """
    moved = 0
    opportunities = [ownership.lock_opportunity(pk) for pk in sorted(set(opportunity_ids))]
    suggested = QueueItem.objects.filter(opportunity__in=opportunities, state=QueueItem.State.PENDING)
    concerned = [rep_id, *(o.owner_id for o in opportunities), *suggested.values_list("rep_id", flat=True)]
    reps = ownership.lock_reps(
        concerned
    )  # all at once, in order: two bulk moves must not wait for each other
    if rep_id not in reps:
        raise ownership.OwnershipError("That rep is not here any more.")
    for opportunity in opportunities:
        if opportunity.owner_id == rep_id:
            continue
        before = opportunity.owner_id
        withdraw_pending(opportunity=opportunity, by=by, at=at, note="Reassigned by hand")
        ownership.assign(
            opportunity=opportunity,
            rep=reps[rep_id],
            source=Assignment.Source.PERSON,
            at=at,
            by=by,
            reason=reason.label if reason else "Reassigned by hand",
        )
        Override.objects.create(
            opportunity=opportunity,
            decision=Decision.objects.filter(opportunity=opportunity).order_by("-id").first(),
            from_rep_id=before,
            to_rep_id=rep_id,
            reason=reason,
            note=note[:300],
            made_by=by,
            made_at=at,
        )
        text = f"{opportunity.name} is yours: {by.name} gave it to you."
        payload = {"opportunity_id": opportunity.pk, "rep_id": rep_id, "text": text}
        outbox.tell("opportunity.assigned", payload, at=at)
        moved += 1
    if moved:
        free_capacity(at)
    return moved


@transaction.atomic
def lock(*, opportunity_id: int, by: User, reason: str = "") -> Opportunity:
    """Automation leaves it alone from now on."""
    opportunity = ownership.lock_opportunity(opportunity_id)
    opportunity.is_locked, opportunity.locked_by, opportunity.lock_reason = True, by, reason[:200]
    opportunity.save(update_fields=["is_locked", "locked_by", "lock_reason"])
    return opportunity


@transaction.atomic
def unlock(*, opportunity_id: int, at: datetime.datetime) -> Opportunity:
    """Automation may move it again; one that is held is looked at soon."""
    opportunity = ownership.lock_opportunity(opportunity_id)
    opportunity.is_locked, opportunity.locked_by, opportunity.lock_reason = False, None, ""
    opportunity.save(update_fields=["is_locked", "locked_by", "lock_reason"])
    free_capacity(at)
    return opportunity
