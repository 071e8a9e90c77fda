"""A backup made a database again: beside the present one, checked there, and put in its place at the very end.

Whatever goes wrong before, and whoever kills it, leaves what was there as it was.
"""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import psycopg
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from psycopg import sql

from operations.services.backups import files, programs
from operations.services.backups.files import BackupError, Manifest, Say
from operations.services.backups.holding import Held, empty_broker, hold
from operations.services.backups.making import count_rows
from operations.services.history.rewriting import adopt_newer
from privacy.models import Erasure
from privacy.services.again import erase_again
from privacy.services.journal import NAME, Line, journal_path, read_journal, write_journal
from reps.models import AuditEntry
from reps.services import audit
from routing.queries.invariants import Findings, check_invariants

Connection = psycopg.Connection[tuple[object, ...]]
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    held: Held
    erased: int  # people who were erased after the backup was made
    checked: int  # rows that the guarantees were held against
    same_key: bool
    broker_emptied: bool


def restore(*, path: Path, replace: bool, say: Say) -> Restored:
    """Puts the backup in the place of Django's database, which must hold nobody unless it is replaced. Raises
    BackupError."""
    name = str(connection.settings_dict["NAME"])
    with files.opened(path) as (manifest, archive):
        check_known(manifest)
        if not replace and not is_empty():
            raise BackupError("The database is not empty. Restore into an empty one, or say --replace.")
        say("checking the file")
        files.check_whole(manifest, archive)
        lines = _journal(path)
        connection.close()
        with _server() as server:
            _refuse_others(server, name)
            with _beside(server, f"{name}_restoring") as new:
                _load(server, new, manifest, archive, say)
                held, erased, findings = _finish(new, manifest, lines, say)
                _swap(server, name, new)
    emptied = empty_broker()
    return Restored(
        manifest, held, erased, sum(findings.checked.values()), manifest.key == files.key_mark(), emptied
    )


def check_known(manifest: Manifest) -> None:
    """Raises BackupError for a backup of a newer version."""
    known = MigrationLoader(None).disk_migrations
    apps = {app for app, _ in known}
    new = [
        f"{app} {name}" for app, names in manifest.migrations.items() for name in names
        if app in apps and (app, name) not in known and not name.startswith("0001_squashed")
    ]  # fmt: skip
    if new:
        raise BackupError(
            f"The backup was made by a newer version ({manifest.version}): {new[0]} is not known here. "
            "Restore it with that version."
        )


def is_empty() -> bool:
    """Whether nobody uses Django's database yet: no tables, or no users in them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reps_user')")
        if cursor.fetchone() == (None,):
            return True
        cursor.execute("SELECT EXISTS (SELECT FROM reps_user)")
        return cursor.fetchone() == (False,)


# --- beside the present one ------------------------------------------------------------------------------------------


@contextmanager
def _server() -> Iterator[Connection]:
    """A connection to the server that is to no database of ours."""
    with psycopg.connect(
        programs.conninfo("postgres"), password=programs.password(), autocommit=True
    ) as server:
        yield server


def _refuse_others(server: Connection, name: str) -> None:
    row = server.execute(OTHERS, [name]).fetchone()
    if row and row[0]:
        raise BackupError(
            f"{row[0]} others are connected to the database. Stop the web processes and workers, then do it again."
        )


@contextmanager
def _beside(server: Connection, name: str) -> Iterator[str]:
    """An empty database, gone at the end unless it has become another's place. What a killed run left is replaced."""
    _drop(server, name)
    try:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(
            "The database's user may not make databases: ALTER ROLE … CREATEDB lets it."
        ) from error
    try:
        yield name
    finally:
        _drop(server, name)


def _drop(server: Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _load(server: Connection, name: str, manifest: Manifest, archive: ZipFile, say: Say) -> None:
    major = server.info.server_version // 10_000
    if major < manifest.server_major:
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.server_major}, and this server is {major}. It must not be older."
        )
    command = [
        programs.program("pg_restore", server_major=major), "--no-owner", "--no-privileges", "--exit-on-error",
        f"--dbname={programs.conninfo(name)}",
    ]  # fmt: skip
    say(f"restoring {sum(manifest.rows.values()):,} rows")
    done = 0
    with programs.running(command, stdin=-1) as loading:
        assert loading.stdin is not None
        for piece in files.pieces(archive):
            loading.stdin.write(piece)
            done += len(piece)
            if done * 10 // manifest.dump_bytes > (done - len(piece)) * 10 // manifest.dump_bytes:
                say(f"{done * 100 // manifest.dump_bytes} % read")
    with psycopg.connect(programs.conninfo(name), password=programs.password(), autocommit=True) as made:
        found = count_rows(made)
        made.execute("ANALYZE")
    wrong = [table for table in {*found, *manifest.rows} if found.get(table) != manifest.rows.get(table)]
    if wrong:
        raise BackupError(f"Not all rows came back: {', '.join(sorted(wrong))}.")


def _journal(path: Path) -> list[Line]:
    """Erasures that are told beside the backup, where backups go, and in the database that is to be replaced."""
    if not is_empty() and connection.introspection.table_names().count(Erasure._meta.db_table):
        write_journal()
    found = [line for place in {path.parent / NAME, journal_path()} for line in read_journal(place)]
    return sorted(set(found), key=lambda line: line.at)


def _finish(name: str, manifest: Manifest, lines: Sequence[Line], say: Say) -> tuple[Held, int, Findings]:
    """Makes it one of this version, holds what must not go on, erases anew, and proves its guarantees."""
    with looking_at(name):
        say("migrating to this version")
        call_command("migrate", interactive=False, verbosity=0)
        held = hold(at=timezone.now(), made_at=manifest.made_at)
        say("erasing whom it had forgotten since")
        made_at = datetime.datetime.fromisoformat(manifest.made_at)
        erased = erase_again(lines=lines, made_at=made_at, at=timezone.now())
        adopt_newer()
        told = {"made_at": [None, manifest.made_at], "erased_again": [None, erased]}
        audit.note(action=AuditEntry.Action.CHANGED, kind="database", record_name="Restored", changes=told)
        say("checking the guarantees")
        findings = check_invariants()
    if findings.violations:
        first = findings.violations[0]
        raise BackupError(
            f"The restored database breaks {len(findings.violations)} guarantees, so it was not put in place: "
            f"{first.guarantee}: {first.detail}"
        )
    return held, erased, findings


@contextmanager
def looking_at(name: str) -> Iterator[None]:
    """Django's connection is to that database inside the block."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def _swap(server: Connection, name: str, new: str) -> None:
    """Both renamed in one transaction; then the old one goes."""
    old = f"{name}_replaced"
    _drop(server, old)
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    try:
        with server.transaction():
            server.execute(rename.format(sql.Identifier(name), sql.Identifier(old)))
            server.execute(rename.format(sql.Identifier(new), sql.Identifier(name)))
    except psycopg.errors.ObjectInUse as error:
        raise BackupError(
            "Somebody has connected to the database meanwhile. Stop everything, then again."
        ) from error
    _drop(server, old)
