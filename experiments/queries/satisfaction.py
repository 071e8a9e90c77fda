"""How many satisfaction scores there are."""

import datetime
from dataclasses import dataclass

from django.db.models import Count, Max

from experiments.models import SatisfactionScore


@dataclass(frozen=True)
class ScoresKept:
    count: int
    opportunities: int
    newest: datetime.datetime | None


def scores_kept() -> ScoresKept:
    found = SatisfactionScore.objects.aggregate(
        count=Count("pk"), opportunities=Count("opportunity", distinct=True), newest=Max("given_at")
    )
    return ScoresKept(**found)
