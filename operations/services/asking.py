"""What a person asks for on the status page: a regular job now, the guarantees now."""

from django_q.models import Schedule
from django_q.tasks import async_task

from reps.models import User
from reps.permissions import may


def run_now(*, schedule_id: int, by: User) -> Schedule:
    """Beside its regular runs, which stay as they are. Raises PermissionError, Schedule.DoesNotExist."""
    if not may(by, "run_jobs"):
        raise PermissionError
    schedule = Schedule.objects.get(pk=schedule_id)
    async_task(schedule.func, group="asked for")
    return schedule


def check_now(*, by: User) -> None:
    if not may(by, "run_jobs"):
        raise PermissionError
    async_task("operations.jobs.check_guarantees", group="asked for")
