"""The stack that is measured: a database of its own in the same server, one web process with the pool, one worker."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.db import connection
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent
STOP_SECONDS = 20
ROUTED = "/api/v1/opportunities/"


@dataclass(frozen=True)
class Stack:
    port: int
    token: str
    database: str  # its address
    log: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


def address_of(name: str) -> str:
    """The URL of another database of the server that Django is connected to."""
    found = connection.settings_dict
    user, host, port = found["USER"], quote(str(found["HOST"]), safe=""), found["PORT"]
    password = f":{quote(str(found['PASSWORD']), safe='')}" if found["PASSWORD"] else ""
    return f"postgres://{user}{password}@{host}:{port}/{name}"


@contextlib.contextmanager
def scratch_database(name: str, template: str = "template1") -> Iterator[str]:
    """An empty database, or a copy of another one, dropped afterwards; one left behind by a killed run is replaced."""
    with psycopg.connect(address_of("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        names = sql.Identifier(name), sql.Identifier(template)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    try:
        yield address_of(name)
    finally:
        with psycopg.connect(address_of("postgres"), autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def durability(database: str) -> dict[str, str]:
    """The settings that make a commit durable."""
    with psycopg.connect(database) as asked:
        return {name: _shown(asked, name) for name in ("fsync", "synchronous_commit")}


def _shown(asked: "psycopg.Connection[tuple[object, ...]]", name: str) -> str:
    row = asked.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
    return str(row[0]) if row else ""


def environment(database: str, **more: str) -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, "DATABASE_URL": database, "LOG_LEVEL": "WARNING", **threads, **more}


def fill(database: str, size: str) -> str:
    """Migrates and fills with a world of this size; returns the API token."""
    printed = run_module(database, "benchmarks.realtime.world", size)
    settle(database)
    return printed.strip().splitlines()[-1]


def run_module(database: str, module: str, *arguments: str) -> str:
    """What a module prints that works on the database in a process of its own. Raises RuntimeError where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment(database),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def settle(database: str) -> None:
    """As the server does by itself within minutes."""
    with psycopg.connect(database, autocommit=True) as filled:
        filled.execute("VACUUM ANALYZE")


def commands(port: int) -> dict[str, list[str]]:
    """Web process and worker as bin/start runs them."""
    options = f"--host 127.0.0.1 --port {port} --timeout-graceful-shutdown 3 --no-access-log"
    return {
        "web": [sys.executable, "-m", "uvicorn", "config.asgi:application", *options.split()],
        "worker": [sys.executable, "manage.py", "worker"],
    }


@contextlib.contextmanager
def running(database: str, token: str, *, worker: bool = True) -> Iterator[Stack]:
    """Web process and worker (or no worker) as bin/start runs them, with the bare address beside the product's."""
    port = free_port()
    run = commands(port)
    bare = {"DJANGO_SETTINGS_MODULE": "benchmarks.realtime.settings", "DATABASE_POOL": "1"}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("ab") as out:
            started = [
                subprocess.Popen(
                    command, cwd=ROOT, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
                for command, env in (
                    (run["web"], environment(database, **bare)),
                    *(((run["worker"], environment(database, WORKERS="1")),) if worker else ()),
                )
            ]  # fmt: skip
        try:
            stack = Stack(port, token, database, log)
            _wait_for(stack)
            yield stack
        finally:
            stop(started)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(stack: Stack, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            asked = HTTPConnection("127.0.0.1", stack.port, timeout=5)
            asked.request("GET", ROUTED)
            asked.getresponse().read()
            return
        time.sleep(0.2)
    raise RuntimeError(f"The web process does not answer:\n{stack.log.read_text()[-3000:]}")


def stop(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Ends them, by force where they do not end by themselves."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def complaints(stack: Stack) -> list[str]:
    """What the processes logged as errors."""
    return re.findall(r"^.*(?:ERROR|CRITICAL).*$", stack.log.read_text(errors="replace"), re.MULTILINE)
