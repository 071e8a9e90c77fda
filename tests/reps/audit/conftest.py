"""What was added to the audit log during a test."""

from collections.abc import Callable

import pytest

from reps.models import AuditEntry


@pytest.fixture
def since() -> Callable[[], list[AuditEntry]]:
    """What was added since the cast came in, oldest first."""
    first: list[int] = []

    def added() -> list[AuditEntry]:
        if not first:
            newest = AuditEntry.objects.first()
            first.append(newest.pk if newest else 0)
        return list(AuditEntry.objects.filter(pk__gt=first[0]).order_by("pk"))

    return added
