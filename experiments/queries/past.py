"""What the past says before an experiment starts: base rates, days to a win, how many opportunities come."""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, F, Min, Q, QuerySet

from crm.engine.conditions import condition_fields
from crm.models import Opportunity
from crm.queries.conditions import matching
from crm.queries.words import own_fields
from experiments.engine.sizing import Accounts, least_horizon
from experiments.models import Experiment
from reps.engine.unavailable import Unavailable

YEAR, QUARTER = datetime.timedelta(days=365), datetime.timedelta(days=91)
WEEKS_IN_QUARTER = 13
MOST = 50_000  # records looked at


@dataclass(frozen=True)
class Past:
    """`per_week` opportunities of the population in the last quarter · `win_rate` within the horizon, and
    `touched_share` within the touch target, of those of the last year that are old enough; None where none are ·
    `horizon`: within how many days nine of ten wins came · `variance` of days gained per opportunity."""

    per_week: float
    win_rate: float | None
    touched_share: float | None
    horizon: float | Unavailable
    accounts: Accounts
    days_gained: float | None
    variance: float | None


def past_of(condition: Any, *, horizon_days: int, touch_minutes: int, at: datetime.datetime) -> Past:
    """Of the population that the condition describes; four queries."""
    population = _population(condition)
    recent = population.filter(opened_at__gt=at - QUARTER, opened_at__lte=at)
    counted = recent.aggregate(
        n=Count("pk"), alone=Count("pk", filter=Q(account=None)), accounts=Count("account", distinct=True)
    )
    units = counted["alone"] + counted["accounts"]
    old = population.filter(opened_at__gt=at - YEAR, opened_at__lte=at).exclude(assigned_at=None)
    rows = list(old.order_by("-opened_at").values_list("opened_at", "closed_at", "stage")[:MOST])
    age = np.array([(at - opened).days for opened, _, _ in rows], dtype=float)
    won = np.array([stage == Opportunity.Stage.WON for _, _, stage in rows], dtype=bool)
    days = np.array(
        [((closed or at) - opened).total_seconds() / 86400 for opened, closed, _ in rows], dtype=float
    )
    mature = age >= horizon_days
    gained = np.where(won & (days <= horizon_days), horizon_days - days, 0.0)[mature]
    return Past(
        per_week=counted["n"] / WEEKS_IN_QUARTER,
        win_rate=float((won & (days <= horizon_days))[mature].mean()) if mature.any() else None,
        touched_share=_touched(old, touch_minutes, at),
        horizon=least_horizon(days[won]),
        accounts=Accounts(max(counted["n"] / units, 1.0) if units else 1.0, 0.1),
        days_gained=float(gained.mean()) if len(gained) else None,
        variance=float(gained.var()) if len(gained) > 1 else None,
    )


def _population(condition: Any) -> QuerySet[Opportunity]:
    found = Opportunity.objects.all()
    return matching(condition, condition_fields(own_fields()), found) if condition else found


def _touched(old: QuerySet[Opportunity], touch_minutes: int, at: datetime.datetime) -> float | None:
    bound = datetime.timedelta(minutes=touch_minutes)
    due = old.filter(assigned_at__lte=at - bound).annotate(
        touched_at=Min("activities__happened_at", filter=Q(activities__happened_at__gte=F("assigned_at")))
    )
    waits = list(due.order_by("-opened_at").values_list("assigned_at", "touched_at")[:MOST])
    if not waits:
        return None
    return sum(touched is not None and touched - assigned <= bound for assigned, touched in waits) / len(
        waits
    )


def base_rate(experiment: Experiment, past: Past) -> float | None:
    """Of the primary metric, as the calculator counts: a share, or for velocity the win rate."""
    return past.touched_share if experiment.metric == Experiment.Metric.FIRST_TOUCH else past.win_rate
