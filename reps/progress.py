"""A job as components/job.html shows it: stage, done of total, time left, whether its worker still lives."""

import datetime
from typing import Any

from reps.models import Job
from reps.services.jobs import is_stopped

TONES = {
    "queued": "",
    "running": "accent",
    "done": "good",
    "failed": "bad",
    "cancelled": "warn",
    "stopped": "bad",
}
SMALL_WAIT = 20  # seconds in the queue after which the page says that no worker has taken it


def job_shown(job: Job, *, title: str, now: datetime.datetime) -> dict[str, Any]:
    stopped = is_stopped(job, at=now)
    left = _seconds_left(job, now) if job.state == Job.State.RUNNING and not stopped else None
    waits = job.state == Job.State.QUEUED and (now - job.created_at).total_seconds() > SMALL_WAIT
    return {
        "pk": job.pk,
        "title": title,
        "stage": "No worker has taken it yet" if waits else job.stage or "Waiting for a worker",
        "done": job.done,
        "total": job.total,
        "is_running": job.state in (Job.State.QUEUED, Job.State.RUNNING) and not stopped,
        "state_label": "stopped" if stopped else job.get_state_display().lower(),
        "tone": TONES["stopped" if stopped else job.state],
        "seconds_left": left,
        "time_left": "" if left is None else f"{max(left, 1)} s" if left < 90 else f"{round(left / 60)} min",
    }


def _seconds_left(job: Job, now: datetime.datetime) -> int | None:
    """As long as the rest takes at the pace so far; None where that is not known yet."""
    if not job.total or not job.done or job.started_at is None:
        return None
    spent = (now - job.started_at).total_seconds()
    return round(spent * (job.total - job.done) / job.done)
