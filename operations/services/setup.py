"""When the worker does what operations need."""

import datetime
from typing import Any

from django.utils import timezone
from django_q.models import Schedule

SCHEDULES: dict[str, dict[str, Any]] = {
    "Look for trouble": {
        "func": "operations.jobs.look_for_trouble",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
    },
    "Check guarantees": {"func": "operations.jobs.check_guarantees", "schedule_type": Schedule.DAILY},
}


def schedule_jobs() -> None:
    """Adds what is missing, after each migration; it never overwrites."""
    tonight = (timezone.now() + datetime.timedelta(days=1)).replace(
        hour=3, minute=30, second=0, microsecond=0
    )
    for name, wanted in SCHEDULES.items():
        first = {"next_run": tonight} if wanted["schedule_type"] == Schedule.DAILY else {}
        Schedule.objects.get_or_create(name=name, defaults={**wanted, **first})
