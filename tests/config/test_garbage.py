"""Garbage is looked for while nobody waits for an answer."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from config import garbage
from config.garbage import CollectingBetweenAnswers, Message, Receive, Scope, Send

BODY: Message = {"type": "http.response.body", "body": b""}
A_WHILE = 20 * garbage.IDLE_SECONDS


class Node:
    """What refers to itself."""

    def __init__(self) -> None:
        self.own = self


class Page:
    """Answers at once with garbage left behind, on `/slow` once it is told to, on `/stream` with more to come then."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.left: list[weakref.ref[Node]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await self.told.wait()
        self.left += [weakref.ref(Node()) for _ in range(garbage.ENOUGH)]
        await send(BODY)
        if scope["path"] == "/stream":
            await self.told.wait()
        if scope["path"] == "/fails":
            raise RuntimeError(scope["path"])

    @property
    def is_tidy(self) -> bool:
        return not any(one() for one in self.left)


@pytest.fixture(autouse=True)
def by_itself_never() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def in_a_loop(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """On a thread of its own: the browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


async def ask(application: CollectingBetweenAnswers, path: str) -> None:
    async def receive() -> Message:
        raise AssertionError("nothing to receive")

    async def send(message: Message) -> None:
        assert message is BODY

    await application({"type": "http", "path": path}, receive, send)


def run(*paths: str) -> tuple[bool, bool]:
    """Whether all is tidy a while after requests that came together, and after those that were held back have ended."""

    async def work() -> tuple[bool, bool]:
        page = Page()
        application = CollectingBetweenAnswers(page)
        asked: list[asyncio.Task[Any]] = [asyncio.create_task(ask(application, path)) for path in paths]
        await asyncio.sleep(A_WHILE)
        first = page.is_tidy
        page.told.set()
        await asyncio.gather(*asked, return_exceptions=True)
        await asyncio.sleep(A_WHILE)
        return first, page.is_tidy

    return in_a_loop(work)


def test_it_is_looked_for_after_the_answer() -> None:
    assert run("/") == (True, True)


def test_not_while_somebody_waits() -> None:
    assert run("/", "/slow") == (False, True)


def test_an_open_stream_keeps_nobody_waiting() -> None:
    assert run("/stream", "/") == (True, True)


def test_what_the_first_requests_loaded_is_left_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "SETTLED_AFTER", 3)
    try:
        before = gc.get_freeze_count()
        run("/", "/")
        assert gc.get_freeze_count() == before
        run("/", "/", "/")
        assert gc.get_freeze_count() > before + garbage.ENOUGH
    finally:
        gc.unfreeze()


def test_not_by_itself_while_a_large_body_is_worked_on() -> None:
    large, small = b"%d" % garbage.LARGE, b"12"
    assert worked_on((small, 0.0)) == [True, True]
    assert worked_on((large, 0.0)) == [True, False]
    assert worked_on((large, 0.02), (large, 0.0)) == [True, False, False, False]
    assert worked_on((b"many", 0.0)) == [True, True]


def worked_on(*asked: tuple[bytes, float]) -> list[bool]:
    """Whether it is looked for by itself while a body comes in and while it is worked on for some seconds, of requests
    that come together; afterwards it is."""
    enabled: list[bool] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            enabled.append(gc.isenabled())
        await asyncio.sleep(scope["seconds"])
        enabled.append(gc.isenabled())

    async def nowhere(message: Message) -> None:
        raise AssertionError

    async def request(application: CollectingBetweenAnswers, size: bytes, seconds: float) -> None:
        pieces = iter([True, False])

        async def piece() -> Message:
            return {"type": "http.request", "body": b"...", "more_body": next(pieces)}

        scope = {"type": "http", "headers": [(b"content-length", size)], "seconds": seconds}
        await application(scope, piece, nowhere)

    async def work() -> None:
        application = CollectingBetweenAnswers(page)
        await asyncio.gather(*(request(application, size, seconds) for size, seconds in asked))

    gc.enable()
    in_a_loop(work)
    assert gc.isenabled()
    return enabled


def test_a_request_that_fails_is_not_waited_for() -> None:
    assert run("/fails", "/") == (True, True)
