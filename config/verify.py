"""bin/test: every check, then every test, on a server and in a directory of their own."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from config.surroundings import BINARIES, ROOT, VAR, database, hand_over

MANAGE = [sys.executable, "manage.py"]
WORKERS = 2
CHECKS: dict[str, list[str | Path]] = {
    "mypy": [BINARIES / "mypy", "--num-workers", str(WORKERS)],  # the longest first
    "ruff check": [BINARIES / "ruff", "check", "--output-format", "concise"],
    "ruff format": [BINARIES / "ruff", "format", "--check", "--output-format", "concise"],
    "imports": [BINARIES / "lint-imports"],
    "migrations": [*MANAGE, "makemigrations", "--check", "--dry-run"],
    "django": ["env", "SECURE_COOKIES=1", *MANAGE, "check", "--deploy", "--fail-level", "WARNING"],
}
if os.environ.get("CI"):  # an advisory of today must not stop who works on something else
    CHECKS["dependencies"] = [sys.executable, "-m", "config.audit"]


@dataclass(frozen=True)
class Outcome:
    name: str
    passed: bool
    said: str
    seconds: float


def main(arguments: list[str]) -> int:
    everything = "--all" in arguments
    chosen = [argument for argument in arguments if argument != "--all"]
    os.chdir(ROOT)
    with database(VAR / "test", durable=False):
        if not chosen and not check():
            return 1
        find_browser()
        return hand_over(pytest(chosen, everything=everything))


def check() -> bool:
    """All checks, side by side; whether all have passed."""
    with ThreadPoolExecutor(WORKERS) as workers:
        outcomes = []
        for outcome in workers.map(run, CHECKS):
            outcomes.append(outcome)
            verdict = "passed" if outcome.passed else "FAILED"
            print(f"  {outcome.name:<13} {verdict} ({outcome.seconds:.1f} s)", flush=True)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        print(f"\n--- {outcome.name}\n{outcome.said}", flush=True)
    if failed:
        names = ", ".join(outcome.name for outcome in failed)
        print(f"bin/test: {names} failed; no test was run.", file=sys.stderr)
    return not failed


def run(name: str) -> Outcome:
    started = time.monotonic()
    done = subprocess.run(
        [str(part) for part in CHECKS[name]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return Outcome(name, done.returncode == 0, done.stdout, time.monotonic() - started)


def find_browser() -> None:
    from tests.browser import find_or_install

    started = time.monotonic()
    browser = find_or_install()
    print(f"  browser       {browser} ({time.monotonic() - started:.1f} s)", flush=True)


def pytest(chosen: list[str], *, everything: bool) -> list[str]:
    looks_inside = {"--pdb", "--trace"} & set(chosen)
    workers = ["-n", "0" if looks_inside else str(WORKERS)]
    slow = ["-m", ""] if everything else []  # pyproject leaves the slow ones out
    told = [] if chosen else ["--durations", "40"]  # what to look at when the whole takes too long
    return [sys.executable, "-m", "pytest", *workers, *slow, *told, *chosen]
