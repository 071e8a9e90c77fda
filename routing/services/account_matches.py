"""What routing makes of a person's choice of account: leads of the same company follow, and what was only suggested is
decided anew where the account now says otherwise. What is assigned already stays; its page says whose account it is."""

import datetime
import logging
from dataclasses import dataclass

from django.db.models import QuerySet

from crm.models import Account, AccountMatch, Opportunity
from crm.services import account_matches
from crm.services.account_matches import AlreadyDecided
from reps.models import Rep, User
from routing.models import Decision, QueueItem
from routing.services.decisions import route
from routing.services.queue import wait_again

log = logging.getLogger(__name__)
BY_ACCOUNT = (Decision.Via.NAMED_ACCOUNT, Decision.Via.COVERING)
UNDECIDED = (Opportunity.Routing.WAITING, Opportunity.Routing.BATCH, Opportunity.Routing.HELD)
MOST_TOGETHER = 500


@dataclass(frozen=True)
class Choice:
    """A match as it was decided, and how many other leads of the company it holds for."""

    match: AccountMatch
    others: int


def choose_account(
    *,
    match_id: int,
    account: Account,
    by: User,
    at: datetime.datetime,
    seen: str,
    together: QuerySet[AccountMatch],
) -> Choice:
    """The lead, and those of `together` that name the same company and wait as well, belong to the account. Raises
    AlreadyDecided."""
    match = account_matches.choose_account(match_id=match_id, account=account, by=by, at=at, seen=seen)
    follow(match, at)
    return Choice(match, _same_for_others(match, together, account, by, at))


def choose_new_account(
    *, match_id: int, by: User, at: datetime.datetime, seen: str, together: QuerySet[AccountMatch]
) -> Choice:
    """The company of the lead becomes an account, also for `together` as above. Raises AlreadyDecided and
    ValidationError."""
    match = account_matches.choose_new_account(match_id=match_id, by=by, at=at, seen=seen)
    follow(match, at)
    account = match.account
    return Choice(match, _same_for_others(match, together, account, by, at) if account else 0)


def choose_no_account(*, match_id: int, by: User, at: datetime.datetime, seen: str) -> Choice:
    """The lead stays without an account. Raises AlreadyDecided."""
    match = account_matches.choose_no_account(match_id=match_id, by=by, at=at, seen=seen)
    follow(match, at)
    return Choice(match, 0)


def undo_choice(*, match_id: int, by: User, at: datetime.datetime) -> AccountMatch:
    """Takes one's own choice back, with that for the other leads of the company. Raises AlreadyDecided."""
    first = AccountMatch.objects.get(pk=match_id)
    others = AccountMatch.objects.none()
    if first.company_key and first.decided_at:
        others = AccountMatch.objects.exclude(pk=match_id).filter(
            company_key=first.company_key, decided_by=by, decided_at=first.decided_at
        )
    for other in others.values_list("pk", flat=True)[:MOST_TOGETHER]:
        follow(account_matches.undo_choice(match_id=other, by=by, at=at), at)
    match = account_matches.undo_choice(match_id=match_id, by=by, at=at)
    follow(match, at)
    return match


def same_company(match: AccountMatch, waiting: QuerySet[AccountMatch]) -> QuerySet[AccountMatch]:
    """Of those that wait, the other leads that name the same company of the same country."""
    if not match.company_key:
        return waiting.none()
    country = match.company.get("country")
    same = waiting.filter(company_key=match.company_key, state=AccountMatch.State.OFFERED)
    same = same.filter(company__country=country) if country else same.exclude(company__has_key="country")
    return same.exclude(pk=match.pk)


def _same_for_others(
    match: AccountMatch,
    together: QuerySet[AccountMatch],
    account: Account,
    by: User,
    at: datetime.datetime,
) -> int:
    done = 0
    for other in same_company(match, together).select_related("opportunity")[:MOST_TOGETHER]:
        try:
            follow(
                account_matches.choose_account(
                    match_id=other.pk, account=account, by=by, at=at, seen=other.seen
                ),
                at,
            )
            done += 1
        except AlreadyDecided:
            continue  # by somebody else just now
    return done


def follow(match: AccountMatch, at: datetime.datetime) -> None:
    """Decides anew what waits, is held, or is suggested to somebody whom the account no longer speaks for."""
    opportunity = match.opportunity
    if opportunity.routing == Opportunity.Routing.SUGGESTED and not opportunity.is_locked:
        if not _speaks_otherwise(opportunity):
            return
        wait_again(opportunity_id=opportunity.pk, at=at, note="Its account was chosen by a person")
    elif opportunity.routing not in UNDECIDED:
        return
    try:
        route(opportunity_id=opportunity.pk)
    except Exception:
        log.exception("opportunity %s could not be routed; the sweep will", opportunity.pk)


def _speaks_otherwise(opportunity: Opportunity) -> bool:
    """Whether the account has an owner and another is suggested, or the suggestion came from an account's owner."""
    pending = QueueItem.objects.filter(opportunity=opportunity, state=QueueItem.State.PENDING)
    item = pending.select_related("decision").first()
    if item is None:
        return False
    owner = opportunity.account.owner_id if opportunity.account else None
    if owner is not None:
        return item.rep_id != owner
    return item.decision.via in BY_ACCOUNT


def other_owner(opportunity: Opportunity) -> Rep | None:
    """The owner of the account where somebody else has the opportunity."""
    owner = opportunity.account.owner if opportunity.account else None
    if owner is None or opportunity.owner_id is None or owner.pk == opportunity.owner_id:
        return None
    return owner
