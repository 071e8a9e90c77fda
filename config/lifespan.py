"""What a web process does as the server has started, and before it stops."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.urls import get_resolver

from config.stopping import stop_gracefully
from operations.services.beats import Heart
from routing.live import hub
from telemetry.traces import flush_traces

heart = Heart("web")


def before_stop() -> None:
    """Event streams would hold the stop up; their browsers connect again, to whoever serves then."""
    hub.end()
    heart.stop()


async def live(
    receive: Callable[[], Awaitable[Mapping[str, Any]]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """ASGI's lifespan: by its start the server has set up what it does on a signal."""
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            _ = get_resolver().url_patterns  # every page's code, which would be loaded with the first request
            heart.start()
            stop_gracefully(before=before_stop)
            await send({"type": "lifespan.startup.complete"})
        elif event["type"] == "lifespan.shutdown":  # every request is answered
            flush_traces()
            await send({"type": "lifespan.shutdown.complete"})
            return
