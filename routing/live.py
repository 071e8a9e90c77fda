"""What a page may want to know at once, as server-sent events: a notification for the reader, a change of the queue.

One connection of each web process listens to PostgreSQL and tells all its streams. Only ids go out; what is shown is
read by the page, with the reader's rights. A stream that does not keep up is ended: the browser connects again by
itself and is told to look again, as it is when this connection was lost meanwhile.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import psycopg

from reps.queries.listening import address
from routing.services.notifications import LIVE_CHANNEL

log = logging.getLogger(__name__)
QUEUE_CHANNEL = "queue"  # a trigger tells of every change (migration 0017)
HEARTBEAT_SECONDS = 15.0
GATHERS_SECONDS = 0.3  # changes of the queue within it are one event
LONGEST_SECONDS = 900.0  # then the browser connects again, and who may no longer see anything is refused
LONGEST_PAUSE_SECONDS = 30.0
MOST_WAITING = 50
LISTENS_WITHIN_SECONDS = 5.0  # then a stream begins without: it is told to look again once it can be

Event = tuple[str, object]


@dataclass(eq=False)
class Reader:
    """One open stream. `events` waits to be sent: (name, data)."""

    user_id: int
    sees_queue: bool
    events: "asyncio.Queue[Event | None]" = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def tell(self, name: str, data: object) -> None:
        """To be called in the loop of the stream. One that has fallen behind is ended."""
        try:
            self.events.put_nowait((name, data))
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        while not self.events.empty():
            self.events.get_nowait()
        self.events.put_nowait(None)


class Hub:
    """All streams of this process. Its loop alone knows them."""

    def __init__(self) -> None:
        self._readers: set[Reader] = set()
        self._listening: asyncio.Task[None] | None = None
        self._hears = asyncio.Event()
        self._was_deaf = False  # while a stream was open
        self._queue_changed = False
        self._is_ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening_since = self._queue_changed_at = 0.0  # seconds of the epoch

    def end(self) -> None:
        """Ends all streams, and each that comes later after what it missed: the process stops. From any thread."""
        self._is_ending = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_all)

    def _end_all(self) -> None:
        for reader in self._all():
            reader.end()

    def has_queue_changed_since(self, moment: float) -> bool:
        """Also where nobody listened meanwhile, so that nobody knows."""
        return moment < self._listening_since or self._queue_changed_at >= moment

    async def stream(self, reader: Reader, missed: Callable[[], list[Event]]) -> AsyncIterator[bytes]:
        """The bytes of an event stream, until the browser leaves, falls behind, or it is time to ask again. `missed`
        looks for what happened before; on a thread of its own, and not before this process listens, so that nothing
        comes in between."""
        self._loop = loop = asyncio.get_running_loop()
        if self._listening is None or self._listening.done():
            self._listening = loop.create_task(self._listen())
        until = loop.time() + LONGEST_SECONDS
        self._readers.add(reader)
        try:
            try:
                await asyncio.wait_for(self._hears.wait(), LISTENS_WITHIN_SECONDS)
            except TimeoutError:
                self._was_deaf = True
            first = await asyncio.to_thread(missed)
            yield b"retry: 2000\n\n" + b"".join(_event(*one) for one in first)
            while loop.time() < until and not self._is_ending:
                try:
                    event = await asyncio.wait_for(reader.events.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if event is None:
                    return
                yield _event(*event)
        finally:
            self._readers.discard(reader)

    async def _listen(self) -> None:
        """For as long as the process lives; a database that is away is waited for."""
        pause = 0.5
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**address()) as listening:
                    await listening.execute(f"LISTEN {LIVE_CHANNEL}")
                    await listening.execute(f"LISTEN {QUEUE_CHANNEL}")
                    pause, self._listening_since = 0.5, time.time()
                    self._hears.set()
                    if self._was_deaf:
                        self._tell_all("again", {})  # whatever was told before is gone
                    async for told in listening.notifies():
                        self._spread(told.channel, told.payload)
            except psycopg.Error:
                log.warning("live events: the connection was lost; the next try follows in %.1f s", pause)
            self._hears.clear()
            self._was_deaf = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _spread(self, channel: str, payload: str) -> None:
        if channel == LIVE_CHANNEL:
            told = json.loads(payload)
            for reader in self._all():
                if reader.user_id == told["user"]:
                    reader.tell("notification", {"id": told["id"]})
        elif not self._queue_changed:
            self._queue_changed = True
            asyncio.get_running_loop().call_later(GATHERS_SECONDS, self._tell_of_queue)

    def _tell_of_queue(self) -> None:
        self._queue_changed, self._queue_changed_at = False, time.time()
        for reader in self._all():
            if reader.sees_queue:
                reader.tell("queue", {})

    def _tell_all(self, name: str, data: object) -> None:
        for reader in self._all():
            reader.tell(name, data)

    def _all(self) -> list[Reader]:
        return list(self._readers)


hub = Hub()


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
