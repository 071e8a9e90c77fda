"""A receiver of webhooks in a process of its own: verifies as docs/webhooks.md says, writes each accepted request to a
log, and kills itself in the middle where it is told to."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def documented() -> Callable[..., bool]:
    """`is_genuine` as the documentation prints it."""
    text = (ROOT / "docs" / "webhooks.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    found: dict[str, Any] = {}
    exec(code, found)
    return found["is_genuine"]


@contextlib.contextmanager
def receiver(
    port: int, log: Path, secret: str, *, dies_after: int = 0
) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs until the block ends. `dies_after`: kills itself once it has written that many, before it answers."""
    command = [
        sys.executable,
        "-m",
        "tests.routing.webhook_receiver",
        str(port),
        str(log),
        secret,
        str(dies_after),
    ]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def received(log: Path) -> list[dict[str, Any]]:
    """Every request that was genuine, repeats marked."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main(port: str, log: str, secret: str, dies_after: str) -> None:
    is_genuine, had = documented(), {row["key"] for row in received(Path(log))}
    taken = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal taken
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers["X-Routing-Delivery"]
            is_repeat = key in had
            genuine = is_genuine(secret, self.headers, body, set() if is_repeat else had)
            if genuine:
                row = {"key": key, "repeat": is_repeat, "number": json.loads(body)["number"]}
                with Path(log).open("a") as file:
                    file.write(json.dumps(row) + "\n")
                taken += 1
                if taken == int(dies_after):
                    os.kill(os.getpid(), signal.SIGKILL)
            self.send_response(200 if genuine else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
