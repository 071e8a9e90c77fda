"""The application behind a real web server, as bin/start runs it, in a thread of the tests' process."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from django.core.asgi import get_asgi_application

from routing import live

PATIENCE_SECONDS = 60.0


@contextlib.contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Its port. Live events start afresh: their connection belongs to the loop of one server."""
    hub = live.Hub()
    monkeypatch.setattr("routing.views.live.hub", hub)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    server = uvicorn.Server(
        uvicorn.Config(
            get_asgi_application(),
            host="127.0.0.1",
            port=port,
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + PATIENCE_SECONDS
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    yield port
    server.should_exit = True
    thread.join()
