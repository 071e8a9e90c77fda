"""The processes that are killed, and started again as bin/start does."""

import contextlib
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from benchmarks.realtime import stack
from config import postgres

PAUSE_SECONDS = (1.0, 4.0)
RESTART_SECONDS = 60.0


class House:
    """Web process, worker and database of their own. Whatever dies is started again."""

    def __init__(self, database: str, data: Path) -> None:
        self.data, self.port = data, stack.free_port()
        self._environment = stack.environment(
            database, CHAT_ALLOW_PRIVATE="1", WORKERS="2", LOG_LEVEL="ERROR"
        )
        self._folder = tempfile.TemporaryDirectory()
        self._log = (Path(self._folder.name) / "log").open("ab")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self.slowest_restart = 0.0

    def __enter__(self) -> "House":
        for name in stack.commands(self.port):
            self._start(name)
        self.wait_until(self.answers, RESTART_SECONDS)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._keeper.join()
        for process in self._processes.values():
            _kill(process)
        self._log.close()
        self._folder.cleanup()

    def kill_at_random(self, kills: int, say: Callable[[str], None]) -> dict[str, int]:
        """Each of the three a third of the time, one to four seconds apart; and how often each."""
        draws, done = random.Random(8), Counter[str]()
        for number in range(kills):
            self._over.wait(draws.uniform(*PAUSE_SECONDS))
            name = ("web", "worker", "database")[number % 3] if number < 3 else draws.choice(
                ("web", "worker", "database")
            )  # fmt: skip
            began = time.monotonic()
            self._kill(name)
            done[name] += 1
            if not self.wait_until(self.answers, RESTART_SECONDS):
                raise RuntimeError(f"{name} did not come back")
            self.slowest_restart = max(self.slowest_restart, time.monotonic() - began)
            say(f"kill {number + 1}: {name}")
        return dict(done)

    def answers(self) -> bool:
        """Whether a request that needs the database is answered."""
        with contextlib.suppress(OSError, HTTPException):
            asked = HTTPConnection("127.0.0.1", self.port, timeout=5)
            asked.request("GET", stack.ROUTED, headers={"Authorization": "Bearer none"})
            return asked.getresponse().status == 401
        return False

    def wait_until(self, done: Callable[[], Any], seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if done():
                return True
            time.sleep(0.2)
        return False

    def _kill(self, name: str) -> None:
        if name == "database":
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        else:
            _kill(self._processes[name])

    def _keep(self) -> None:
        while not self._over.wait(0.3):
            if not postgres.is_alive(self.data):
                with contextlib.suppress(postgres.PostgresError):  # orphans of the killed one; the next round
                    postgres.ensure_running(self.data)
            for name, process in list(self._processes.items()):
                if process.poll() is not None and not self._over.is_set():
                    self._start(name)

    def _start(self, name: str) -> None:
        pool = {"DATABASE_POOL": "1"} if name == "web" else {}
        self._processes[name] = subprocess.Popen(
            stack.commands(self.port)[name],
            cwd=stack.ROOT,
            env={**self._environment, **pool},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """With everything that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
