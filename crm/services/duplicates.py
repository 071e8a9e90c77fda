"""Repeats linked to what they repeat. Nothing is merged: both rows stay, and a link says why and who decided.

What is sure is linked as it comes in; what is doubtful is offered to a person. The routing app's services of the same
name wrap what people do, since a decision follows from it; faces call those.
"""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import replace

from django.db import transaction

from crm.engine.matching.contacts import normalise_email, normalise_phone
from crm.engine.matching.duplicates import SURE, Duplicate, OpenOpportunity, find_duplicates
from crm.models import DuplicateLink, Opportunity
from crm.queries.duplicates import (
    candidates_of_each,
    first_open,
    holding,
    load_candidates,
    originals_above,
)
from crm.services import ownership
from crm.services.waiting import locks, one_at_a_time
from reps.models import User

WITHIN_DAYS = 30  # as long as one round of buying: later, the same product for the same account is a new one
MOST_OFFERED = 3
CHUNK = 1_000
State = DuplicateLink.State
Candidates = list[tuple[OpenOpportunity, list[OpenOpportunity]]]  # each with what was there already


class AlreadySaid(Exception):
    """Somebody else was faster; the message says who and what."""


class NoRepeat(Exception):
    """It cannot repeat that one; the message is for people."""


def look_for_repeats(opportunity: Opportunity) -> Candidates:
    """What an opportunity could repeat, which is stored in the present transaction, before this or after. Requests side
    by side for the same person wait for one another here."""
    contact = opportunity.contact
    wanted: list[tuple[str, str]] = []
    if contact is not None:
        email, phone = normalise_email(contact.email), normalise_phone(contact.phone, opportunity.country)
        wanted += [("contact", email), ("phone", phone[-7:])]  # as crm.services.placing has them
    return _candidates([opportunity], [(kind, name) for kind, name in wanted if name])


def link_repeats(*, opportunity: Opportunity, found: Candidates, at: datetime.datetime) -> bool:
    """What an opportunity that is stored by now surely repeats, of what was found, is linked, what it may repeat is
    offered. Returns whether anything was."""
    return bool(_link([(replace(new, id=opportunity.pk), others) for new, others in found], at))


@transaction.atomic(savepoint=False)
def link_repeats_among(*, opportunities: Sequence[Opportunity], at: datetime.datetime) -> set[int]:
    """Looks at several that were just stored, none of which repeats another one of them, with the locks on their people
    held by whoever stored them. Returns the ids of those for which something was found."""
    candidates = _candidates(opportunities, [])
    return {new.id for new, _ in candidates} if _link(candidates, at) else set()


def _candidates(opportunities: Sequence[Opportunity], wanted: Sequence[tuple[str, str]]) -> Candidates:
    bought = {(one.account_id, one.product_id) for one in opportunities if one.account_id and one.product_id}
    purchases = sorted(("account and product", f"{account} {product}") for account, product in bought)
    waits = locks([*wanted, *purchases])
    return candidates_of_each(opportunities, within_days=WITHIN_DAYS, after=waits)


def link_all_repeats(*, opportunity_ids: Sequence[int], at: datetime.datetime) -> int:
    """The same for many that were just stored; of two that repeat each other the later id is the repeat. Returns how
    many links were made."""
    return sum(
        _link(load_candidates(opportunity_ids[start : start + CHUNK], within_days=WITHIN_DAYS), at)
        for start in range(0, len(opportunity_ids), CHUNK)
    )


def _link(candidates: Candidates, at: datetime.datetime) -> int:
    found = {new.id: find_duplicates(new, others, within_days=WITHIN_DAYS) for new, others in candidates}
    named = {duplicate.opportunity_id for duplicates in found.values() for duplicate in duplicates}
    standing = first_open(named) if named else {}
    links = []
    for new_id, duplicates in found.items():
        sure = [duplicate for duplicate in duplicates if duplicate.confidence >= SURE][:1]
        chosen = sure or duplicates
        state = State.LINKED if sure else State.OFFERED
        links += [_found(new_id, *pair, state, at) for pair in _originals(chosen, standing).items()]
    DuplicateLink.objects.bulk_create(links)
    return len(links)


def _originals(duplicates: Collection[Duplicate], standing: dict[int, int]) -> dict[int, Duplicate]:
    """The first open one of each chain, with the best finding that leads to it."""
    found: dict[int, Duplicate] = {}
    for duplicate in duplicates:
        if duplicate.opportunity_id in standing:  # it may have closed since it was read
            found.setdefault(standing[duplicate.opportunity_id], duplicate)
    return dict(list(found.items())[:MOST_OFFERED])


def _found(
    new_id: int, original_id: int, duplicate: Duplicate, state: str, at: datetime.datetime
) -> DuplicateLink:
    return DuplicateLink(
        opportunity_id=new_id,
        original_id=original_id,
        state=state,
        confidence=duplicate.confidence,
        why=duplicate.why,
        found_at=at,
    )


@transaction.atomic
def confirm(*, link_id: int, by: User, at: datetime.datetime) -> DuplicateLink:
    """A person says that it repeats what was found. Raises AlreadySaid, NoRepeat, DuplicateLink.DoesNotExist.

    The opportunity of the link is locked when this returns, and at hand as `link.opportunity`.
    """
    link = _lock(link_id)
    if link.state in (State.CONFIRMED, State.DECLINED):
        raise AlreadySaid(said_already(link))
    _refuse_circle(link.opportunity, link.original, besides=link)
    link.state, link.confirmed_by, link.confirmed_at = State.CONFIRMED, by, at
    link.save(update_fields=["state", "confirmed_by", "confirmed_at"])
    return link


@transaction.atomic
def decline(*, link_id: int, by: User, at: datetime.datetime) -> tuple[DuplicateLink, bool]:
    """A person says that it does not; with whether routing followed the link until now. Raises AlreadySaid."""
    link = _lock(link_id)
    if link.state == State.DECLINED:
        raise AlreadySaid(said_already(link))
    held = link.state in DuplicateLink.HOLDS
    link.state, link.declined_by, link.declined_at = State.DECLINED, by, at
    link.save(update_fields=["state", "declined_by", "declined_at"])
    return link, held


@transaction.atomic
def mark(*, opportunity_id: int, original_id: int, by: User, at: datetime.datetime) -> DuplicateLink:
    """A person names what an opportunity repeats; where that one repeats another, the first open one is linked.

    Raises NoRepeat: the same one, closed, or linked already. The opportunity is locked when this returns.
    """
    opportunity = ownership.lock_opportunity(opportunity_id)
    named = Opportunity.objects.get(pk=original_id)
    if not named.is_open:
        raise NoRepeat(
            f"{named.name} is {named.get_stage_display().lower()}; only an open one can be repeated."
        )
    original = Opportunity.objects.get(pk=first_open([original_id])[original_id])
    if opportunity_id in (original.pk, named.pk):
        said = f"{named.name} repeats this one." if named.pk != opportunity_id else "It cannot repeat itself."
        raise NoRepeat(said)
    _refuse_circle(opportunity, original)
    values = {"state": State.CONFIRMED, "confirmed_by": by, "confirmed_at": at}
    link, is_new = DuplicateLink.objects.exclude(state=State.DECLINED).get_or_create(
        opportunity=opportunity,
        original=original,
        defaults=values | {"why": "A person said so.", "found_at": at},
    )
    if not is_new:  # it was offered
        for name, value in values.items():
            setattr(link, name, value)
        link.save(update_fields=list(values))
    link.opportunity, link.original = opportunity, original
    return link


def _lock(link_id: int) -> DuplicateLink:
    """The link as it is now, with its opportunity locked: whoever changes a link holds that lock."""
    opportunity_id = DuplicateLink.objects.values_list("opportunity_id", flat=True).get(pk=link_id)
    opportunity = ownership.lock_opportunity(opportunity_id)
    link = DuplicateLink.objects.select_related("original", "confirmed_by", "declined_by").get(pk=link_id)
    link.opportunity = opportunity
    return link


def _refuse_circle(
    opportunity: Opportunity, original: Opportunity, besides: DuplicateLink | None = None
) -> None:
    """Whoever links by hand waits here for the one before, or two could close a circle that neither sees."""
    one_at_a_time(("duplicates", "by hand"))
    others = holding(DuplicateLink.objects.filter(opportunity=opportunity)).select_related("original")
    present = others.exclude(pk__in=[besides.pk] if besides else []).first()
    if present is not None:
        raise NoRepeat(f"It repeats {present.original.name} already. Say first that it does not.")
    if opportunity.pk in originals_above(original.pk):
        raise NoRepeat(f"{original.name} repeats this one.")


def said_already(link: DuplicateLink) -> str:
    """Who decided it before, in a sentence."""
    if link.state == State.DECLINED:
        who = link.declined_by.name if link.declined_by else "Somebody"
        return f"{who} said already that it does not repeat {link.original.name}."
    who = link.confirmed_by.name if link.confirmed_by else "Somebody"
    return f"{who} said already that it repeats {link.original.name}."
