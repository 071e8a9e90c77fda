"""The nightly check of the guarantees, kept."""

import datetime

from django.utils import timezone

from operations.models import InvariantCheck
from routing.queries.invariants import check_invariants

NAMED = 50
KEPT = 60  # checks


def check_guarantees(*, at: datetime.datetime) -> InvariantCheck:
    findings = check_invariants()
    named = [f"{one.guarantee.replace('_', ' ')}: {one.detail}"[:300] for one in findings.violations[:NAMED]]
    check = InvariantCheck.objects.create(
        started_at=at,
        ended_at=max(timezone.now(), at),
        rows=sum(findings.checked.values()),
        violations=len(findings.violations),
        named=named,
    )
    older = InvariantCheck.objects.order_by("-started_at", "-pk").values("pk")[KEPT:]
    InvariantCheck.objects.filter(pk__in=list(older.values_list("pk", flat=True))).delete()
    return check
