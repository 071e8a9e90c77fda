"""PostgreSQL's own programs, of a version that fits the server."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from operations.services.backups.files import BackupError

# Of the options that Django is given, those that say how to reach the server.
REACHES = (
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "connect_timeout",
    "service",
    "target_session_attrs",
)


def conninfo(database: str | None = None) -> str:
    """The address of a database of Django's server, without the password."""
    found: dict[str, Any] = connection.settings_dict
    given = {"host": found["HOST"], "port": found["PORT"], "user": found["USER"]}
    given |= {name: value for name, value in found["OPTIONS"].items() if name in REACHES}
    return make_conninfo(dbname=database or found["NAME"], **{k: v for k, v in given.items() if v})


def password() -> str | None:
    return connection.settings_dict["PASSWORD"] or None


def environment() -> dict[str, str]:
    """The caller's, without variables by which the programs would go elsewhere; the password is no argument, since
    those are seen by everybody on the machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    return kept | ({"PGPASSWORD": secret} if (secret := password()) else {})


def program(name: str, *, server_major: int) -> str:
    """The first in PATH that is not older than the server, else the one beside the embedded server."""
    seen = []
    for folder in [*os.environ.get("PATH", os.defpath).split(os.pathsep), settings.POSTGRES_PROGRAMS]:
        path = shutil.which(name, path=folder) if folder else None
        if path is None:
            continue
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.search(r"(\d+)", said)
        if major and int(major[1]) >= server_major:
            return path
        seen.append(f"{path} ({said.strip()})")
    found = f" Here are: {', '.join(seen)}." if seen else ""
    raise BackupError(f"No {name} of PostgreSQL {server_major} or newer was found in PATH.{found}")


@contextmanager
def running(command: list[str], **pipes: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """The program beside the block, ended with it. Raises BackupError with its words where it fails."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment(), stderr=said, **pipes)
        try:
            yield process
            _close(process.stdin)
            code = process.wait()
        except BrokenPipeError:
            process.wait()
            raise BackupError(_failed(command, said)) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
        if code:
            raise BackupError(_failed(command, said))


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None and not pipe.closed:
        with suppress(BrokenPipeError):
            pipe.close()


def _failed(command: list[str], said: IO[bytes]) -> str:
    said.seek(0)
    words = said.read().decode(errors="replace").strip()[-1500:]
    return f"{Path(command[0]).name} failed: {words or 'it said nothing'}"
