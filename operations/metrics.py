"""/metrics: what this process has counted, and what all share, read from the database every ten seconds at most.

A scrape while the database is away has what the process counted, and `routing_database_up 0`.
"""

import logging
import threading
import time
from collections.abc import Iterable

from django.db import DatabaseError, connection
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from operations.models import Incident
from operations.queries.figures import Figures, figures
from telemetry.metrics import REGISTRY

log = logging.getLogger(__name__)
KEEP_SECONDS = 10.0


class Shared(Collector):
    """Asked for on every scrape. Each is of the whole installation, so a sum over processes would be wrong."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._read_at = 0.0

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if not self._kept or time.monotonic() - self._read_at > KEEP_SECONDS:
                self._kept, self._read_at = self._read(), time.monotonic()
            return list(self._kept)

    def forget(self) -> None:
        self._kept = []

    def _read(self) -> list[Metric]:
        up = "routing_database_up", "Whether the database answered when it was asked last."
        try:
            found = list(families(figures(timezone.now())))
        except DatabaseError as error:
            log.warning("the figures of the database could not be read: %s", type(error).__name__)
            return [gauge(*up, 0)]
        finally:
            if not connection.in_atomic_block:
                connection.close()
        return [gauge(*up, 1), *found]


def gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(name, said, value=value)


def labelled(name: str, said: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, said, labels=[label])
    for of, value in values:
        family.add_metric([of], value)
    return family


def families(seen: Figures) -> Iterable[Metric]:
    yield gauge("routing_outbox_waiting", "Messages that wait to go out.", seen.outbox.waiting)
    yield gauge("routing_outbox_oldest_seconds", "Age of the oldest of them.", seen.outbox.oldest_seconds)
    dead = (("events", float(seen.outbox_dead)), ("deliveries", float(seen.deliveries_dead)))
    yield labelled("routing_outbox_dead", "Given up, until somebody sends them again.", "what", dead)
    items = [(kind, float(found.waiting)) for kind, found in seen.queue.items()]
    yield labelled("routing_queue_items", "Items of the Routing Queue that wait.", "kind", items)
    ages = [(kind, found.oldest_seconds) for kind, found in seen.queue.items()]
    yield labelled("routing_queue_oldest_seconds", "Age of the oldest of them.", "kind", ages)
    yield gauge(
        "routing_undecided_leads", "Accepted two minutes ago or more, not decided.", seen.undecided.waiting
    )
    yield from of_work(seen)
    yield from of_model(seen)
    yield gauge("routing_calendar_feeds", "Calendars that are read.", seen.calendars.feeds)
    yield gauge(
        "routing_calendar_feeds_failing", "Of them, not readable the last time.", seen.calendars.failing
    )
    yield gauge(
        "routing_calendar_feeds_dead", "Of them, for longer than the settings allow.", seen.calendars.dead
    )
    if seen.check is not None:
        ended = seen.check.ended_at.timestamp()
        yield gauge(
            "routing_invariants_checked_timestamp_seconds", "When the guarantees were checked last.", ended
        )
        yield gauge("routing_invariant_violations", "What that check found broken.", seen.check.violations)
    yield gauge("routing_database_size_bytes", "Size of the database.", seen.database_bytes)
    yield gauge("routing_database_connections", "Connections to it.", seen.connections)
    if seen.disk_free_share is not None:
        yield gauge("routing_disk_free_ratio", "Of the fullest disk of any process.", seen.disk_free_share)
    if seen.backups.age_seconds is not None:
        yield gauge(
            "routing_backup_age_seconds", "Since the last backup was begun.", seen.backups.age_seconds
        )
    yield gauge("routing_backup_failed", "1 where the last try failed.", float(bool(seen.backups.failed)))
    is_on = set(Incident.objects.filter(ended_at__isnull=True).values_list("kind", flat=True))
    alarms = [(kind, float(kind in is_on)) for kind in Incident.Kind.values]
    yield labelled("routing_alarm_on", "1 while the alarm is on.", "kind", alarms)


def of_work(seen: Figures) -> Iterable[Metric]:
    work = seen.work
    yield gauge("routing_jobs_waiting", "Jobs that no worker has taken.", work.tasks.waiting)
    yield gauge("routing_jobs_oldest_seconds", "Age of the oldest of them.", work.tasks.oldest_seconds)
    yield gauge("routing_jobs_running", "Jobs under way.", work.running)
    yield gauge(
        "routing_schedules_overdue", "Regular jobs overdue by three minutes or more.", work.schedules_overdue
    )
    alive = (("web", float(work.webs)), ("worker", float(work.workers)))
    yield labelled("routing_processes", "Processes that live.", "kind", alive)
    if work.beat_age_seconds is not None:
        said = "Age of the newest sign of life of a worker."
        yield gauge("routing_worker_heartbeat_age_seconds", said, work.beat_age_seconds)


def of_model(seen: Figures) -> Iterable[Metric]:
    model = seen.model
    if model is None:
        return
    yield gauge("routing_model_age_seconds", "Since the champion was made.", model.age_days * 86400)
    if model.trained_at is not None:
        trained = model.trained_at.timestamp()
        yield gauge("routing_model_trained_timestamp_seconds", "When a training ended last.", trained)


SHARED = Shared()
REGISTRY.register(SHARED)


def exposition() -> bytes:
    return generate_latest(REGISTRY)
