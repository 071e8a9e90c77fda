"""What stands between a running database and a running web server: migrations, static files, the demo organisation.

One process for all three, because loading Django three times would take longer than the work on a second start.
"""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

MIGRATION_LOCK = 0x726F757465  # any number; of commands that start at the same time, one migrates


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        django.setup()
        with one_at_a_time():
            migrate()
        if "--migrate-only" not in arguments:
            collect_static()
            with one_at_a_time():
                fill(wanted="--no-demo" not in arguments)
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def one_at_a_time() -> Iterator[None]:
    from django.db import OperationalError, connection

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    except OperationalError as error:
        sys.exit(f"The database does not answer: {error}")
    try:
        yield
    finally:
        connection.close()  # also gives the lock back


def migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    started = time.monotonic()
    executor = MigrationExecutor(connection)
    pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if pending:
        call_command("migrate", interactive=False, verbosity=0)
    say("migrations", f"{pending} applied" if pending else "nothing to apply", started)


def collect_static() -> None:
    """Collect and compress only when a file or a package has changed: it takes seconds."""
    from django.conf import settings
    from django.core.management import call_command

    started = time.monotonic()
    stamp = Path(settings.STATIC_ROOT).with_name("static.stamp")
    wanted = fingerprint()
    fresh = stamp.exists() and stamp.read_text() == wanted
    if not fresh:
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(wanted)
    say("static files", "nothing new" if fresh else "collected", started)


def fingerprint() -> str:
    from django.contrib.staticfiles.finders import get_finders

    found = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            found.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()


def fill(*, wanted: bool) -> None:
    """A demo organisation where there is nobody yet."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command, get_commands

    if not wanted or get_user_model()._default_manager.exists():
        return
    started = time.monotonic()
    if "seed_demo" in get_commands():
        print("  demo data     filling a demo organisation; this happens once", flush=True)
        call_command("seed_demo")
        call_command("seed_demo_analytics")
        say("demo data", "filled", started)
    else:
        say("demo data", "not filled: there is no command seed_demo", started)


def say(name: str, result: str, started: float) -> None:
    print(f"  {name:<13} {result} ({time.monotonic() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
