"""People move opportunities: reassignment from any page, in bulk, and locks. Logged with who and why."""

import datetime
from collections.abc import Mapping, Sequence

from django.db import transaction

from crm.models import Assignment, Opportunity
from crm.services import ownership
from reps.models import Rep, User
from routing.models import Decision, Override, OverrideReason, QueueItem
from routing.services.clocks import start_clocks
from routing.services.queue import free_capacity, settle_blind, tell_given, withdraw_pending


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
    opportunities = [ownership.lock_opportunity(pk) for pk in sorted(set(opportunity_ids))]
    reps = _lock_concerned(opportunities, rep_id)
    if rep_id not in reps:
        raise ownership.OwnershipError("That rep is not here any more.")
    moving = [opportunity for opportunity in opportunities if opportunity.owner_id != rep_id]
    for opportunity in moving:
        _move(opportunity, reps[rep_id], by, at, reason, note)
    if moving:
        free_capacity(at)
    return len(moving)


@transaction.atomic
def reassign_each(
    *, to: Mapping[int, int], by: User, at: datetime.datetime, reason: OverrideReason | None, note: str
) -> list[Assignment]:
    """What `reassign` does, for many owned opportunities (opportunity → rep) in few statements. Whoever calls it has
    locked the opportunities, and tells the reps. Raises OwnershipError, then nothing is written."""
    opportunities = list(ownership.lock_opportunities(to).values())
    reps = ownership.lock_reps([*to.values(), *(one.owner_id for one in opportunities)])
    targets = {one.pk: reps[to[one.pk]] for one in opportunities}
    newest = Decision.objects.filter(opportunity__in=targets).order_by("opportunity_id", "-id")
    decisions = dict(newest.distinct("opportunity_id").values_list("opportunity_id", "pk"))
    made = ownership.assign_each(
        opportunities=opportunities,
        to=targets,
        at=at,
        by=by,
        reason=reason.label if reason else "Reassigned by hand",
    )
    start_clocks(made)
    Override.objects.bulk_create(
        (
            Override(
                opportunity=one,
                decision_id=decisions.get(one.pk),
                from_rep_id=one.owner_id,
                to_rep=targets[one.pk],
                reason=reason,
                note=note[:300],
                made_by=by,
                made_at=at,
            )
            for one in opportunities
        ),
        batch_size=5_000,
    )
    if opportunities:
        free_capacity(at)
    return made


def _lock_concerned(opportunities: Sequence[Opportunity], rep_id: int) -> dict[int, Rep]:
    """The target, the owners and those suggested, locked at once and in order, so that bulk moves cannot deadlock."""
    suggested = QueueItem.objects.filter(opportunity__in=opportunities, state=QueueItem.State.PENDING)
    owners = (opportunity.owner_id for opportunity in opportunities)
    return ownership.lock_reps([rep_id, *owners, *suggested.values_list("rep_id", flat=True)])


def _move(
    opportunity: Opportunity,
    rep: Rep,
    by: User,
    at: datetime.datetime,
    reason: OverrideReason | None,
    note: str,
) -> None:
    before = opportunity.owner_id
    item = QueueItem.objects.filter(opportunity=opportunity, state=QueueItem.State.PENDING)
    blind = item.filter(decision__outcome=Decision.Outcome.SHADOW).select_related("decision").first()
    if blind is None:
        withdraw_pending(opportunity=opportunity, by=by, at=at, note="Reassigned by hand")
    assignment = ownership.assign(
        opportunity=opportunity,
        rep=rep,
        source=Assignment.Source.PERSON,
        at=at,
        by=by,
        reason=reason.label if reason else "Reassigned by hand",
    )
    start_clocks([assignment])
    if blind is not None:
        settle_blind(blind, assignment, by=by, at=at, note=note)
    Override.objects.create(
        opportunity=opportunity,
        decision=Decision.objects.filter(opportunity=opportunity).order_by("-id").first(),
        from_rep_id=before,
        to_rep=rep,
        reason=reason,
        note=note[:300],
        made_by=by,
        made_at=at,
    )
    tell_given(opportunity, rep.pk, by, at)


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
