"""What the worker does for operations, and what is noted of every job. All may run twice or be killed in the middle."""

import logging
from contextlib import ExitStack
from typing import Any

from django.utils import timezone
from django_q.signals import post_execute_in_worker, pre_execute
from structlog.contextvars import bind_contextvars, clear_contextvars

from operations.services import backups, invariants, troubles
from operations.services.history import archiving, months, removing, rewriting, sampling
from operations.services.running import note_run
from reps.attribution import Actor, Way, act
from telemetry.traces import span

log = logging.getLogger("jobs")
_began = timezone.now()  # of the present job; a worker runs one at a time
_traced = ExitStack()


def check_guarantees() -> int:
    """Holds the database against its guarantees, and alarms where one is broken; each night."""
    check = invariants.check_guarantees(at=timezone.now())
    troubles.look_for_trouble(at=timezone.now())
    return check.violations


def back_up() -> str:
    """The nightly backup, where BACKUP_DIRECTORY asks for one."""
    made = backups.back_up(at=timezone.now(), say=log.info)
    return made.place if made else ""


def keep_history() -> int:
    """Partitions of the months to come, and ids lifted to this month's; what an erasure left to be written anew in the
    archive; each hour."""
    rewriting.settle()
    return months.keep_months(at=timezone.now()).made


def archive_history() -> int:
    """Closes the months that are over, archives what is beyond its retention, and notes how large everything is; each
    night. How many months it worked on."""
    now = timezone.now()
    months.close_months(at=now)
    worked_on = archiving.archive_due(at=now)
    removing.drop_empty(at=now)
    archiving.check_files(at=now)
    months.tell_planner()
    sampling.note_sizes(at=now)
    return len(worked_on)


# --- around every job ------------------------------------------------------------------------------------------------


def watch_jobs() -> None:
    """django-q tells of each task in the worker that runs it."""
    pre_execute.connect(begun, dispatch_uid="operations")
    post_execute_in_worker.connect(ended, dispatch_uid="operations")


def begun(task: dict[str, Any], **_: Any) -> None:
    """Every line of the job says whose it is."""
    global _began
    _began = timezone.now()
    clear_contextvars()
    _traced.close()
    _traced.enter_context(span(f"job {name_of(task)}"))
    bind_contextvars(job=name_of(task), task_id=task.get("id"))
    act(Actor(Way.JOB.value, through=name_of(task)[:200], request=str(task.get("id") or "")[:64]))


def ended(task: dict[str, Any], **_: Any) -> None:
    """Notes how it went. What goes wrong with that must not take the worker along."""
    name, now = name_of(task), timezone.now()
    worked = bool(task.get("success"))
    told = {"ms": round((now - _began).total_seconds() * 1000), "worked": worked}
    log.log(logging.INFO if worked else logging.ERROR, "%s", name, extra=told)
    try:
        error = None if worked else str(task.get("result") or "")
        note_run(func=name, started=min(_began, now), ended=now, error=error)
    except Exception:
        log.exception("the run of a job could not be noted")
    finally:
        act(None)
        _traced.close()
        clear_contextvars()


def name_of(task: dict[str, Any]) -> str:
    """The function's path; of one that was given itself, the same."""
    func = task.get("func")
    return (
        func
        if isinstance(func, str)
        else f"{getattr(func, '__module__', '?')}.{getattr(func, '__name__', '?')}"
    )
