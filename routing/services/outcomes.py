"""What became of an opportunity: the stage changes, the queue forgets it, and the freed capacity is used."""

import datetime

from django.db import transaction

from crm.models import Opportunity
from crm.services import ownership
from crm.services.stages import change_stage
from reps.models import User
from routing.services.queue import free_capacity, withdraw_pending
from routing.services.turns import give_back_wasted, reps_of_turns


@transaction.atomic
def record_outcome(
    *, opportunity_id: int, stage: str, at: datetime.datetime, by: User | None, reason: str = ""
) -> Opportunity:
    """Won, lost, disqualified or open again. One that opens without an owner, or whose owner has left, is routed."""
    opportunity = ownership.lock_opportunity(opportunity_id)
    if opportunity.stage == stage:
        return opportunity
    if stage == Opportunity.Stage.DISQUALIFIED:
        ownership.lock_reps([opportunity.owner_id, *reps_of_turns(opportunity_id)])  # at once, in order
    withdraw_pending(opportunity=opportunity, by=by, at=at, note=f"{stage} meanwhile")
    changed = change_stage(opportunity_id=opportunity_id, to=stage, at=at, by=by, reason=reason)
    if stage == Opportunity.Stage.DISQUALIFIED:
        give_back_wasted(at=at, opportunity_id=opportunity_id)
    if stage != Opportunity.Stage.OPEN:
        free_capacity(at)
    elif changed.owner is not None and not changed.owner.is_active:
        ownership.unassign(opportunity=changed, at=at)
    return changed
