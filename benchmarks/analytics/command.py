"""`benchmark analytics`: in a database of its own, in processes of their own, dropped afterwards."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

DATABASE = "benchmark_analytics"
FULL, SHORT = (1_000_000, 12), (50_000, 12)  # opportunities, activities of each that was touched


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: opportunities, activities, worst_page_s, pages (name → seconds, each the first request of a new process),
    filtered (the same with filters), rollup_lag_s (500 changes until they are in the sums), first_fill_s,
    rollups_equal, full_scan_ratio, violations."""
    from benchmarks.realtime import stack

    count, each = SHORT if short else FULL
    with stack.scratch_database(DATABASE) as database:
        say(f"Filling {count:,} opportunities")
        filled = _asked(database, "benchmarks.analytics.world", str(count), str(each), say=say)
        say("Opening pages")
        pages = {name: _opened(database, name, say) for name in filled["pages"]}
        filtered = {name: _opened(database, name, say) for name in filled["filtered"]}
        say("Following changes, and counting anew")
        measured = _asked(database, "benchmarks.analytics.measure")
    facts = {name: filled[name] for name in ("opportunities", "activities", "first_fill_s")}
    return {**facts, "worst_page_s": max(pages.values()), "pages": pages, "filtered": filtered, **measured}


def _opened(database: str, name: str, say: Callable[[str], None]) -> float:
    seconds: float = _asked(database, "benchmarks.analytics.pages", name)["seconds"]
    say(f"{name}: {seconds} s")
    return seconds


def _asked(
    database: str, module: str, *arguments: str, say: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """The JSON of a module's last line. Raises RuntimeError where it fails."""
    from benchmarks.realtime import stack

    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=stack.ROOT,
            env={**stack.environment(database), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        last = ""
        for line in process.stdout or ():
            if last and say is not None:
                say(last.strip())
            last = line
        if process.wait():
            errors.seek(0)
            raise RuntimeError(f"{module} failed:\n{errors.read()[-3000:]}")
    found: dict[str, Any] = json.loads(last)
    return found


def set_up() -> None:
    """Django in a process of its own, with static files as they lie."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
