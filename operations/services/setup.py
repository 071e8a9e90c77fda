"""When the worker does what operations need. Trouble is looked for with the heartbeats, not by a job: a worker that
stands still would not look."""

import datetime

from django.utils import timezone
from django_q.models import Schedule


def schedule_jobs() -> None:
    """Adds what is missing, after each migration; it never overwrites."""
    tonight = timezone.now() + datetime.timedelta(days=1)
    Schedule.objects.get_or_create(
        name="Check guarantees",
        defaults={
            "func": "operations.jobs.check_guarantees",
            "schedule_type": Schedule.DAILY,
            "next_run": tonight.replace(hour=3, minute=30, second=0, microsecond=0),
        },
    )
    Schedule.objects.get_or_create(
        name="Back up",
        defaults={
            "func": "operations.jobs.back_up",
            "schedule_type": Schedule.DAILY,
            "next_run": tonight.replace(hour=2, minute=0, second=0, microsecond=0),
        },
    )
    Schedule.objects.get_or_create(
        name="Keep history",
        defaults={"func": "operations.jobs.keep_history", "schedule_type": Schedule.HOURLY},
    )
    Schedule.objects.get_or_create(
        name="Archive history",
        defaults={
            "func": "operations.jobs.archive_history",
            "schedule_type": Schedule.DAILY,
            "next_run": tonight.replace(hour=4, minute=0, second=0, microsecond=0),
        },
    )
