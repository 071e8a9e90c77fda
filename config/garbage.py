"""How often Python looks for garbage that refers to itself, in a process that lives long and keeps much.

By default it looks after every 700 new objects, and now and then through everything: for a request that makes some ten
thousand and frees nearly all of them by itself that is a tenth of its time, and the index of accounts alone makes the
full look take a tenth of a second. What a request leaves behind (the fields of a serializer know it, and it them) takes
half a millisecond to find, of fifty requests as many times that: whoever asks then waits for all of it. So it is looked
for while nobody waits for an answer, and in between only where there is no such moment for long.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

YOUNG, MIDDLE, OLD = 50_000, 20, 20
IDLE_SECONDS = 0.003  # longer than a client takes that asks again at once
ENOUGH = 1_000  # new objects; fewer are not worth a look

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def collect_seldom() -> None:
    """Leaves out for good what is kept by now, and looks seldom through the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


class CollectingBetweenAnswers:
    """An ASGI application that looks for garbage while nobody waits for the beginning of an answer."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._waiting = 0
        self._will_look = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waits = True
        self._waiting += 1

        async def sent(message: Message) -> None:
            nonlocal waits
            await send(message)
            if waits and message["type"] == "http.response.body":  # an event stream has many more to come
                waits = False
                self._waiting -= 1

        try:
            await self._application(scope, receive, sent)
        finally:
            self._waiting -= waits
            self._look_soon()

    def _look_soon(self) -> None:
        if not self._will_look:
            self._will_look = True
            asyncio.get_running_loop().call_later(IDLE_SECONDS, self._look)

    def _look(self) -> None:
        """Unless somebody waits, after whom it is looked again."""
        self._will_look = False
        if not self._waiting and gc.get_count()[0] >= ENOUGH:
            gc.collect(1)
