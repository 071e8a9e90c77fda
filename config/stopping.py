"""How the web process stops: it says that it is not ready any more, goes on serving for STOP_DELAY_SECONDS so that
whoever sends requests has seen it, ends event streams, and then lets the server finish what is in flight.
"""

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from django.conf import settings

log = logging.getLogger(__name__)
Handler = Callable[[int, FrameType | None], object]
stopping = threading.Event()


def stop_gracefully(before: Callable[[], None]) -> None:
    """Puts this in front of what the server does on SIGTERM and SIGINT, once it has set that up. `before` is done as
    soon as the stop is asked for. A second signal is the server's at once."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        servers = signal.getsignal(number)
        if callable(servers):
            signal.signal(number, _delaying(servers, before))


def _delaying(servers: Handler, before: Callable[[], None]) -> Handler:
    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            servers(number, frame)
            return
        stopping.set()
        # On a thread: a handler must not wait, and may have interrupted whoever holds a lock.
        threading.Thread(target=_wind_down, args=(servers, number, before), name="stop", daemon=True).start()

    return stop


def _wind_down(servers: Handler, number: int, before: Callable[[], None]) -> None:
    seconds = settings.STOP_DELAY_SECONDS
    log.info("stopping: not ready any more; the server ends in %.1f s", seconds)
    try:
        before()
    except Exception:
        log.exception("what is done before a stop failed")
    threading.Event().wait(seconds)
    servers(number, None)
