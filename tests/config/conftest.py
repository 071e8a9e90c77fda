import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config import postgres


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: at the end one worker would wait for the other."""
    items.sort(key=lambda item: item.path.name != "test_start.py")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Data of a stopped server, to copy: making them takes a second each time."""
    with directory() as place:
        with postgres.running(place / "postgres", durable=False):
            pass
        yield place / "postgres"


@pytest.fixture
def place() -> Iterator[Path]:
    with directory() as place:
        yield place


@pytest.fixture
def data(place: Path, cluster: Path) -> Path:
    subprocess.run(["cp", "-a", str(cluster), str(place / "postgres")], check=True)
    return place / "postgres"


@contextmanager
def directory() -> Iterator[Path]:
    """A place for servers. Not tmp_path, which is closed to the account that runs them for root."""
    place = Path(tempfile.mkdtemp(prefix="routing-test-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        for data in [place / "postgres", place / "closed" / "postgres"]:
            postgres.stop(data)
            shutil.rmtree(postgres.socket_directory(data), ignore_errors=True)
        shutil.rmtree(place)
