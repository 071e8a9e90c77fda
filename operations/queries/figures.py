"""How the whole installation does, in numbers: what /metrics, the alarms and the status page read. Few statements, each
part of them by an index or of a small table."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, QuerySet
from django_q.models import OrmQ, Schedule

from analytics.models import Alarm
from crm.models import Opportunity
from operations.broker import counts_of_broker
from operations.engine import growth
from operations.models import Backup, GrowthSample, InvariantCheck, ProcessBeat
from reps.engine.unavailable import Unavailable
from reps.models import CalendarFeed, Job
from reps.queries.calendars import calendar_settings, feeds_in_trouble
from routing.models import AutomationChange, Delivery, ModelVersion, OutboxMessage, QueueItem

ALIVE_FOR = datetime.timedelta(seconds=60)  # without a heartbeat
OVERDUE_AFTER = datetime.timedelta(minutes=3)  # who starts anew has all of them to catch up with
UNDECIDED_AFTER = datetime.timedelta(minutes=2)


@dataclass(frozen=True)
class Backlog:
    """What waits: how many, and the oldest's age in seconds (0 where nothing waits)."""

    waiting: int
    oldest_seconds: float


NOTHING = Backlog(0, 0.0)


@dataclass(frozen=True)
class Work:
    """Of the workers. `schedules_overdue`: whose time has come a while ago."""

    tasks: Backlog
    running: int
    schedules_overdue: int
    beat_age_seconds: float | None  # of the worker that was seen last
    workers: int  # alive
    webs: int


@dataclass(frozen=True)
class Calendars:
    feeds: int
    failing: int
    dead: int  # failing for longer than the calendars' settings allow


@dataclass(frozen=True)
class ModelState:
    """The champion. `learned`: from deals; the model of a new organisation is rules alone and does not grow old."""

    number: int
    age_days: float
    learned: bool
    drifts: bool
    trained_at: datetime.datetime | None


@dataclass(frozen=True)
class Backups:
    """`asked`: whether regular ones are made. `age_seconds`: of the last one made, None without any. `failed`: why the
    last try failed, where it did."""

    asked: bool
    age_seconds: float | None
    failed: str


@dataclass(frozen=True)
class Figures:
    at: datetime.datetime
    outbox: Backlog
    outbox_dead: int
    deliveries_dead: int
    queue: Mapping[str, Backlog]
    undecided: Backlog
    work: Work
    calendars: Calendars
    model: ModelState | None
    check: InvariantCheck | None
    database_bytes: int
    connections: int
    followers: int  # databases that copy this one as it changes
    intake_requests: int
    intake_failed: int
    disk_free_share: float | None
    full_in_days: (
        float | None
    )  # at the pace of the last week; None where it does not grow, or nobody can tell
    backups: Backups


def figures(at: datetime.datetime) -> Figures:
    events = OutboxMessage.objects.filter(delivered_at__isnull=True)
    alive = list(ProcessBeat.objects.filter(last_seen_at__gt=at - ALIVE_FOR))
    return Figures(
        at=at,
        outbox=backlog(events.filter(dead_at__isnull=True), "created_at", at),
        outbox_dead=events.filter(dead_at__isnull=False).count(),
        deliveries_dead=Delivery.objects.filter(state=Delivery.State.DEAD).count(),
        queue=queue(at),
        undecided=undecided(at),
        work=work(at, alive),
        calendars=calendars(at),
        model=model_state(at),
        check=InvariantCheck.objects.first(),
        intake_requests=sum(one.intake_requests for one in alive),
        intake_failed=sum(one.intake_failed for one in alive),
        disk_free_share=disk_free_share(alive),
        full_in_days=full_in_days(alive),
        backups=backups(at),
        **database(),
    )


def disk_free_share(alive: list[ProcessBeat]) -> float | None:
    """Where it is fullest; None where nobody has told."""
    told = (one.disk_free_bytes / one.disk_total_bytes for one in alive if one.disk_total_bytes)
    return min(told, default=None)


def disk_free_bytes(alive: list[ProcessBeat]) -> int | None:
    """Where the least is free; None where nobody has told."""
    return min((one.disk_free_bytes for one in alive if one.disk_total_bytes), default=None)


def full_in_days(alive: list[ProcessBeat]) -> float | None:
    week = GrowthSample.objects.filter(table="").values_list("day", "size_bytes")[: growth.WEEK + 1]
    free, pace = disk_free_bytes(alive), growth.pace(dict(week), growth.WEEK)
    return (
        None
        if free is None or isinstance(pace, Unavailable)
        else growth.full_in_days(free, pace.bytes_per_day)
    )


def backlog(rows: QuerySet[Any], field: str, at: datetime.datetime) -> Backlog:
    found = rows.aggregate(waiting=Count("pk"), oldest=Min(field))
    return aged(found["waiting"], found["oldest"], at)


def aged(waiting: int, oldest: datetime.datetime | None, at: datetime.datetime) -> Backlog:
    return Backlog(waiting, 0.0 if oldest is None else max((at - oldest).total_seconds(), 0.0))


def queue(at: datetime.datetime) -> Mapping[str, Backlog]:
    """Of the Routing Queue, by kind; every kind is named."""
    rows = (
        QueueItem.objects.filter(state=QueueItem.State.PENDING)
        .order_by()
        .values("kind")
        .annotate(waiting=Count("pk"), oldest=Min("waiting_since"))
    )
    found = {row["kind"]: aged(row["waiting"], row["oldest"], at) for row in rows}
    return {kind: found.get(kind, NOTHING) for kind in QueueItem.Kind.values}


def undecided(at: datetime.datetime) -> Backlog:
    """Accepted, and not decided within the time in which the sweep should have; nothing while automation is paused."""
    last = AutomationChange.objects.order_by("-pk").values_list("state", "at").first()
    if last is not None and (last[0] == AutomationChange.State.PAUSED or last[1] > at - UNDECIDED_AFTER):
        return NOTHING
    waiting = Opportunity.objects.filter(
        routing=Opportunity.Routing.WAITING, routing_since__lt=at - UNDECIDED_AFTER
    )
    return backlog(waiting, "routing_since", at)


def work(at: datetime.datetime, alive: list[ProcessBeat]) -> Work:
    waiting, running = tasks(at)
    seen = ProcessBeat.objects.filter(kind=ProcessBeat.Kind.WORKER).order_by("-last_seen_at").first()
    kinds = [one.kind for one in alive]
    return Work(
        tasks=waiting,
        running=running,
        schedules_overdue=Schedule.objects.filter(next_run__lt=at - OVERDUE_AFTER).exclude(repeats=0).count(),
        beat_age_seconds=None if seen is None else max((at - seen.last_seen_at).total_seconds(), 0.0),
        workers=kinds.count(ProcessBeat.Kind.WORKER),
        webs=kinds.count(ProcessBeat.Kind.WEB),
    )


def tasks(at: datetime.datetime) -> tuple[Backlog, int]:
    """What waits for a worker, and how many are under way: in the table and, where there is one, with the broker."""
    # A task that nobody works on is locked until the moment it was asked for, one under way until it counts as lost.
    kept = backlog(OrmQ.objects.filter(lock__lte=at), "lock", at)
    running = OrmQ.objects.filter(lock__gt=at).count()
    told = counts_of_broker()
    if told is None:
        return kept, running
    waiting, under_way, oldest = told
    return Backlog(kept.waiting + waiting, max(kept.oldest_seconds, oldest)), running + under_way


def calendars(at: datetime.datetime) -> Calendars:
    read = CalendarFeed.objects.filter(rep__left_at__isnull=True).exclude(kind=CalendarFeed.Kind.UPLOAD)
    since = at - datetime.timedelta(hours=calendar_settings().alarm_after_hours)
    return Calendars(
        feeds=read.count(),
        failing=read.filter(failures__gt=0).count(),
        dead=feeds_in_trouble(since=since).count(),
    )


def model_state(at: datetime.datetime) -> ModelState | None:
    champion = (
        ModelVersion.objects.filter(state=ModelVersion.State.CHAMPION)
        .values("number", "kind", "created_at")
        .first()
    )
    if champion is None:
        return None
    trained = Job.objects.filter(kind="training", state=Job.State.DONE).order_by("-pk").first()
    return ModelState(
        number=champion["number"],
        age_days=max((at - champion["created_at"]).total_seconds() / 86400, 0.0),
        learned=champion["kind"] != ModelVersion.Kind.RULES,
        drifts=Alarm.objects.filter(kind=Alarm.Kind.CALIBRATION, ended_at__isnull=True).exists(),
        trained_at=None if trained is None else trained.finished_at,
    )


def backups(at: datetime.datetime) -> Backups:
    """The last try and the last one made are among the newest: of many failures in a row the first would be enough."""
    tries = list(Backup.objects.values_list("began_at", "error")[:200])
    made = next((began for began, error in tries if not error), None)
    return Backups(
        asked=bool(settings.BACKUP_DIRECTORY),
        age_seconds=None if made is None else max((at - made).total_seconds(), 0.0),
        failed=tries[0][1] if tries else "",
    )


def database() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database()), "
            "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()), "
            "(SELECT count(*) FROM pg_stat_replication)"
        )
        size, connections, followers = cursor.fetchone()
    return {"database_bytes": size, "connections": connections, "followers": followers}
