"""Suggestions that wait are kept current: what may no longer hold is looked at, and decided anew where it does not.

Being in doubt (`routing.queries.doubts`) is not being out of date. The ladder is asked what it says now, with the
suggestion's own slot and turn set aside; only where it names another rep, nobody, or does something else with the
choice, the suggestion is taken back and decided by `route` as any other. What it would name again stays as it is, with
its decision, its place and its turn, and is not looked at again before something else changes. So new rules over ten
thousand suggestions are worked off in pieces, the oldest first, and the work ends.

A batch is confirmed as a whole, so it is not taken apart behind the back of whoever looks at it: of what a batch
suggested only that is taken back which cannot be carried out (the rep has left, is away or has no room). It is decided
at once, as a suggestion of the same batch with the same expiry. A lead that changed, newer rules and a newer model show
on its row and wait for the next batch, or for a person.

Who gave a lead is no question here: a suggestion that a person brought back is a suggestion, and what a person assigned
is none. Locked opportunities are left alone.
"""

import dataclasses
import datetime
import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm.models import Opportunity
from crm.services import ownership
from routing.engine.doubt import GONE, Doubt, without_own_claim
from routing.engine.ladder import decide
from routing.engine.verdict import Verdict
from routing.models import Decision, FactsChange, QueueItem
from routing.queries.automation import is_paused
from routing.queries.doubts import oldest_in_doubt, pending_suggestions
from routing.queries.inputs import load_inputs
from routing.queries.live import Live
from routing.services.decisions import route
from routing.services.queue import let_wait
from routing.services.senders import alone

log = logging.getLogger(__name__)
RENEWAL_LOCK = 0x72656E65
A_PIECE = 500  # suggestions that one sweep looks at: some seconds


@dataclass
class Renewed:
    """How many were asked about, and how many were taken back and decided anew."""

    looked_at: int = 0
    decided: int = 0


def renew_suggestions(
    *, at: datetime.datetime, now: datetime.datetime | None = None, most: int = A_PIECE
) -> Renewed:
    """Looks at the suggestions in doubt at the moment, the oldest first. One run at a time; none while paused."""
    found = Renewed()
    with alone(RENEWAL_LOCK) as is_ours:
        if not is_ours:
            return found  # another worker is at it
        _mark_changed()
        if is_paused():
            return found
        for item, doubt in oldest_in_doubt(at, most):
            try:
                _renew(item, doubt, at, now, found)
            except Exception:
                log.exception("the suggestion %s could not be looked at; the next sweep will", item.pk)
    return found


def _renew(
    item: QueueItem, doubt: Doubt | None, at: datetime.datetime, now: datetime.datetime | None, found: Renewed
) -> None:
    if doubt is None:
        _forget_change(item)
        return
    if doubt.why not in GONE:
        found.looked_at += 1
        verdict, live = _said_now(item, now or timezone.now())
        if (verdict.rep_id, verdict.outcome) == (item.rep_id, Decision.Outcome.SUGGEST):
            _holds(item, verdict, live)
            return
    if take_back(item=item, doubt=doubt, at=at):
        is_decided = route(opportunity_id=item.opportunity_id, at=now, in_batch=item.is_of_batch) is not None
        found.decided += is_decided


def _said_now(item: QueueItem, moment: datetime.datetime) -> tuple[Verdict, Live]:
    """What the ladder says, as if the suggestion were not there. Under the decision's seed, so that a draw between
    equals (exploration) falls as it fell then."""
    opportunity = Opportunity.objects.select_related("account", "product").get(pk=item.opportunity_id)
    inputs, live = load_inputs(opportunity, moment)
    took_turn = item.decision.via == Decision.Via.ROUND_ROBIN
    free = without_own_claim(
        inputs, rep_id=item.rep_id or 0, value=float(item.counted_value), took_turn=took_turn
    )
    return decide(dataclasses.replace(free, seed=item.decision.seed)), live


def _mark_changed() -> None:
    """Marks what waits for leads of accounts and products that have changed, each item by itself: whoever decides one
    holds other locks as well. In a pause too, so that the rows say it."""
    changes = list(FactsChange.objects.order_by("pk")[:A_PIECE])
    accounts, products = (
        {getattr(change, name) for change in changes} for name in ("account_id", "product_id")
    )
    of_them = Q(opportunity__account__in=accounts) | Q(opportunity__product__in=products)
    for pk in list(pending_suggestions().filter(of_them).values_list("pk", flat=True)) if changes else ():
        QueueItem.objects.filter(pk=pk).update(facts_changed_at=timezone.now())
    FactsChange.objects.filter(pk__in=[change.pk for change in changes]).delete()


@transaction.atomic
def _holds(item: QueueItem, verdict: Verdict, live: Live) -> None:
    """Remembers by what it was found to hold. A change of the lead meanwhile is another doubt."""
    _forget_change(item)
    QueueItem.objects.filter(pk=item.pk, state=QueueItem.State.PENDING).update(
        checked_configuration=live.configuration_id, checked_model=live.model_id, is_exempt=verdict.exempt
    )


@transaction.atomic
def _forget_change(item: QueueItem) -> None:
    """The lead is as it was looked at. A trigger then counts its value for the rep, whose row is locked therefore,
    after the opportunity's."""
    ownership.lock_opportunity(item.opportunity_id)
    ownership.lock_reps([item.rep_id])
    same = QueueItem.objects.filter(pk=item.pk, state=QueueItem.State.PENDING)
    same.filter(facts_changed_at=item.facts_changed_at).update(facts_changed_at=None)


@transaction.atomic
def take_back(*, item: QueueItem, doubt: Doubt, at: datetime.datetime) -> bool:
    """Takes the suggestion back, if it still is one; the opportunity waits for another decision, which is marked."""
    opportunity = ownership.lock_opportunity(item.opportunity_id)
    if opportunity.is_locked or opportunity.routing != Opportunity.Routing.SUGGESTED:
        return False
    waits = QueueItem.objects.filter(pk=item.pk, state=QueueItem.State.PENDING)
    if not waits.update(taken_back_because=doubt.before):
        return False
    name = item.rep.name if item.rep else "Somebody"
    let_wait(opportunity, by=None, at=at, note=doubt.sentence(name))
    return True
