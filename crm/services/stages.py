"""How an opportunity ends, comes back, and turns from a lead into a deal."""

import datetime

from django.db import transaction

from crm.models import Opportunity, StageChange
from crm.services import ownership
from reps.models import User


@transaction.atomic
def change_stage(
    *, opportunity_id: int, to: str, at: datetime.datetime, by: User | None = None, reason: str = ""
) -> Opportunity:
    """Won, lost, disqualified, or open again. The owner's load follows; saying the same twice changes nothing.

    The routing app's `record_outcome` wraps this and takes waiting queue items away; faces call that one.
    """
    opportunity = ownership.lock_opportunity(opportunity_id)
    before = opportunity.stage
    if before == to:
        return opportunity
    ownership.lock_reps([opportunity.owner_id])
    opens = to == Opportunity.Stage.OPEN
    opportunity.stage = to
    opportunity.closed_at = None if opens else at
    if opportunity.owner_id is None:
        opportunity.routing = Opportunity.Routing.WAITING if opens else Opportunity.Routing.NONE
        opportunity.routing_since = at
    opportunity.save(update_fields=["stage", "closed_at", "routing", "routing_since", "updated_at"])
    if opens or before == Opportunity.Stage.OPEN:
        ownership.load_changes_with_stage(opportunity, +1 if opens else -1)
    StageChange.objects.create(
        opportunity=opportunity, from_stage=before, to_stage=to, changed_by=by, changed_at=at, reason=reason
    )
    return opportunity


@transaction.atomic
def convert_lead(*, opportunity_id: int, at: datetime.datetime) -> Opportunity:
    """A lead becomes a deal: same row, owner and history. A deal stays what it is."""
    opportunity = ownership.lock_opportunity(opportunity_id)
    if opportunity.kind == Opportunity.Kind.LEAD:
        opportunity.kind = Opportunity.Kind.DEAL
        opportunity.converted_at = at
        opportunity.save(update_fields=["kind", "converted_at", "updated_at"])
    return opportunity
