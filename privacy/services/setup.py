"""When the worker applies the retention rules."""

import datetime

from django.utils import timezone
from django_q.models import Schedule


def schedule_jobs() -> None:
    """Adds what is missing, after each migration; it never overwrites."""
    tonight = timezone.now() + datetime.timedelta(days=1)
    Schedule.objects.get_or_create(
        name="Apply the retention rules",
        defaults={
            "func": "privacy.jobs.apply_retention",
            "schedule_type": Schedule.DAILY,
            "next_run": tonight.replace(hour=1, minute=20, second=0, microsecond=0),
        },
    )
