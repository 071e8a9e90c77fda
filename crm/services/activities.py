"""Calls, emails and meetings, and the first touch that they make."""

import datetime

from django.db import IntegrityError, transaction

from crm.models import Activity, ActivityKey, Opportunity
from crm.services.ownership import lock_opportunity
from reps.models import Rep, User


@transaction.atomic
def log_activity(
    *,
    opportunity_id: int,
    kind: str,
    rep: Rep | None,
    happened_at: datetime.datetime,
    note: str = "",
    external_id: str | None = None,
    by: User | None = None,
) -> tuple[Activity, bool]:
    """Logs one, and whether it is new: a known `external_id` gives the one logged before. Raises InTheArchive for one
    that is no longer here.

    The owner's first activity at or after the assignment is the first touch; one logged late but earlier moves it.
    """
    opportunity = lock_opportunity(opportunity_id)
    if known := _known(external_id):
        return known, False
    activity = Activity(
        opportunity=opportunity,
        kind=kind,
        rep=rep,
        happened_at=happened_at,
        note=note,
        external_id=external_id or None,
        logged_by=by,
    )
    try:
        with transaction.atomic():
            activity.save(force_insert=True)
    except IntegrityError:  # somebody logged it at the same moment, on another opportunity
        if known := _known(external_id):
            return known, False
        raise
    if _is_touch(opportunity, rep, happened_at):
        opportunity.first_touch_at = happened_at
        opportunity.save(update_fields=["first_touch_at"])
    return activity, True


class InTheArchive(Exception):
    """An activity that was logged once and has gone into the archive since."""


def _known(external_id: str | None) -> Activity | None:
    key = ActivityKey.objects.filter(external_id=external_id).first() if external_id else None
    if key is None:
        return None
    known = Activity.objects.filter(pk=key.activity_id).first()
    if known is None:
        raise InTheArchive(f"An activity with the external id “{external_id}” is in the archive.")
    return known


def _is_touch(opportunity: Opportunity, rep: Rep | None, at: datetime.datetime) -> bool:
    owned_since = opportunity.assigned_at
    if rep is None or rep.pk != opportunity.owner_id or owned_since is None or at < owned_since:
        return False
    return opportunity.first_touch_at is None or at < opportunity.first_touch_at
