"""Making a backup: dump and counts are of the same moment, while everything runs."""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings
from django.utils import timezone
from psycopg import sql

from operations.engine.keeping import kept
from operations.models import Backup
from operations.services.backups import files, programs
from operations.services.backups.files import BackupError, Manifest, Say

STAMP = "routing-%Y%m%dT%H%M%SZ.backup"
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""


@dataclass(frozen=True)
class Made:
    path: Path
    size: int
    manifest: Manifest


def make_backup(*, target: Path, at: datetime.datetime, say: Say) -> Made:
    """Into a new file, or into a folder under a name of its time. Raises BackupError."""
    path = target / at.astimezone(datetime.UTC).strftime(STAMP) if target.is_dir() else target
    if path.exists():
        raise BackupError(f"{path} exists already. Name another file.")
    with (
        psycopg.connect(programs.conninfo(), password=programs.password()) as reader,
        files.whole_file(path) as file,
    ):
        manifest = _dump(reader, file, at, say)
    return Made(path, path.stat().st_size, manifest)


def _dump(
    reader: "psycopg.Connection[tuple[object, ...]]", file: object, at: datetime.datetime, say: Say
) -> Manifest:
    reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    snapshot = reader.execute("SELECT pg_export_snapshot()").fetchone()
    assert snapshot is not None
    major = reader.info.server_version // 10_000
    rows, migrations = count_rows(reader), applied(reader)
    say(f"{sum(rows.values()):,} rows of {len(rows)} tables")
    command = [
        programs.program("pg_dump", server_major=major), "--format=custom", "--no-owner", "--no-privileges",
        f"--snapshot={snapshot[0]}", f"--dbname={programs.conninfo()}",
    ]  # fmt: skip

    def manifest(size: int, digest: str) -> Manifest:
        return Manifest(
            files.FORMAT,
            settings.VERSION,
            at.isoformat(),
            major,
            migrations,
            rows,
            files.key_mark(),
            size,
            digest,
        )

    with programs.running(command, stdout=-1) as dump:
        assert dump.stdout is not None
        written = files.write(file, dump.stdout, manifest, say)  # type: ignore[arg-type]
    return written


def count_rows(reader: "psycopg.Connection[tuple[object, ...]]") -> dict[str, int]:
    """By table."""
    counts = {}
    for (name,) in reader.execute(TABLES).fetchall():
        row = reader.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", str(name)))
        ).fetchone()
        counts[str(name)] = int(str(row[0])) if row else 0
    return counts


def applied(reader: "psycopg.Connection[tuple[object, ...]]") -> dict[str, list[str]]:
    """The migrations by app."""
    found: dict[str, list[str]] = {}
    for app, name in reader.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall():
        found.setdefault(str(app), []).append(str(name))
    return found


# --- regular ones ----------------------------------------------------------------------------------------------------


def back_up(*, at: datetime.datetime, say: Say) -> Backup | None:
    """The regular backup, and old ones removed; None where BACKUP_DIRECTORY asks for none. What fails is noted too."""
    if not settings.BACKUP_DIRECTORY:
        return None
    folder = Path(settings.BACKUP_DIRECTORY)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = make_backup(target=folder, at=at, say=say)
    except (BackupError, OSError, psycopg.Error) as error:
        Backup.objects.create(
            began_at=at, ended_at=timezone.now(), place=str(folder)[:500], error=str(error)[:500]
        )
        raise
    noted = note_backup(made, at=at)
    remove_old(folder)
    return noted


def note_backup(made: Made, *, at: datetime.datetime) -> Backup:
    return Backup.objects.create(
        began_at=at, ended_at=timezone.now(), place=str(made.path)[:500], size_bytes=made.size
    )


def remove_old(folder: Path) -> list[Path]:
    """Those that are neither of the last days nor of the last weeks, and what killed ones left. Other files stay."""
    times = {path: _time_of(path) for path in folder.glob("routing-*.backup")}
    ours = {path: time for path, time in times.items() if time is not None}
    stay = kept(ours.values(), daily=settings.BACKUP_KEEP_DAILY, weekly=settings.BACKUP_KEEP_WEEKLY)
    gone = [path for path, time in ours.items() if time not in stay]
    gone += [path for path in folder.glob(".routing-*.part") if not _lives(path)]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def _time_of(path: Path) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(path.name, STAMP).replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def _lives(part: Path) -> bool:
    """Whether somebody still writes it: it has changed within the hour, or its process lives on this machine."""
    pid = part.name.split(".")[-2]
    age = timezone.now().timestamp() - part.stat().st_mtime
    return age < 3600 or (pid.isdigit() and Path(f"/proc/{pid}").exists() and os.name == "posix")
