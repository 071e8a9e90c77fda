"""Whole months beyond their retention go into the archive, the oldest first: written, read back, removed.

Each step says where it is before it begins (`ArchivedMonth.state`), so that a run that was killed is gone on with:

    writing    the file may be half there, under another name: it is written anew
    written    the file is whole and was read back; nothing is removed yet. One that is damaged is written anew
    removing   rows go, piece by piece, each held against the file. A damaged file stops it, visibly
    removed    what is needed still has stayed; it is looked at again every month
"""

import datetime
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from operations.models import ArchivedMonth, Retention
from operations.queries.histories import AUDIT, BY_KIND, History, Month, months_of
from operations.services.backups import BackupError
from operations.services.history import files
from operations.services.history.months import SETTLED_AFTER
from operations.services.history.proving import check_proved
from operations.services.history.removing import give_room_back, is_empty, remove
from operations.services.history.rewriting import archive_lock, bring_up_to_date, settle_held, sweep
from reps.models import AuditEntry, User
from reps.services import audit

log = logging.getLogger("operations.history")
State = ArchivedMonth.State
Say = Callable[[str], None]
CHECKED_A_NIGHT = 3
AGAIN_AFTER = datetime.timedelta(days=30)


def archive_due(*, at: datetime.datetime) -> list[ArchivedMonth]:
    """All that is due by the retention that is set; whoever comes while another is at it has nothing to do. What fails
    is noted at its month, and does not hold up the others."""
    with archive_lock() as is_held:
        if not is_held:
            return []
        settle_held()
        sweep(Path(settings.ARCHIVE_DIRECTORY))
        return [archive_month(month, before=before, at=at) for month, before in due(at)]


def due(at: datetime.datetime) -> Iterator[tuple[Month, datetime.datetime]]:
    """Months with the moment before which things are old."""
    known = {(one.kind, one.month): one for one in ArchivedMonth.objects.all()}
    for retention in Retention.objects.filter(months__isnull=False, kind__in=BY_KIND):
        history, limit = BY_KIND[retention.kind], months_before(at, retention.months or 0)
        for month in months_of(history):
            if (
                month.ends <= limit
                and _is_to_do(known.get((history.kind, month.name)), at)
                and not is_empty(month)
            ):
                yield month, datetime.datetime.combine(limit, datetime.time(), datetime.UTC)


def _is_to_do(record: ArchivedMonth | None, at: datetime.datetime) -> bool:
    if record is None or record.state != State.REMOVED:
        return True
    return record.kept_rows > 0 and record.looked_at <= at - AGAIN_AFTER


def months_before(at: datetime.datetime, months: int) -> datetime.date:
    """The first day of the month that many months before this one."""
    day = (at.astimezone(datetime.UTC) - SETTLED_AFTER).date()
    number = day.year * 12 + day.month - 1 - months
    return datetime.date(number // 12, number % 12 + 1, 1)


def archive_month(
    month: Month, *, before: datetime.datetime, at: datetime.datetime, say: Say = lambda text: None
) -> ArchivedMonth:
    """Goes on from wherever it stands. `before`: what was closed before it is old. `say` is told of each step done."""
    record, _ = ArchivedMonth.objects.get_or_create(
        kind=month.history.kind,
        month=month.name,
        defaults={"began_at": at, "looked_at": at, "file": str(files.place_of(month))},
    )
    try:
        bring_up_to_date(record)
        _write(record, month, say)
        _remove(record, month, before, say)
        _save(record, looked_at=at, checked_at=at, error="")
    except (files.ArchiveError, BackupError, OSError, OperationalError) as error:
        log.warning("%s of %s could not be archived: %s", month.history.kind, month.name, error)
        _save(record, looked_at=at, error=str(error)[:500])
    return record


def _write(record: ArchivedMonth, month: Month, say: Say) -> None:
    path = Path(record.file)
    if record.state == State.WRITTEN:
        try:
            files.check(path, rows=record.rows, sha256=record.sha256)
        except files.ArchiveError:
            _save(record, state=State.WRITING)
    if record.state == State.WRITING:
        path = files.place_of(month)
        written = files.write(month, path)
        say("read back")
        files.check(path, rows=written.rows, sha256=written.sha256)
        _save(
            record,
            state=State.WRITTEN,
            file=str(path),
            rows=written.rows,
            size_bytes=written.size,
            sha256=written.sha256,
        )
        say(f"{written.rows:,} rows written to {path}")


def _remove(record: ArchivedMonth, month: Month, before: datetime.datetime, say: Say) -> None:
    """The file is looked at before anything goes, each time."""
    path, before_it = Path(record.file), record.removed_rows
    files.check(path, rows=record.rows, sha256=record.sha256)
    _save(record, state=State.REMOVING, kept_rows=0)

    def done(gone: int, kept: int) -> None:
        counted = ArchivedMonth.objects.filter(pk=record.pk)
        counted.update(removed_rows=F("removed_rows") + gone, kept_rows=F("kept_rows") + kept)
        say(f"{gone:,} rows removed, {kept:,} are still needed here")

    remove(month, path, before=before, done=done)
    if give_room_back(month):
        say("nothing of it is needed here")
    _save(record, state=State.REMOVED)
    record.refresh_from_db()
    if month.history is AUDIT:
        gone = {"entries": [record.removed_rows - before_it, None], "file": [None, record.file]}
        audit.note(action=AuditEntry.Action.FORGOTTEN, kind="audit log", changes=gone)


def check_files(*, at: datetime.datetime, most: int = CHECKED_A_NIGHT) -> int:
    """Reads the files that were read longest ago; how many of these are not what was written, or (of the audit log)
    sealed, which is kept with them. An old copy that was put back forgets again."""
    with archive_lock() as is_held:
        records = ArchivedMonth.objects.filter(state=State.REMOVED).order_by(
            F("checked_at").asc(nulls_first=True), "pk"
        )
        return sum(_is_damaged(record, at) for record in records[:most]) if is_held else 0


def _is_damaged(record: ArchivedMonth, at: datetime.datetime) -> bool:
    try:
        path = bring_up_to_date(record)
        files.check(path, rows=record.rows, sha256=record.sha256)
        if record.kind == AUDIT.kind:
            check_proved(path)
    except (files.ArchiveError, BackupError, OSError) as error:
        _save(record, checked_at=at, error=str(error)[:500])
        return True
    _save(record, checked_at=at, error="")
    return False


def _save(record: ArchivedMonth, **values: object) -> None:
    for name, value in values.items():
        setattr(record, name, value)
    record.save(update_fields=list(values))


def save_retention(*, history: History, months: int | None, by: User | None) -> Retention:
    """Raises ValueError below what has to stay. The audit log notes who (a trigger)."""
    if history.least_months is None or (months is not None and months < history.least_months):
        raise ValueError(f"{history.label}: {history.least_months} months at least.")
    found, _ = Retention.objects.update_or_create(
        kind=history.kind, defaults={"months": months, "changed_at": timezone.now(), "changed_by": by}
    )
    return found
