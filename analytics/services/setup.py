"""When the worker does what analytics needs."""

from django_q.models import Schedule


def schedule_jobs() -> None:
    """Adds what is missing, after each migration; it never overwrites."""
    Schedule.objects.get_or_create(
        name="Analytics: facts",
        defaults={
            "func": "analytics.jobs.refresh_facts",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
        },
    )
