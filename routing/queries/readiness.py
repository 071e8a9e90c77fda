"""What happened under each policy that suggests or decides in shadow, and whether it could assign by itself."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import TruncWeek

from reps.engine.unavailable import Unavailable
from routing.engine.readiness import Readiness, Record, readiness
from routing.models import Decision, Policy, QueueItem
from routing.queries.models import champion_version

LOOKS_BACK = datetime.timedelta(days=182)
WATCHED = (Decision.Outcome.SUGGEST, Decision.Outcome.SHADOW)
BY_MODEL = Q(via__in=(Decision.Via.PREDICTION, Decision.Via.RULE))
BY_FALLBACK = Q(via__in=(Decision.Via.ROUND_ROBIN, Decision.Via.MANAGER, Decision.Via.HOLD))
JUDGED = (QueueItem.State.APPROVED, QueueItem.State.CHANGED, QueueItem.State.REJECTED)


@dataclass(frozen=True)
class PolicyReadiness:
    """`policy` None: all of them together."""

    policy: Policy | None
    found: Readiness


def load_readiness(now: datetime.datetime) -> list[PolicyReadiness]:
    """All together first, then each that suggests or decides in shadow, in order. In four queries."""
    waiting = (Policy.Application.SUGGEST, Policy.Application.SHADOW)
    policies = list(Policy.objects.filter(is_active=True, application__in=waiting))
    records, slope = _records(now), calibration_slope()
    every = sum((records.get(policy.name, Record()) for policy in policies), Record())
    each = [PolicyReadiness(one, readiness(records.get(one.name, Record()), slope)) for one in policies]
    return [PolicyReadiness(None, readiness(every, slope)), *each] if policies else []


def _records(now: datetime.datetime) -> Mapping[str, Record]:
    """By the policy's name, which decisions keep."""
    since = now - LOOKS_BACK
    judged = _judged(since)
    decided = (
        Decision.objects.filter(made_at__gt=since, made_at__lte=now)
        .order_by()
        .values("policy_name")
        .annotate(
            weeks=Count(TruncWeek("made_at"), filter=Q(outcome__in=WATCHED), distinct=True),
            by_model=Count("opportunity", filter=BY_MODEL, distinct=True),
            chosen=Count("opportunity", filter=BY_MODEL | BY_FALLBACK, distinct=True),
        )
    )
    found = {}
    for row in decided:
        cases, agreed = judged.get(row["policy_name"], (0, 0))
        found[row["policy_name"]] = Record(row["weeks"], cases, agreed, row["chosen"], row["by_model"])
    return found


def _judged(since: datetime.datetime) -> dict[str, tuple[int, int]]:
    """What people said of suggestions, and whom they chose without seeing one. What was undone counts as it ended."""
    later = QueueItem.objects.filter(
        decision=OuterRef("decision"), kind=OuterRef("kind"), pk__gt=OuterRef("pk")
    )
    seen = Q(kind=QueueItem.Kind.SUGGESTION) | Q(decision__outcome=Decision.Outcome.SHADOW)
    rows = (
        QueueItem.objects.filter(seen, ~Exists(later), state__in=JUDGED, decision__made_at__gt=since)
        .order_by()
        .values(name=F("decision__policy_name"))
        .annotate(cases=Count("pk"), agreed=Count("pk", filter=Q(state=QueueItem.State.APPROVED)))
    )
    return {row["name"]: (row["cases"], row["agreed"]) for row in rows}


def calibration_slope() -> float | Unavailable:
    """Of the model that decides, out of fold, as its training found it."""
    quality = champion_version().report.get("quality")
    if not quality:
        return Unavailable("rules decide, no model has learned from deals yet")
    found = quality["calibration"]
    return Unavailable(found["unavailable"]) if "unavailable" in found else float(found["slope"])
