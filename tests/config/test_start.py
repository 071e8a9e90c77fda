import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from config import postgres, start
from config.start import Child, Failed, Interruption

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 180  # a machine that is busy with something else
IGNORES_TERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield Interruption()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def child(tmp_path: Path, program: str) -> Child:
    return Child("worker", [sys.executable, "-c", program], tmp_path / "worker.log")


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"in {SECONDS} s not seen: {what}")


# --- pieces -----------------------------------------------------------------------------------------------------


def test_taken_port_that_was_asked_for_is_an_error(taken):
    with pytest.raises(Failed, match=f"port {taken} is taken"):
        start.choose_port("127.0.0.1", taken)


def test_taken_default_port_gives_way_to_the_next(taken, monkeypatch, capsys):
    monkeypatch.setattr(start, "DEFAULT_PORT", taken)
    assert start.choose_port("127.0.0.1", None) > taken
    assert f"{taken} is taken" in capsys.readouterr().out


def test_port_that_no_machine_has_is_an_error():
    with pytest.raises(Failed, match="cannot listen at"):
        start.choose_port("127.0.0.1", 99999)


def test_child_that_dies_is_started_again_after_growing_pauses(tmp_path, capsys):
    failing = child(tmp_path, "print('no such table'); raise SystemExit(3)")
    pauses = []
    for _ in range(7):
        failing.start()
        failing.process.wait()
        start.plan_restart(failing)
        pauses.append(round(failing.due - time.monotonic()))
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    said = capsys.readouterr().out
    assert "exit 3" in said
    assert "no such table" in said


def test_child_that_ignores_the_stop_is_killed(tmp_path, interruption, monkeypatch):
    monkeypatch.setattr(start, "STOP_SECONDS", 0.2)
    stubborn = child(tmp_path, IGNORES_TERM)
    stubborn.start()
    wait_until(stubborn.log_tail, "the child's first line")
    start.end([stubborn], interruption)
    assert stubborn.process.returncode == -signal.SIGKILL


def test_second_interruption_ends_the_wait_at_once(tmp_path, interruption):
    stubborn = child(tmp_path, IGNORES_TERM)
    stubborn.start()
    wait_until(stubborn.log_tail, "the child's first line")
    os.kill(os.getpid(), signal.SIGINT)
    again = subprocess.Popen(
        [sys.executable, "-c", f"import os, time; time.sleep(.5); os.kill({os.getpid()}, 2)"]
    )
    started = time.monotonic()
    start.end([stubborn], interruption)
    again.wait()
    assert interruption.count == 2
    assert time.monotonic() - started < start.STOP_SECONDS / 2


def test_leftovers_of_this_directory_are_ended_and_no_others(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "VAR", tmp_path)
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    ours = subprocess.Popen(sleep, env={**os.environ, start.MARK: str(tmp_path)})
    others = subprocess.Popen(sleep, env={**os.environ, start.MARK: str(tmp_path / "other")})
    wait_until(lambda: list(start.marked()), "the marked process")
    start.stop_leftovers()
    assert not psutil.pid_exists(ours.pid)
    assert others.poll() is None
    others.kill()


def test_logins_are_listed_by_role(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "VAR", tmp_path)
    assert "createsuperuser" in start.logins()
    login = {"role": "manager", "email": "ben@example.com", "name": "Ben Ito"}
    (tmp_path / "demo-logins.json").write_text(json.dumps({"password": "open sesame", "logins": [login]}))
    lines = start.logins().splitlines()
    assert "open sesame" in lines[0]
    assert lines[1].split() == ["manager", "ben@example.com", "Ben", "Ito"]


# --- the whole --------------------------------------------------------------------------------------------------


class Running:
    """A bin/start of its own: own data, own port."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.out = var / "out.txt"
        self.process = launch(var, "start", "--no-demo", stdout=self.out.open("w"), stderr=subprocess.STDOUT)

    def said(self) -> str:
        return self.out.read_text()

    def address(self) -> str:
        def found() -> Any:
            assert self.process.poll() is None, self.said()
            return re.search(r"runs at http://(\S+)", self.said())

        return str(wait_until(found, "the address")[1])

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)


def launch(var: Path, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    environment = {**os.environ, "ROUTING_VAR": str(var), "PYTHONPATH": str(ROOT)}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "config.launch", *arguments]
    return subprocess.Popen(command, env=environment, cwd=ROOT, text=True, start_new_session=True, **options)


def marked(var: Path) -> dict[str, psutil.Process]:
    """The masters that were started for this directory, by name."""
    found: dict[str, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get(start.MARK) == str(var) and process.status() != psutil.STATUS_ZOMBIE:
                name = "web" if "uvicorn" in process.cmdline() else "worker"
                found.setdefault(name, process)
        except psutil.Error:
            pass
    return found


def status(address: str) -> int | None:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def test_start_keeps_everything_up_and_stops_all_of_it(place, data):
    first = Running(place)
    address = first.address()
    assert status(address) in {200, 302, 404}
    assert set(marked(place)) == {"web", "worker"}

    second = launch(place, "start", stdout=subprocess.PIPE)
    assert f"already running: http://{address}" in second.communicate()[0]
    assert second.returncode == 1

    web = marked(place)["web"]
    web.kill()
    psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0])).kill()
    wait_until(lambda: status(address), "the web server, again")
    wait_until(lambda: postgres.is_ready(data), "the database, again")
    assert "web           has ended" in first.said()
    assert "database      has died" in first.said()
    assert marked(place)["web"].pid != web.pid

    first.process.kill()  # nothing of it can be tidied up
    first.process.wait()
    assert set(marked(place)) == {"web", "worker"}
    third = Running(place)
    third.address()
    assert "leftovers     ending" in third.said()
    assert "nothing to apply" in third.said()
    assert third.interrupt() == 0
    assert third.said().endswith("Stopped.\n")
    assert marked(place) == {}
    assert not postgres.is_alive(data)


@pytest.mark.parametrize("moment_seconds", [0.4, 1.2, 2.5])
def test_interruption_during_the_start_leaves_nothing_behind(place, moment_seconds):
    running = Running(place)
    time.sleep(moment_seconds)
    running.interrupt()
    assert running.process.returncode in {0, -signal.SIGINT}  # the latter before it looks for signals
    assert marked(place) == {}
    assert not postgres.is_alive(place / "postgres")


@pytest.mark.slow
def test_manage_works_on_an_empty_directory_and_keeps_its_output_clean(place, data):
    program = "from django.contrib.auth import get_user_model as g; print(g().objects.count())"
    command = ["manage", "shell", "--no-imports", "-c", program]
    commands = [launch(place, *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [one.communicate(timeout=SECONDS) for one in commands]
    assert [out for out, _ in answers] == ["0\n", "0\n"], answers
    assert not postgres.is_alive(place / "postgres")


@pytest.mark.slow
def test_manage_passes_exit_codes_on(place):
    command = launch(
        place, "manage", "migrate", "no_such_app", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, err = command.communicate(timeout=SECONDS)
    assert command.returncode == 1
    assert "no_such_app" in err
