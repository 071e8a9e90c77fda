"""Facts as if something had happened, with their sums."""

import datetime
from typing import Any

from django.utils import timezone

from analytics.models import Fact, Refreshed, StaleDay
from analytics.services.refresh import _sum_up_days, quiet
from crm.services.opportunities import create_opportunity
from reps.models import Rep, User
from routing.services import overrides

DAY = datetime.timedelta(days=1)


def make_fact(event: str = "assigned", *, rep: Rep, days_ago: int = 3, **values: Any) -> Fact:
    """Of an opportunity of its own that the rep owns. Needs a user of operations."""
    now = timezone.now()
    opportunity = create_opportunity(
        values={"name": f"Lead {Fact.objects.count()}"}, at=now - days_ago * DAY, by=None
    )
    by = User.objects.get(role=User.Role.OPS)
    overrides.reassign(opportunity_ids=[opportunity.pk], rep_id=rep.pk, by=by, at=now)
    given: dict[str, Any] = {"kind": "lead", "path": "model", "mode": "real_time", "hit": None} | values
    score = given.get("score")
    given["bin"] = None if score is None else min(int(score // 10), 9)
    day = now.date() - days_ago * DAY
    fact = Fact.objects.create(event=event, day=day, opportunity=opportunity, rep=rep, **given)
    Refreshed.objects.update_or_create(pk=1, defaults={"at": now})
    StaleDay.objects.create(day=day)
    _sum_up_days(quiet)
    return fact
