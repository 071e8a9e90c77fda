"""Heartbeats: each web process and each worker says every few seconds that it lives, and looks for trouble each minute.

Who looks is any of them, so that a worker that has fallen silent is missed by somebody who has not.
"""

import datetime
import logging
import os
import platform
import threading
from pathlib import Path

import psutil
from django.conf import settings
from django.db import connections
from django.utils import timezone

from operations.models import Incident, ProcessBeat
from operations.services.troubles import look_for_trouble
from routing.services import outbox
from routing.services.delivery import sending
from telemetry.metrics import recent_intake

log = logging.getLogger(__name__)
BEAT_SECONDS = 10.0
LOOKS_EVERY = 6  # beats
FORGOTTEN_AFTER = datetime.timedelta(days=1)
_started = timezone.now()


def beat(*, kind: str, at: datetime.datetime) -> ProcessBeat:
    """This process lives."""
    disk = psutil.disk_usage(str(existing(settings.VAR_DIR)))
    seen, failed = recent_intake.counts()
    values = {
        "kind": kind,
        "version": settings.VERSION,
        "started_at": _started,
        "last_seen_at": at,
        "disk_free_bytes": disk.free,
        "disk_total_bytes": disk.total,
        "intake_requests": seen,
        "intake_failed": failed,
    }
    found, _ = ProcessBeat.objects.update_or_create(host=host(), pid=os.getpid(), defaults=values)
    return found


def forget_silent(*, at: datetime.datetime) -> int:
    return ProcessBeat.objects.filter(last_seen_at__lt=at - FORGOTTEN_AFTER).delete()[0]


def forget_killed(*, kind: str) -> None:
    """Those of this machine that are no process any more: whoever is started in their place says so."""
    killed = [
        one.pk
        for one in ProcessBeat.objects.filter(host=host(), kind=kind)
        if one.pid == os.getpid() or not psutil.pid_exists(one.pid)
    ]
    ProcessBeat.objects.filter(pk__in=killed).delete()


def say_goodbye() -> None:
    """An orderly stop is no silence."""
    ProcessBeat.objects.filter(host=host(), pid=os.getpid()).delete()


def host() -> str:
    return platform.node()[:255] or "unknown"


def existing(place: Path) -> Path:
    return place if place.exists() else place.parent


class Heart(threading.Thread):
    """Beats until it is told to stop; a database that is away is waited for."""

    def __init__(self, kind: str) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.kind = kind
        self.over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.over.is_set():
            try:
                self.turn(number)
            except Exception:
                log.exception("no heartbeat: the next try follows")
            finally:
                connections.close_all()  # none idles between two beats
            number += 1
            self.over.wait(BEAT_SECONDS)

    def turn(self, number: int) -> None:
        if number == 0:
            forget_killed(kind=self.kind)
        beat(kind=self.kind, at=timezone.now())
        if number % LOOKS_EVERY == LOOKS_EVERY - 1:
            forget_silent(at=timezone.now())
            begun = look_for_trouble(at=timezone.now())
            if Incident.Kind.WORKER in begun:
                tell_without_worker()

    def stop(self) -> None:
        self.over.set()
        try:
            self.join(2)
            say_goodbye()
        except Exception:
            log.exception("the heartbeat could not be taken back")
        finally:
            connections.close_all()


def tell_without_worker() -> None:
    """Of a silent worker nobody would hear: delivering is its work. So whoever found out does it this once."""
    outbox.deliver_due(at=timezone.now())
    sending.run_sender()
