"""The status page: each part of the installation in a word, a colour and a sentence. What is wrong comes first."""

import datetime
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection
from django_q.models import Schedule

from operations.engine import troubles as engine
from operations.models import Incident, JobRun, ProcessBeat
from operations.queries.figures import ALIVE_FOR, OVERDUE_AFTER, Figures, figures
from operations.queries.words import age, bytes_in_words, days, of_all, percent
from routing.models import QueueItem

GOOD, WARN, BAD = "good", "warn", "bad"
SLOW_AFTER_SECONDS = 30
WORDS = {GOOD: "fine", WARN: "look at it", BAD: "wrong"}


@dataclass(frozen=True)
class Part:
    """`tone` is good, warn or bad; `label` the word for it. `more`: lines below."""

    name: str
    tone: str
    said: str
    more: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return WORDS[self.tone]


@dataclass(frozen=True)
class RegularJob:
    """A schedule with its last run. `label` and `tone` as of a part."""

    pk: int
    name: str
    func: str
    next_run: datetime.datetime | None
    run: JobRun | None
    tone: str
    label: str


@dataclass(frozen=True)
class Status:
    at: datetime.datetime
    parts: list[Part]
    incidents: list[Incident]
    past: list[Incident]
    processes: list[ProcessBeat]
    jobs: list[RegularJob]
    other_jobs: list[JobRun]
    silent_before: datetime.datetime

    @property
    def tone(self) -> str:
        tones = {part.tone for part in self.parts} | ({BAD} if self.incidents else set())
        return BAD if BAD in tones else WARN if WARN in tones else GOOD

    @property
    def sentence(self) -> str:
        wrong = [part.name for part in self.parts if part.tone != GOOD]
        if self.incidents:
            number = len(self.incidents)
            return f"{'An alarm is' if number == 1 else f'{number} alarms are'} on."
        return f"To be looked at: {', '.join(wrong).lower()}." if wrong else "Everything runs as it should."


def status(at: datetime.datetime) -> Status:
    seen = figures(at)
    incidents = list(Incident.objects.filter(ended_at__isnull=True))
    runs = {run.func: run for run in JobRun.objects.all()}
    jobs = [
        regular(schedule, runs.pop(schedule.func, None), at) for schedule in Schedule.objects.order_by("name")
    ]
    return Status(
        at=at,
        parts=[look(seen) for look in PARTS],
        incidents=incidents,
        past=list(Incident.objects.filter(ended_at__isnull=False)[:10]),
        processes=list(ProcessBeat.objects.all()[:100]),
        jobs=jobs,
        other_jobs=list(runs.values()),
        silent_before=at - ALIVE_FOR,
    )


def regular(schedule: Schedule, run: JobRun | None, at: datetime.datetime) -> RegularJob:
    tone, label = GOOD, "works"
    if run is None:
        tone, label = "", "not run yet"
    elif run.failures:
        tone, label = BAD, "failed" if run.failures == 1 else f"failed {run.failures} times"
    if schedule.repeats == 0:
        tone, label = "", "switched off"
    elif schedule.next_run and schedule.next_run < at - OVERDUE_AFTER:
        tone, label = BAD, "overdue"
    return RegularJob(schedule.pk, schedule.name, schedule.func, schedule.next_run, run, tone, label)


# --- the parts -------------------------------------------------------------------------------------------------------


def _processes(seen: Figures) -> Part:
    work = seen.work
    webs = f"{work.webs} web {'process' if work.webs == 1 else 'processes'}"
    workers = f"{work.workers} {'worker' if work.workers == 1 else 'workers'}"
    if not work.workers:
        since = (
            "none was ever seen"
            if work.beat_age_seconds is None
            else f"the last was seen {age(work.beat_age_seconds)} ago"
        )
        return Part(
            "Processes", BAD, f"{webs}, but no worker: {since}. Jobs, messages and calendars stand still."
        )
    return Part("Processes", GOOD, f"{webs} and {workers} live.")


def _jobs(seen: Figures) -> Part:
    work = seen.work
    said = f"{work.tasks.waiting:,} wait, {work.running:,} under way, {work.schedules_overdue:,} regular ones overdue."
    if work.schedules_overdue or work.tasks.oldest_seconds > engine.OUTBOX_SECONDS.begins:
        return Part("Jobs", BAD, f"{said} The oldest has waited {age(work.tasks.oldest_seconds)}.")
    return Part("Jobs", WARN if work.tasks.oldest_seconds > engine.WORKER_SECONDS.begins else GOOD, said)


def _intake(seen: Figures) -> Part:
    requests, failed = seen.intake_requests, seen.intake_failed
    said = "No lead came in within five minutes."
    if requests:
        said = f"{requests:,} requests with leads in five minutes, {failed:,} of them answered with an error of ours."
    if seen.undecided.waiting:
        oldest = age(seen.undecided.oldest_seconds)
        return Part(
            "Intake",
            BAD,
            f"{said} {seen.undecided.waiting:,} leads wait for a decision, the oldest since {oldest}.",
        )
    if engine.intake_fails(requests, failed, is_on=False):
        return Part("Intake", BAD, said)
    return Part("Intake", WARN if failed else GOOD, f"{said} No lead waits for a decision.")


def _outbox(seen: Figures) -> Part:
    oldest = f", the oldest for {age(seen.outbox.oldest_seconds)}" if seen.outbox.waiting else ""
    dead = seen.outbox_dead + seen.deliveries_dead
    said = f"{seen.outbox.waiting:,} wait{oldest}. {dead:,} given up."
    late = seen.outbox.oldest_seconds > engine.OUTBOX_SECONDS.begins
    return Part("Messages", BAD if late else WARN if dead else GOOD, said)


def _queue(seen: Figures) -> Part:
    lines = [
        f"{QueueItem.Kind(kind).label}: {found.waiting:,}, the oldest since {age(found.oldest_seconds)}"
        for kind, found in seen.queue.items()
        if found.waiting
    ]
    waiting = sum(found.waiting for found in seen.queue.values())
    return Part(
        "Routing Queue", GOOD, f"{waiting:,} wait for a person." if waiting else "Nothing waits.", lines
    )


def _calendars(seen: Figures) -> Part:
    found = seen.calendars
    if not found.feeds:
        return Part("Calendars", GOOD, "None is read.")
    if not found.failing:
        return Part("Calendars", GOOD, f"All {found.feeds:,} can be read.")
    said = f"{of_all(found.failing, found.feeds)} could not be read the last time, {found.dead:,} of them for hours."
    return Part("Calendars", BAD if found.dead else WARN, said)


def _model(seen: Figures) -> Part:
    model = seen.model
    if model is None:
        return Part("Model", BAD, "There is none, so nothing can be decided.")
    if not model.learned:
        return Part(
            "Model", GOOD, f"Model {model.number} goes by declared skills; none has learned from deals yet."
        )
    said = f"Model {model.number} has decided for {days(model.age_days)}."
    if model.drifts:
        return Part("Model", BAD, f"{said} Its forecasts are off.")
    return Part("Model", WARN if model.age_days > settings.MODEL_STALE_DAYS else GOOD, said)


def _guarantees(seen: Figures) -> Part:
    check = seen.check
    if check is None:
        return Part("Guarantees", GOOD, "Not checked yet; each night they are.")
    when = f"checked {age((seen.at - check.ended_at).total_seconds())} ago on {check.rows:,} rows"
    if check.violations:
        return Part("Guarantees", BAD, f"{check.violations:,} broken, {when}.", list(check.named[:10]))
    late = seen.at - check.ended_at > datetime.timedelta(days=2)
    return Part("Guarantees", WARN if late else GOOD, f"All hold, {when}.")


def _database(seen: Figures) -> Part:
    followed = f"{seen.followers} more follow it" if seen.followers else "No second one follows it"
    said = f"{bytes_in_words(seen.database_bytes)}, {seen.connections:,} connections. {followed}."
    slow = slow_transactions()
    if slow:
        return Part("Database", WARN, f"{said} Something takes long.", slow)
    return Part("Database", GOOD, said)


def slow_transactions() -> list[str]:
    """What has been open for long, without its words: they may name people."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, state, extract(epoch FROM clock_timestamp() - xact_start) FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() "
            "AND xact_start < clock_timestamp() - %s::interval ORDER BY xact_start LIMIT 5",
            [f"{SLOW_AFTER_SECONDS} seconds"],
        )
        rows = cursor.fetchall()
    return [
        f"Transaction of connection {pid} ({state or 'unknown'}): open for {age(float(s))}"
        for pid, state, s in rows
    ]


def _disk(seen: Figures) -> Part:
    free = seen.disk_free_share
    if free is None:
        return Part("Disk", WARN, "Nobody has told how full it is.")
    used = 1 - free
    tone = (
        BAD if used > engine.DISK_FULL_SHARE.begins else WARN if used > engine.DISK_FULL_SHARE.ends else GOOD
    )
    said, left = f"{percent(free)} free where it is fullest.", seen.full_in_days
    if left is not None and left < -engine.DAYS_TO_FULL.ends:
        tone = BAD if engine.DAYS_TO_FULL.holds(-left, is_on=False) else tone if tone == BAD else WARN
        said = f"{said} At the pace of the last week it is full in {days(left)}."
    return Part("Disk", tone, said)


def _backups(seen: Figures) -> Part:
    found = seen.backups
    last = (
        "There is none yet."
        if found.age_seconds is None
        else f"The last one is {age(found.age_seconds)} old."
    )
    if not found.asked:
        return Part("Backups", GOOD, f"None is made regularly from here (BACKUP_DIRECTORY). {last}")
    late = found.age_seconds is not None and found.age_seconds > settings.BACKUP_ALARM_HOURS * 3600
    if late or (found.failed and found.age_seconds is None):
        return Part("Backups", BAD, f"{last} {found.failed}".strip())
    if found.failed:
        return Part("Backups", WARN, f"{last} The last try failed: {found.failed}")
    return Part("Backups", GOOD, f"{last} One is made each night.")


PARTS = (
    _processes, _jobs, _intake, _outbox, _queue, _calendars, _model, _guarantees, _database, _disk, _backups,
)  # fmt: skip
