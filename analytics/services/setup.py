"""When the worker does what analytics needs."""

from typing import Any

from django_q.models import Schedule

SCHEDULES: dict[str, dict[str, Any]] = {
    "Analytics: facts": {
        "func": "analytics.jobs.refresh_facts",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
    },
    "Note fall-throughs": {"func": "analytics.jobs.note_fall_throughs", "schedule_type": Schedule.HOURLY},
    "Make reports": {
        "func": "analytics.jobs.make_reports",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
    },
    "Look for alarms": {"func": "analytics.jobs.look_for_alarms", "schedule_type": Schedule.HOURLY},
    "Check quota credit": {"func": "analytics.jobs.check_quota_credit", "schedule_type": Schedule.HOURLY},
    "Coaching": {"func": "analytics.jobs.look_for_coaching_findings", "schedule_type": Schedule.DAILY},
}


def schedule_jobs() -> None:
    """Adds what is missing, after each migration; it never overwrites."""
    for name, defaults in SCHEDULES.items():
        Schedule.objects.get_or_create(name=name, defaults=defaults)
