"""A real web process that is asked to stop under load: it says so, finishes what is in flight, and loses nothing."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from crm.models import Opportunity
from reps.models import ApiToken, Rep, User
from routing.models import IntakeReceipt

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 120
CALLERS, EACH = 4, 40


def database_url() -> str:
    known = connection.settings_dict
    host = str(known["HOST"]).replace("/", "%2F")
    return f"postgres://{known['USER']}:{known['PASSWORD']}@{host}:{known['PORT']}/{known['NAME']}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """uvicorn, as config.start runs it, on the tests' database."""

    def __init__(self, port: int, log: Path, delay: float) -> None:
        self.port, self.log = port, log
        environment = {
            **os.environ, "DATABASE_URL": database_url(), "DATABASE_POOL": "1", "LOG_FORMAT": "json",
            "LOG_LEVEL": "INFO", "STOP_DELAY_SECONDS": str(delay), "DJANGO_SETTINGS_MODULE": "tests.settings",
        }  # fmt: skip
        options = f"--host 127.0.0.1 --port {port} --timeout-graceful-shutdown 30 --no-access-log"
        command = [sys.executable, "-m", "uvicorn", "config.asgi:application", *options.split()]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log.open("ab"))
        wait_until(lambda: self.probe("/ready/") == 200, f"the server: {log.read_text()[-2000:]}")

    def probe(self, path: str) -> int | None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            asked.request("GET", path)
            return asked.getresponse().status
        return None

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def one(port: int = 0, delay: float = 0.0) -> Server:
        started.append(Server(port or free_port(), tmp_path / "web.log", delay))
        return started[-1]

    yield one
    for server in started:
        server.kill()


@dataclass
class Caller(threading.Thread):
    """Sends leads one after the other, each until it is answered. `met`: what came instead of an answer."""

    port: int
    token: str
    name_: str
    answers: list[int] = field(default_factory=list)
    met: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        for number in range(EACH):
            key = f"{self.name_}-{number}"
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                try:
                    self.answers.append(self.send(key))
                    break
                except (OSError, http.client.HTTPException) as error:
                    self.met.append(type(error).__name__)
                    time.sleep(0.02)

    def send(self, key: str) -> int:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {
            "Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key,
            "Host": "localhost",
        }  # fmt: skip
        try:
            asked.request("POST", "/api/v1/opportunities/", json.dumps({"name": key}), headers)
            return asked.getresponse().status
        finally:
            asked.close()


def test_no_request_is_lost_or_done_twice(ana: Rep, omar: User, start: Callable[..., Server]) -> None:
    _, token = ApiToken.objects.create(user=omar, name="load")
    first = start()
    callers = [Caller(first.port, token, f"caller-{place}") for place in range(CALLERS)]
    for caller in callers:
        caller.start()
    wait_until(lambda: sum(len(one.answers) for one in callers) > CALLERS * EACH // 4, "leads under way")
    first.stop()
    assert first.process.wait(SECONDS) in (0, -signal.SIGTERM)
    assert sum(len(one.answers) for one in callers) < CALLERS * EACH  # it was in the middle
    start(first.port)
    for caller in callers:
        caller.join(SECONDS)
    answers = [status for caller in callers for status in caller.answers]
    # Each was answered; and none of those that were tried again had been done before, which would answer 200.
    assert answers == [201] * (CALLERS * EACH)
    # Nothing in flight was cut: whoever got no answer was refused, or stood in line to be let in.
    met = {error for caller in callers for error in caller.met}
    assert met <= {"ConnectionRefusedError", "ConnectionResetError"}
    assert met
    resets = [error for caller in callers for error in caller.met if error == "ConnectionResetError"]
    assert len(resets) <= CALLERS
    assert Opportunity.objects.count() == IntakeReceipt.objects.count() == CALLERS * EACH


def test_not_ready_first_and_serving_until_the_delay_or_a_second_signal_ends_it(
    omar: User, start: Callable[..., Server]
) -> None:
    server = start(delay=3600.0)
    assert server.probe("/health/") == 200
    server.stop()
    wait_until(lambda: server.probe("/ready/") == 503, "not ready")
    assert server.probe("/health/") == 200
    assert server.probe("/login/") == 200
    server.stop()
    assert server.process.wait(SECONDS) in (0, -signal.SIGTERM)
    assert server.probe("/health/") is None


def test_event_stream_ends_at_once_and_holds_nothing_up(omar: User, start: Callable[..., Server]) -> None:
    server = start()
    client = Client()
    client.force_login(omar)
    stream = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    stream.request(
        "GET", f"/events/?since={timezone.now().timestamp()}", headers={"Cookie": cookie, "Host": "localhost"}
    )
    answer = stream.getresponse()
    assert answer.status == 200
    assert answer.readline().startswith(b"retry:")
    server.stop()
    while answer.readline():
        pass  # whole to its end: nothing is cut, and nothing waited for
    assert server.process.wait(SECONDS) in (0, -signal.SIGTERM)
    log = server.log.read_text()
    assert "timeout graceful shutdown exceeded" not in log
    assert {"timestamp", "level", "logger", "event"} <= set(json.loads(log.splitlines()[0]))
    for line in log.splitlines():
        json.loads(line)  # uvicorn's own as well
