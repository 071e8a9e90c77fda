"""The processes of each host: started, killed, and started again as a supervisor does."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.cluster import network
from benchmarks.realtime import stack

PORT = 8000
READY_SECONDS = 90.0


class Machines:
    """One process for each host, by its name (`web1`, `worker2`). What ends by itself is started again; what was
    killed waits for `start`."""

    def __init__(self, addresses: Mapping[str, str], environment: Mapping[str, str], log: Path) -> None:
        self.addresses, self.environment, self.log = addresses, environment, log
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self.restarted = 0

    def __enter__(self) -> "Machines":
        for name in self.addresses:
            self.start(name)
        for name in self.webs:
            self.wait_ready(name)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._keeper.join()
        for name in list(self._processes):
            self.kill(name)

    @property
    def webs(self) -> list[str]:
        return [name for name in self.addresses if name.startswith("web")]

    def start(self, name: str) -> None:
        with self._lock, self.log.open("ab") as out:
            self._processes[name] = subprocess.Popen(
                network.within(name, self._command(name)), cwd=stack.ROOT, env=self._environment(name),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """With everything that it started, at once."""
        with self._lock:
            process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_ready(self, name: str) -> float:
        """The seconds until it may be sent requests."""
        began = time.monotonic()
        while time.monotonic() - began < READY_SECONDS:
            if self._is_ready(name):
                return time.monotonic() - began
            time.sleep(0.2)
        raise RuntimeError(f"{name} does not get ready:\n{self.log.read_text(errors='replace')[-3000:]}")

    def _is_ready(self, name: str) -> bool:
        with contextlib.suppress(OSError, HTTPException):
            asked = HTTPConnection(self.addresses[name], PORT, timeout=3)
            asked.request("GET", "/ready/")
            return asked.getresponse().status == 200
        return False

    def _keep(self) -> None:
        while not self._over.wait(0.5):
            for name, process in list(self._processes.items()):
                if process.poll() is not None and not self._over.is_set():
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    self.restarted += 1
                    self.start(name)

    def _command(self, name: str) -> list[str]:
        if name.startswith("worker"):
            return [sys.executable, "manage.py", "worker"]
        options = f"--host 0.0.0.0 --port {PORT} --timeout-graceful-shutdown 3 --no-access-log"
        return [sys.executable, "-m", "uvicorn", "config.asgi:application", *options.split()]

    def _environment(self, name: str) -> dict[str, str]:
        return {**self.environment, "DATABASE_POOL": "1" if name.startswith("web") else "0"}
