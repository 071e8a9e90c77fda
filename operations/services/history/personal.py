"""What the archive holds on people: read once for whoever is erased or asks, a piece at a time.

A file is not changed within the erasure: what its rows say from now on is written beside the erasure (`ErasedRow`), and
the file follows after the commit (`rewriting`). So either both are to be done again, or nothing is but to write files.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from django.db import connection, transaction

from operations.models import ArchivedMonth, ErasedRow
from operations.queries.archive import MonthFile, Row, rows_held, said_in
from operations.services.backups import BackupError
from operations.services.history import files
from operations.services.history.erased_rows import forget_beside, said_now
from operations.services.history.rewriting import LOCK, READABLE, bring_up_to_date, redact_unproved, settle
from privacy.models import Kind
from privacy.queries.elsewhere import Erased, Kept
from privacy.queries.people import NOTHING, Said, Subject
from privacy.services.erasing import EraseRefused
from privacy.services.erasing.opportunities import opportunity_ids

PATIENCE_SECONDS = 10.0
State = ArchivedMonth.State


class Archive:
    busy = "Old months are being archived just now."

    def hold(self) -> bool:
        """Asks again for a while; the lock is the transaction's."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
                if cursor.fetchone()[0]:
                    return True
            if time.monotonic() > ends:
                return False
            time.sleep(0.2)

    def said_of(self, members: Mapping[Kind, int]) -> Said:
        if not members:
            return NOTHING
        records = ArchivedMonth.objects.filter(state__in=READABLE, kind="audit")
        return sum((said_in(path, members) for one in records if (path := Path(one.file)).exists()), NOTHING)

    def erase(self, erased: Erased, counts: Counter[str]) -> None:
        ArchivedMonth.objects.exclude(state__in=READABLE).update(state=State.WRITING, is_behind=True)
        for record in ArchivedMonth.objects.filter(state__in=READABLE):
            before = record.sha256
            try:
                path = bring_up_to_date(record)
            except (files.ArchiveError, BackupError, OSError) as error:
                _refuse(record, error, erased)
                continue
            if erased.is_again and record.sha256 != before:
                redact_unproved(record, path)
            counts["rows of the archive"] += _erase_month(record, path, erased)
        transaction.on_commit(settle, robust=True)

    def held_on(self, subject: Subject, *, for_oneself: bool) -> list[Kept]:
        records = ArchivedMonth.objects.filter(state__in=READABLE)
        months = [MonthFile(one.kind, path) for one in records if (path := Path(one.file)).exists()]
        return rows_held(months, subject, opportunity_ids(subject), for_oneself=for_oneself)


def _refuse(record: ArchivedMonth, error: Exception, erased: Erased) -> None:
    """Nobody can be erased from what cannot be read. After a restore nothing stands in the way: it is told there."""
    if not erased.is_again:
        raise EraseRefused(
            f"A file of the archive cannot be read, in which the person may be: {error} Put it back first."
        ) from error
    ArchivedMonth.objects.filter(pk=record.pk).update(error=str(error)[:500])


def _erase_month(record: ArchivedMonth, path: Path, erased: Erased) -> int:
    """How many rows say less from now on."""
    changed = 0
    for piece in MonthFile(record.kind, path).pieces_of(erased):
        said = {row["id"]: new for row in piece if (new := said_now(record.kind, row, erased))}
        if said:
            forget_beside(record.kind, [row for row in piece if row["id"] in said], said)
            _note(record, said)
            changed += len(said)
    if changed:
        ArchivedMonth.objects.filter(pk=record.pk).update(is_behind=True)
    return changed


def _note(record: ArchivedMonth, said: Mapping[int, Row]) -> None:
    """Together with what earlier erasures said of the same rows."""
    known = dict(ErasedRow.objects.filter(archived=record, row__in=said).values_list("row", "columns"))
    rows: Iterator[ErasedRow] = (
        ErasedRow(archived=record, row=pk, columns=known.get(pk, {}) | new) for pk, new in said.items()
    )
    ErasedRow.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["archived", "row"], update_fields=["columns"]
    )
