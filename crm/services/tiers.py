"""Tiers by win rate: who is a top performer, with the evidence.

    shrunken = (won + K · p) / (closed + K)        p: the organisation's win rate, K = 20 closed deals

A rep is a top performer when the shrunken rate is among the organisation's top share and above p. Looks at twelve
months of won and lost opportunities; reps whose tier is set by hand are ranked with the others and left as they are.
"""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q

from crm.models import Opportunity
from reps.models import Rep
from reps.queries import organisation

SHRINKAGE = 20  # a new rep keeps the organisation's rate until about 20 closed deals
WINDOW = datetime.timedelta(days=365)


@dataclass(frozen=True)
class Standing:
    """A rep's closed opportunities of the window and the shrunken win rate."""

    rep_id: int
    won: int
    closed: int
    shrunken: float


def standings(at: datetime.datetime) -> tuple[list[Standing], float]:
    """Every active rep, the best first, and the organisation's win rate. Empty rate 0 where nothing is closed."""
    closed = Q(
        opportunities__stage__in=[Opportunity.Stage.WON, Opportunity.Stage.LOST],
        opportunities__closed_at__gt=at - WINDOW,
        opportunities__closed_at__lte=at,
    )
    rows = list(
        Rep.objects.filter(left_at__isnull=True)
        .annotate(
            closed=Count("opportunities", filter=closed),
            won=Count("opportunities", filter=closed & Q(opportunities__stage=Opportunity.Stage.WON)),
        )
        .values_list("pk", "won", "closed")
    )
    total = sum(count for _, _, count in rows)
    rate = sum(won for _, won, _ in rows) / total if total else 0.0
    found = [
        Standing(pk, won, count, (won + SHRINKAGE * rate) / (count + SHRINKAGE)) for pk, won, count in rows
    ]
    return sorted(found, key=lambda s: (-s.shrunken, s.rep_id)), rate


@transaction.atomic
def rank_tiers(*, at: datetime.datetime) -> int:
    """Sets the tier of reps whose tier follows the win rate; returns how many changed."""
    ranked, rate = standings(at)
    top = round(len(ranked) * float(organisation().top_tier_share))
    changed = 0
    by_id = {
        rep.pk: rep
        for rep in Rep.objects.select_for_update(no_key=True)
        .filter(tier_source=Rep.TierSource.WIN_RATE)
        .order_by("pk")
    }
    for place, standing in enumerate(ranked):
        rep = by_id.get(standing.rep_id)
        if rep is None:
            continue
        is_top = place < top and standing.closed > 0 and standing.shrunken > rate
        tier = Rep.Tier.TOP if is_top else Rep.Tier.STANDARD
        changed += rep.tier != tier
        rep.tier = tier
        rep.tier_evidence = {
            "won": standing.won,
            "closed": standing.closed,
            "shrunken_pct": round(100 * standing.shrunken, 1),
            "organisation_pct": round(100 * rate, 1),
            "place": place + 1,
            "of": len(ranked),
            "at": at.isoformat(),
        }
        rep.save(update_fields=["tier", "tier_evidence", "updated_at"])
    return changed
