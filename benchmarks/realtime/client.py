"""Clients of the measured stack: one at a time, as many at once as it takes, and a given number each second."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.realtime.stack import ROUTED, Stack

BARE, BULK = "/bare/", f"{ROUTED}bulk/"


@dataclass(frozen=True)
class Answer:
    status: int
    seconds: float
    body: Any


class Line:
    """One kept-open connection."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Any) -> Answer:
        content = json.dumps(body).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in self.stack.headers.items())
        request = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {len(content)}\r\n\r\n"
        if self.streams is None or self.streams[0].at_eof():  # the server closes what idles
            self.streams = await asyncio.open_connection("127.0.0.1", self.stack.port)
        reader, writer = self.streams
        started = time.perf_counter()
        writer.write(request.encode() + content)
        status = int((await reader.readline()).split()[1])
        length = 0
        while (line := await reader.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        raw = await reader.readexactly(length)
        return Answer(status, time.perf_counter() - started, json.loads(raw or b"null"))

    async def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            await self.streams[1].wait_closed()


def alternately(stack: Stack, leads: Iterator[Any], count: int) -> tuple[list[Answer], list[Answer]]:
    """Routed and bare requests in turn, one at a time."""

    async def work() -> tuple[list[Answer], list[Answer]]:
        line, routed, bare = Line(stack), [], []
        for _ in range(count):
            routed.append(await line.post(ROUTED, next(leads)))
            bare.append(await line.post(BARE, next(leads)))
        await line.close()
        return routed, bare

    return asyncio.run(work())


def saturated(
    stack: Stack, leads: Iterator[Any], *, lines: int, seconds: float
) -> tuple[list[Answer], float]:
    """As many as go through with so many connections that never pause; with the time that it took."""

    async def one(answers: list[Answer], until: float) -> None:
        line = Line(stack)
        while time.perf_counter() < until:
            answers.append(await line.post(ROUTED, next(leads)))
        await line.close()

    async def work() -> tuple[list[Answer], float]:
        answers: list[Answer] = []
        started = time.perf_counter()
        await asyncio.gather(*(one(answers, started + seconds) for _ in range(lines)))
        return answers, time.perf_counter() - started

    return asyncio.run(work())


def at_rate(stack: Stack, leads: Iterator[Any], *, per_second: float, seconds: float) -> list[Answer]:
    """Requests that come when they come (evenly), whether or not the one before is answered; the time of each runs
    from when it should have been sent, so that a stall counts for all whom it keeps waiting."""

    async def one(answers: list[Answer], free: list[Line], due: float) -> None:
        line = free.pop() if free else Line(stack)
        late = time.perf_counter() - due
        answer = await line.post(ROUTED, next(leads))
        answers.append(Answer(answer.status, answer.seconds + late, answer.body))
        free.append(line)

    async def work() -> list[Answer]:
        answers: list[Answer] = []
        free: list[Line] = []
        started, sent = time.perf_counter(), []
        for i in range(int(per_second * seconds)):
            due = started + i / per_second
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            sent.append(asyncio.create_task(one(answers, free, due)))
        await asyncio.gather(*sent)
        for line in free:
            await line.close()
        return answers

    return asyncio.run(work())


def in_bulk(stack: Stack, leads: Iterator[Any], *, rows: int, requests: int) -> tuple[list[Answer], float]:
    """Bulk requests one after the other, with the time that all of them took."""

    async def work() -> tuple[list[Answer], float]:
        line = Line(stack)
        started = time.perf_counter()
        answers = [await line.post(BULK, [next(leads) for _ in range(rows)]) for _ in range(requests)]
        await line.close()
        return answers, time.perf_counter() - started

    return asyncio.run(work())
