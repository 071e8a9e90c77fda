"""Who sends the leads, and who does a worker's part when told to."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.realtime import stack
from benchmarks.realtime.client import Line
from benchmarks.realtime.stack import ROUTED, Stack


def in_turn(webs: Sequence[Stack], leads: Iterator[Any], count: int) -> list[list[float]]:
    """Sends each of so many leads to all, each time in another order; the seconds, by web process. Raises
    AssertionError for one that was not decided."""

    async def work() -> list[list[float]]:
        lines = [Line(web) for web in webs]
        seconds: list[list[float]] = [[] for _ in webs]
        for turn in range(count):
            lead = next(leads)
            for place in (np.arange(len(webs)) + turn) % len(webs):
                answer = await lines[place].post(ROUTED, lead)
                if answer.status != 201 or answer.body["decision"] is None:
                    raise AssertionError(answer.body)
                seconds[place].append(answer.seconds)
        for line in lines:
            await line.close()
        return seconds

    return asyncio.run(work())


@dataclass(frozen=True)
class Follower:
    """A process that follows up all that was taken in when it is asked to."""

    process: "subprocess.Popen[str]"

    def follow(self) -> float:
        """The seconds that it took."""
        asked, told = self.process.stdin, self.process.stdout
        assert asked is not None
        assert told is not None
        asked.write("follow\n")
        asked.flush()
        return float(told.readline())


@contextlib.contextmanager
def following(database: str) -> Iterator[Follower]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.growth.past", "follow"],
        cwd=stack.ROOT,
        env={**stack.environment(database), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Follower(process)
    finally:
        process.kill()
        process.wait()
