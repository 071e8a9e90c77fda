"""How well each rep has won before, for pairs of similar ones and for who gets whom."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Q

from crm.models import Opportunity
from reps.models import Rep

YEAR = datetime.timedelta(days=365)
SHRINKAGE = 20  # a new rep has everybody's rate until about 20 closed deals


@dataclass(frozen=True)
class RepSkill:
    """`skill`: the share of closed ones that were won, drawn to everybody's where they are few."""

    rep_id: int
    skill: float
    max_open: int


def skills_of_reps(at: datetime.datetime) -> list[RepSkill]:
    """Of those at work, from what they closed in the year before the moment; two queries."""
    closed = closed_by_rep(at)
    everything = sum(count for count, _ in closed.values())
    rate = sum(won for _, won in closed.values()) / everything if everything else 0.0
    found = []
    for rep in Rep.objects.filter(left_at=None).select_related("role_template").order_by("pk"):
        count, won = closed.get(rep.pk, (0, 0))
        found.append(RepSkill(rep.pk, (won + SHRINKAGE * rate) / (count + SHRINKAGE), rep.max_open))
    return found


def closed_by_rep(at: datetime.datetime) -> Mapping[int, tuple[int, int]]:
    """Rep id → closed and won in the year before."""
    closed = Opportunity.objects.filter(
        closed_at__gt=at - YEAR, closed_at__lte=at, owner__isnull=False, stage__in=("won", "lost")
    )
    rows = (
        closed.order_by().values_list("owner").annotate(n=Count("pk"), won=Count("pk", filter=Q(stage="won")))
    )
    return {rep_id: (n, won) for rep_id, n, won in rows}
