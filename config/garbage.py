"""How often Python looks for garbage that refers to itself, in a process that lives long and keeps much.

By default it looks after every 700 new objects, and now and then through everything: for a request that makes some ten
thousand and frees nearly all of them by itself that is a tenth of its time, and the index of accounts alone makes the
full look take a tenth of a second. What a request leaves behind (the fields of a serializer know it, and it them) takes
half a millisecond to find, of fifty requests as many times that: whoever asks then waits for all of it. So it is looked
for while nobody waits for an answer, and in between only where there is no such moment for long. What a process keeps
is left out once it is loaded: most of it before the first request, the rest (roster, configuration, model) by the first
few. And while a list of leads is taken in, which keeps nearly all that it makes until its end, looking finds nothing.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

YOUNG, MIDDLE, OLD = 20_000, 5, 20
SETTLED_AFTER = 50  # answers, for which a process has loaded what it keeps
IDLE_SECONDS = 0.003  # longer than a client takes that asks again at once
ENOUGH = 1_000  # new objects; fewer are not worth a look
LARGE = 50_000  # bytes of a body: some hundred leads, or a file

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def look_seldom() -> None:
    """From now on, also while the process loads what it keeps."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def leave_out() -> None:
    """Leaves out for good what is kept by now."""
    gc.collect()
    gc.freeze()


class CollectingBetweenAnswers:
    """An ASGI application that looks for garbage while nobody waits for the beginning of an answer."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._waiting = 0
        self._large = 0
        self._will_look = False
        self._answers_until_settled = SETTLED_AFTER

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waits, is_large = True, False
        self._waiting += 1

        async def received() -> Message:
            nonlocal is_large
            message = await receive()
            # Not before all of it is here, or who sends slowly would keep it from being looked for at all.
            if message["type"] == "http.request" and not message.get("more_body") and not is_large:
                is_large = _size(scope) >= LARGE
                if is_large:
                    self._large += 1
                    gc.disable()
            return message

        async def sent(message: Message) -> None:
            nonlocal waits
            await send(message)
            if waits and message["type"] == "http.response.body":  # an event stream has many more to come
                waits = False
                self._waiting -= 1

        try:
            await self._application(scope, received, sent)
        finally:
            self._waiting -= waits
            self._large -= is_large
            if is_large and not self._large:
                gc.enable()
            if self._answers_until_settled > 0:
                self._answers_until_settled -= 1
            self._look_soon()

    def _look_soon(self) -> None:
        if not self._will_look:
            self._will_look = True
            asyncio.get_running_loop().call_later(IDLE_SECONDS, self._look)

    def _look(self) -> None:
        """Unless somebody waits, after whom it is looked again."""
        self._will_look = False
        if self._waiting:
            return
        if self._answers_until_settled == 0:
            self._answers_until_settled = -1  # once: what is left out is never looked at again
            leave_out()
        elif gc.get_count()[0] >= ENOUGH:
            gc.collect(1)


def _size(scope: Scope) -> int:
    """The length of the body as it is announced; 0 where it is not."""
    announced = next((value for name, value in scope.get("headers", ()) if name == b"content-length"), b"")
    return int(announced) if announced.isdigit() else 0
