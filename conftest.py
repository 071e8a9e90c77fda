"""The tests' database server, for bin/test and a bare `pytest` alike. The cast is in tests/conftest.py."""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings

from config import postgres

DATABASE_VARIABLE = "ROUTING_TEST_DATABASE"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # xdist's workers live inside this process's hold
        stack = ExitStack()
        config.add_cleanup(stack.close)
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        if not os.environ.get("DATABASE_URL"):
            stack.enter_context(postgres.running(settings.VAR_DIR / "postgres", durable=False))
        os.environ[DATABASE_VARIABLE] = free_name(settings.VAR_DIR, stack)
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = os.environ[DATABASE_VARIABLE]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whether a page is accessible and fits is looked at on a phone in the dark each time, on a desktop in the light
    with the slow tests: the whole has to end within a quarter of an hour."""
    for item in items:
        if "accessible" in item.name and "[1440-False]" in item.name:
            item.add_marker(pytest.mark.slow)


def free_name(var: Path, stack: ExitStack) -> str:
    """A database name that no other run at the same time uses."""
    for number in range(100):
        file = stack.enter_context((var / f"run-{number}.lock").open("a"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return f"test_routing_{number}"
    raise RuntimeError("100 test runs at the same time")
