import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import postgres


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for servers. Not tmp_path, which is closed to the account that runs them for root."""
    directory = Path(tempfile.mkdtemp(prefix="routing-test-"))
    directory.chmod(0o755)
    yield directory
    for data in [directory / "postgres", directory / "closed" / "postgres"]:
        postgres.stop(data)
        shutil.rmtree(postgres.socket_directory(data), ignore_errors=True)
    shutil.rmtree(directory)


@pytest.fixture
def data(place: Path) -> Path:
    return place / "postgres"
