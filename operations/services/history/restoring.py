"""What went into the archive brought back: of decisions what they were made from, so that they are explained, replayed
and backtested here again. It goes again with the next look at its month, a month later."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection, transaction

from operations.models import ArchivedMonth
from operations.services.history import files

BACK = """
UPDATE routing_decision d SET state = b.state, columns = b.columns, trace = b.trace
FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[], %s::jsonb[]) AS b (id, state, columns, trace)
WHERE d.id = b.id AND d.trace ? 'archive'
"""
COLUMNS = ["id", "state", "columns", "trace"]


def restore_decisions(path: Path, *, at: datetime.datetime) -> int:
    """How many became whole again. Raises ArchiveError for what is no whole archive of decisions."""
    _look_at(path)
    back = 0
    for piece in files.read(path, columns=COLUMNS):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('routing.archives_history', 'on', true)")
            cursor.execute(BACK, [list(column) for column in zip(*piece, strict=True)])
            back += cursor.rowcount
            cursor.execute("SELECT set_config('routing.archives_history', '', true)")
    ArchivedMonth.objects.filter(kind="decisions", file__endswith=path.name).update(
        kept_rows=back, looked_at=at
    )
    return back


def _look_at(path: Path) -> None:
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowInvalid) as error:
        raise files.ArchiveError(f"{path} cannot be read: {error}") from error
    if not set(COLUMNS) <= set(names):
        raise files.ArchiveError(f"{path} is no archive of decisions.")
    known = ArchivedMonth.objects.filter(kind="decisions", file__endswith=path.name).first()
    if known is not None:
        if known.is_behind:
            raise files.ArchiveError(
                f"{path} is still to be written anew: somebody was erased. Try again later."
            )
        files.check(path, rows=known.rows, sha256=known.sha256)
