"""A real mail server and a real chat server, in threads or as processes that die where they are told to."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "3ccdd113474722377935511fc85d3dd4"
Accepted = Callable[[], None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class MailServer:
    """What arrived, and what is answered to a sender or recipient (`250 OK` unless said otherwise)."""

    port: int = field(default_factory=free_port)
    letters: list[Message] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    accepted: Accepted = lambda: None

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=routing@example.com"

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(message_from_bytes(envelope.content, policy=default))
        self.accepted()
        return "250 taken"


@contextlib.contextmanager
def mail_server(server: MailServer | None = None) -> Iterator[MailServer]:
    found = server or MailServer()
    controller = Controller(found, hostname="127.0.0.1", port=found.port)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()


@dataclass
class ChatServer:
    """Speaks as Mattermost's webhooks do. `status` is what it answers with, after `delay` seconds."""

    port: int = field(default_factory=free_port)
    posts: list[str] = field(default_factory=list)
    status: int = 200
    delay: float = 0
    accepted: Accepted = lambda: None

    @property
    def address(self) -> str:
        return f"mmost://127.0.0.1:{self.port}/{TOKEN}"


@contextlib.contextmanager
def chat_server(server: ChatServer | None = None) -> Iterator[ChatServer]:
    found = server or ChatServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(found.delay)
            if found.status == 200:
                found.posts.append(json.loads(body)["text"])
                found.accepted()
            with contextlib.suppress(OSError):
                self.send_response(found.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

        def log_message(self, *args: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", found.port), Handler)
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield found
    finally:
        running.shutdown()
        running.server_close()


# --- as processes that die -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def mortal(kind: str, port: int, log: Path, *, dies_after: int = 0) -> Iterator["subprocess.Popen[bytes]"]:
    """A server in a process of its own, which writes the key of each message that it takes; it kills itself right after
    it has taken that many, before it answers."""
    command = [sys.executable, "-m", "tests.routing.receivers", kind, str(port), str(log), str(dies_after)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def keys_in(log: Path) -> list[str]:
    return log.read_text().split()


def main(kind: str, port: str, log: str, dies_after: str) -> None:
    taken = 0

    def note() -> None:
        nonlocal taken
        taken += 1
        text = str(mail.letters[-1]["X-Notification-Key"]) if kind == "mail" else key_of(chat.posts[-1])
        with Path(log).open("a") as file:
            file.write(f"{text}\n")
        if taken == int(dies_after):
            os.kill(os.getpid(), signal.SIGKILL)

    mail = MailServer(int(port), accepted=note)
    chat = ChatServer(int(port), accepted=note)
    with mail_server(mail) if kind == "mail" else chat_server(chat):
        signal.pause()


def key_of(post: str) -> str:
    found = re.search(r"told=([0-9a-f-]{36})", post)
    assert found
    return found[1]


if __name__ == "__main__":
    main(*sys.argv[1:])
