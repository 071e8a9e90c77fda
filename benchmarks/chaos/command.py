"""The figures of `benchmark chaos`."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings

from benchmarks.chaos.house import House
from benchmarks.chaos.load import Load
from benchmarks.chaos.receiver import Receiver
from benchmarks.realtime import stack
from config import postgres

KILLS, SHORT_KILLS = 24, 6
SETTLES_SECONDS = 480  # a message that a killed worker was sending is taken up again after five minutes


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: kills (by what), accepted, lost, decided_twice, over_limit, violations of invariants,
    notifications_missing, posts_missing, notifications_duplicated_to_receiver (repeats have the key of the first),
    undelivered, slowest_restart_s."""
    data = settings.VAR_DIR / "chaos" / "postgres"
    shutil.rmtree(data.parent, ignore_errors=True)
    try:
        with postgres.running(data), Receiver() as receiver:
            return _played(str(postgres.url(data)), data, receiver, SHORT_KILLS if short else KILLS, say)
    finally:
        shutil.rmtree(data.parent, ignore_errors=True)


def _played(
    database: str, data: Any, receiver: Receiver, kills: int, say: Callable[[str], None]
) -> dict[str, Any]:
    token = stack.fill(database, "small")
    ask(database, "prepare", str(receiver.port))
    with House(database, data) as house:
        load = Load([("127.0.0.1", house.port)], token)
        load.start()
        say(f"{kills} kills while leads come in")
        killed = house.kill_at_random(kills, say)
        load.stop()
        say(f"{len(load.acknowledged):,} leads acknowledged; waiting until all is quiet")
        quiet = house.wait_until(lambda: ask(database, "waiting")["waiting"] == 0, SETTLES_SECONDS)
        found = ask(database, "verdict", json.dumps(load.acknowledged))
    posts = found.pop("posts")
    seen = receiver.seen
    return {
        "kills": sum(killed.values()),
        "killed": killed,
        "accepted": len(load.acknowledged),
        "sent": load.sent,
        **found,
        "posts_missing": len(set(posts) - set(seen)),
        "notifications_duplicated_to_receiver": sum(count - 1 for count in seen.values()),
        "undelivered": 0 if quiet else ask(database, "waiting")["waiting"],
        "slowest_restart_s": round(house.slowest_restart, 1),
    }


def ask(database: str, *arguments: str) -> dict[str, Any]:
    """What a process of its own finds in that database."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos.verdict", arguments[0]],
        cwd=stack.ROOT, env=stack.environment(database, CHAT_ALLOW_PRIVATE="1"), input="".join(arguments[1:]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer
