"""What people say of repeats, and what follows: what nobody owns yet is decided anew, what has an owner stays."""

import datetime
import logging

from django.db import transaction

from crm.models import DuplicateLink, Opportunity
from crm.queries.duplicates import standing_original
from crm.services import duplicates
from crm.services.duplicates import AlreadySaid, NoRepeat
from reps.models import User
from routing.services.decided import tell_repeated
from routing.services.decisions import route
from routing.services.queue import let_wait
from routing.services.turns import give_back_wasted

log = logging.getLogger(__name__)
Routing = Opportunity.Routing


def confirm(
    *, link_id: int, by: User, at: datetime.datetime, now: datetime.datetime | None = None
) -> DuplicateLink:
    """It repeats what was found. Raises AlreadySaid, NoRepeat, DuplicateLink.DoesNotExist."""
    with transaction.atomic():
        link = duplicates.confirm(link_id=link_id, by=by, at=at)
        _follow(link, by, at)
    _decide(link, now)
    return link


def mark(
    *,
    opportunity_id: int,
    original_id: int,
    by: User,
    at: datetime.datetime,
    now: datetime.datetime | None = None,
) -> DuplicateLink:
    """A person names what it repeats. Raises NoRepeat, Opportunity.DoesNotExist."""
    with transaction.atomic():
        link = duplicates.mark(opportunity_id=opportunity_id, original_id=original_id, by=by, at=at)
        _follow(link, by, at)
    _decide(link, now)
    return link


def decline(
    *, link_id: int, by: User, at: datetime.datetime, now: datetime.datetime | None = None
) -> DuplicateLink:
    """It does not repeat it. What was only offered changes nothing; a suggestion made because of it is taken back.
    Raises AlreadySaid, DuplicateLink.DoesNotExist."""
    with transaction.atomic():
        link, held = duplicates.decline(link_id=link_id, by=by, at=at)
        if held and link.opportunity.routing == Routing.SUGGESTED:
            let_wait(link.opportunity, by=by, at=at, note="It is no duplicate")
    if held:
        _decide(link, now)
    return link


def _follow(link: DuplicateLink, by: User, at: datetime.datetime) -> None:
    """Takes back what was suggested before this was known. Where somebody owns it already, the other owner is told."""
    opportunity = link.opportunity
    if opportunity.routing in (Routing.SUGGESTED, Routing.MANAGER):
        let_wait(opportunity, by=by, at=at, note=f"It repeats {link.original.name}")
    give_back_wasted(at=at, opportunity_id=opportunity.pk)
    original = standing_original(opportunity.pk)
    if opportunity.is_open and opportunity.owner_id and original and original[1] != opportunity.owner_id:
        tell_repeated(opportunity, at)


def _decide(link: DuplicateLink, now: datetime.datetime | None) -> None:
    """After the commit, as with an intake: what fails here the sweep does."""
    try:
        route(opportunity_id=link.opportunity_id, at=now)
    except Exception:
        log.exception("opportunity %s could not be routed; the sweep will", link.opportunity_id)


__all__ = ["AlreadySaid", "NoRepeat", "confirm", "decline", "mark"]
