"""Files of the archive written anew without whom was erased (docs/privacy.md).

The erasure leaves what each row says now in the database (`ErasedRow`), and the month behind. Then, under the archive's
lock, the file is written anew beside the old one and read back, its digest is noted, and only then takes the other's
place. Killed anywhere, the next run goes on: whichever of the known files stands there, the outcome is the same.

    as recorded      written anew where it is behind, else whole
    the next one     it was renamed and not noted yet: noted
    a former one     an old copy was put back: written anew by the rows
    says it replaces the recorded one: the database is of an older backup: its digest is taken over
    anything else    damaged
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Q

from operations.models import ArchivedMonth, ErasedRow
from operations.services.backups import BackupError
from operations.services.history import files
from operations.services.history.proving import unproved
from privacy.models import Erasure
from privacy.services.erasing import erasing

log = logging.getLogger("operations.history")
LOCK = 7_262_024
State = ArchivedMonth.State
READABLE = (State.REMOVING, State.REMOVED)
Say = Callable[[str], None]
SILENT: Say = lambda text: None  # noqa: E731


@contextmanager
def archive_lock() -> Iterator[bool]:
    """Whether it was free; whoever has it alone writes in the archive."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            yield False
            return
        try:
            yield True
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def settle(say: Say = SILENT) -> int:
    """Writes anew what is behind; how many files. Whoever comes while another is at it has nothing to do."""
    with archive_lock() as is_held:
        return settle_held(say) if is_held else 0


def settle_held(say: Say = SILENT) -> int:
    done = 0
    for record in ArchivedMonth.objects.filter(Q(is_behind=True) | ~Q(next_sha256="")):
        try:
            bring_up_to_date(record, say)
            done += 1
        except (files.ArchiveError, BackupError, OSError) as error:
            log.warning("%s could not be written anew: %s", record.file, error)
            ArchivedMonth.objects.filter(pk=record.pk).update(error=str(error)[:500])
    return done


def bring_up_to_date(record: ArchivedMonth, say: Say = SILENT) -> Path:
    """The file, without anybody who was erased. The archive's lock is the caller's. Raises ArchiveError."""
    path = Path(record.file)
    if record.state not in READABLE:
        if record.is_behind:  # nothing was removed yet: it is written once more from the database
            path.unlink(missing_ok=True)
            _save(record, is_behind=False)
        return path
    if not path.exists():
        raise files.ArchiveError(f"{path} is not there.")
    found = files.digest(path)
    if record.next_sha256 and found == record.next_sha256:
        _taken(record, path, found)
    elif found != record.sha256 and record.sha256 in files.replaced_by(path):
        _taken(record, path, found, is_behind=record.is_behind)
    if (found == record.sha256 and record.is_behind) or found in record.former_sha256:
        _write_anew(record, path, found, say)
    elif found != record.sha256:
        raise files.ArchiveError(f"{path} is not what was written: its digest is another one.")
    return path


def _write_anew(record: ArchivedMonth, path: Path, found: str, say: Say) -> None:
    def said(ids: list[int]) -> dict[int, dict[str, str | None]]:
        rows = ErasedRow.objects.filter(archived=record, row__range=(ids[0], ids[-1]))
        return dict(rows.values_list("row", "columns"))

    beside = path.with_name(f".{path.name}.next")
    known = {*record.former_sha256, found, record.sha256}
    written = files.rewrite(path, beside, said, replaces=sorted(known))
    files.check(beside, rows=record.rows, sha256=written.sha256)
    say("written beside")
    _save(record, next_sha256=written.sha256)
    say("noted")
    files.take_place(beside, path)
    say("in its place")
    _taken(record, path, written.sha256)


def _taken(record: ArchivedMonth, path: Path, sha256: str, *, is_behind: bool = False) -> None:
    former = [*record.former_sha256, *({record.sha256} - {sha256, *record.former_sha256})]
    _save(
        record,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        former_sha256=[one for one in former if one != sha256],
        next_sha256="",
        is_behind=is_behind,
        error="",
    )


def _save(record: ArchivedMonth, **values: object) -> None:
    for name, value in values.items():
        setattr(record, name, value)
    record.save(update_fields=list(values))


def adopt_newer() -> int:
    """After a restore: files that have forgotten more than the backup had are taken over as they are, and what the
    seals do not prove of them gets a redaction; how many. What is wrong with a file is noted at its month."""
    adopted = 0
    with archive_lock() as is_held:
        for record in ArchivedMonth.objects.filter(state__in=READABLE) if is_held else ():
            before = record.sha256
            try:
                path = bring_up_to_date(record)
            except (files.ArchiveError, BackupError, OSError) as error:
                _save(record, error=str(error)[:500])
                continue
            if record.sha256 != before:
                adopted += 1
                redact_unproved(record, path)
    return adopted


def redact_unproved(record: ArchivedMonth, path: Path) -> None:
    if record.kind != "audit" or not (entries := list(unproved(path))):
        return
    with transaction.atomic():
        reason = "The archive had forgotten more than the backup"
        with erasing(Erasure.objects.create(reason=reason, is_by_rule=True)), connection.cursor() as cursor:
            for entry in entries:
                cursor.execute("SELECT redact_archived_audit(%s::jsonb)", [f"[{entry}]"])


def sweep(folder: Path) -> None:
    """What a killed run left half-written. Under the lock nobody else writes there."""
    for left in [*folder.glob(".*.parquet.next"), *folder.glob(".*.parquet.*.part")]:
        log.info("removing %s", left)
        left.unlink(missing_ok=True)
