"""bin/start: everything up, in order, and kept up until Ctrl-C, which stops all that was started.

Web server and worker run in sessions of their own. A signal only sets a flag that every wait looks at, so that no
step is left half done and nothing is started that nobody would stop.
"""

import argparse
import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

from config import postgres
from config.surroundings import ROOT, VAR, database

MARK = "ROUTING_STARTED_BY"  # in the environment of all that was started, so that leftovers are found
DEFAULT_PORT = 8000
WEB_SECONDS = 60
FINISH_SECONDS = 30  # that the web server gives requests under way; event streams end by themselves
STOP_SECONDS = 40
LONGEST_PAUSE_SECONDS = 30
SETTLED_SECONDS = 60  # a process that ran this long and dies is started again at once
LOG_BYTES = 10 * 2**20


class Stopped(Exception):
    """Ctrl-C or a signal, seen at a point where it is safe to leave."""


class Failed(Exception):
    pass


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    interruption = Interruption()
    VAR.mkdir(parents=True, exist_ok=True)
    with (VAR / "start.lock").open("a+") as lock:
        if running := other_start(lock):
            say(f"bin/start: already running: {running}. Stop that one first.")
            return 1
        try:
            run(options, interruption, lock)
        except Stopped:
            say("Stopped.")
        except Failed as failure:
            say(f"bin/start: {failure}")
            return 1
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bin/start", description="Start Predictive Routing. Ctrl-C stops it.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    port = f"({DEFAULT_PORT}, or the next that is free); PORT in the environment does the same"
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or None, help=port)
    parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, interruption: "Interruption", lock: IO[str]) -> None:
    stop_leftovers()
    port = choose_port(options.host, options.port)
    address = f"http://{'127.0.0.1' if options.host in {'0.0.0.0', '::'} else options.host}:{port}"
    note(lock, f"{address} (process {os.getpid()})")

    started = time.monotonic()
    os.environ.setdefault("BASE_URL", address)  # what links in messages begin with
    with database(VAR):
        say_phase("database", where_the_data_are(), started)
        interruption.check()
        prepare(options, interruption)
        web, worker = children(options.host, port)
        try:
            started = time.monotonic()
            worker.start()
            web.start()
            wait_for(web, address, interruption)
            say_phase("web, worker", "up", started)
            welcome(address, [web, worker])
            supervise([web, worker], interruption)
        finally:
            if interruption.count:
                say("\nStopping. Ctrl-C again ends it at once.")
            end([web, worker], interruption)


# --- before anything runs -------------------------------------------------------------------------------------


class Interruption:
    """Counts SIGINT, SIGTERM and SIGHUP instead of acting on them; also where they came in ignored, as under `&`."""

    def __init__(self) -> None:
        self.count = 0
        signal.signal(signal.SIGINT, self.notice)
        signal.signal(signal.SIGTERM, self.notice)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self.notice)

    def notice(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1

    def check(self) -> None:
        if self.count:
            raise Stopped


def other_start(lock: IO[str]) -> str:
    """What another bin/start of this checkout says of itself, or an empty string."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        return lock.read() or "another process"
    note(lock, f"process {os.getpid()}, which is still starting")
    return ""


def note(lock: IO[str], text: str) -> None:
    lock.truncate(0)
    lock.write(text)
    lock.flush()


def where_the_data_are() -> str:
    data = VAR / "postgres"
    if os.environ.get("DATABASE_URL"):
        return "as in DATABASE_URL"
    if data.is_symlink():
        return f"in {data.readlink()}, since PostgreSQL refuses root and others cannot read {data.parent}"
    return f"in {shown(data)}"


def stop_leftovers() -> None:
    """End what an earlier start has left behind because it was killed itself."""
    left = list(marked())
    if not left:
        return
    say(f"  leftovers     ending {len(left)} processes of an earlier start")
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=4)
    for process in [*stubborn, *marked()]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=2)


def marked() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(VAR) and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def choose_port(host: str, asked: int | None) -> int:
    if asked is not None:
        if not is_free(host, asked):
            raise Failed(f"port {asked} is taken. Stop what uses it, or choose another: bin/start --port N.")
        return asked
    for port in range(DEFAULT_PORT, DEFAULT_PORT + 100):
        if is_free(host, port):
            if port != DEFAULT_PORT:
                say(f"  port          {DEFAULT_PORT} is taken by another program; using {port}")
            return port
    raise Failed(f"no free port from {DEFAULT_PORT} on. Choose one: bin/start --port N.")


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            if isinstance(error, PermissionError | OverflowError | socket.gaierror):
                raise Failed(f"cannot listen at {host}:{port}: {error}.") from error
            return False
    return True


def prepare(options: argparse.Namespace, interruption: Interruption) -> None:
    command = [sys.executable, "-m", "config.prepare", *(["--no-demo"] if options.no_demo else [])]
    environment = {"LOG_LEVEL": "WARNING", **os.environ, MARK: str(VAR)}
    child = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    while child.poll() is None:
        if interruption.count:
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            kill_group(child)
            raise Stopped
        time.sleep(0.05)
    if child.returncode:
        raise Failed("the preparation above did not succeed, so nothing was started.")


# --- web server and worker ------------------------------------------------------------------------------------


@dataclass
class Child:
    name: str
    command: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    failures: int = 0
    due: float = 0.0  # when to start again; 0 while it runs

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**os.environ, **self.environment, MARK: str(VAR)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started = time.monotonic()
        self.due = 0.0

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join(f"    {line}" for line in lines)


def children(host: str, port: int) -> tuple[Child, Child]:
    options = f"--host {host} --port {port} --timeout-graceful-shutdown {FINISH_SECONDS} --no-access-log"
    web = [sys.executable, "-m", "uvicorn", "config.asgi:application", *options.split()]
    worker = [sys.executable, str(ROOT / "manage.py"), "worker"]
    return (
        # The pool serves the web process alone: the worker forks, and forks must not share its connections.
        Child("web", web, VAR / "log" / "web.log", {"DATABASE_POOL": "1"}),
        Child("worker", worker, VAR / "log" / "worker.log"),
    )


def wait_for(web: Child, address: str, interruption: Interruption) -> None:
    deadline = time.monotonic() + WEB_SECONDS
    where = address.removeprefix("http://")
    while True:
        interruption.check()
        if web.died():
            raise Failed(f"the web server has ended. {shown(web.log)} says:\n{web.log_tail()}")
        if time.monotonic() > deadline:
            raise Failed(f"the web server does not answer. {shown(web.log)} says:\n{web.log_tail()}")
        try:
            connection = http.client.HTTPConnection(where, timeout=10)
            connection.request("GET", "/")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
            continue
        if status >= 500:
            say(f"  web           answers with error {status}, see {shown(web.log)}")
        return


def supervise(supervised: list[Child], interruption: Interruption) -> None:
    """Start again what dies, with growing pauses; return only by Stopped."""
    while True:
        interruption.check()
        if not os.environ.get("DATABASE_URL") and not postgres.is_alive(VAR / "postgres"):
            say("  database      has died; starting it again")
            try:
                postgres.ensure_running(VAR / "postgres")
            except postgres.PostgresError as error:
                say(f"  database      {error}")
        for child in supervised:
            if child.due and time.monotonic() >= child.due:
                child.start()
            elif child.died() and not child.due:
                plan_restart(child)
        time.sleep(0.3)


def plan_restart(child: Child) -> None:
    process = child.process
    assert process is not None
    kill_group(process)  # the worker's own children outlive it when it was killed
    if time.monotonic() - child.started > SETTLED_SECONDS:
        child.failures = 0
    pause = min(2**child.failures, LONGEST_PAUSE_SECONDS)
    child.failures += 1
    child.due = time.monotonic() + pause
    say(f"  {child.name:<13} has ended (exit {process.returncode}); starting it again in {pause} s")
    say(f"                the end of {shown(child.log)}:\n{child.log_tail()}")


def end(ended: list[Child], interruption: Interruption) -> None:
    """Ask everybody to stop, wait, and kill who does not; at once when asked a second time."""
    processes = [child.process for child in ended if child.process]
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    asked = max(interruption.count, 1)
    while any(process.poll() is None for process in processes):
        if time.monotonic() > deadline or interruption.count > asked:
            break
        time.sleep(0.05)
    for process in processes:
        kill_group(process)


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# --- what is said -----------------------------------------------------------------------------------------------


def welcome(address: str, started: list[Child]) -> None:
    say(f"\nPredictive Routing runs at {address}\n")
    say(logins())
    say(f"Logs: {', '.join(shown(child.log) for child in started)}. Ctrl-C stops everything.\n")


def logins() -> str:
    """One login per role, as seed_demo has left them."""
    try:
        known = json.loads((VAR / "demo-logins.json").read_text())
        rows = [(login["role"], login["email"], login["name"]) for login in known["logins"]]
    except (OSError, ValueError, KeyError, TypeError):
        return "No demo logins here; bin/manage createsuperuser makes an account.\n"
    lines = [f"  {role:<12} {email:<32} {name}" for role, email, name in rows]
    return f"Sign in as (the password is always {known['password']}):\n" + "\n".join(lines) + "\n"


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def say(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone; the stop goes on
        print(line, flush=True)


def say_phase(name: str, result: str, started: float) -> None:
    say(f"  {name:<13} {result} ({time.monotonic() - started:.1f} s)")
