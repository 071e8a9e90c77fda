"""An archived month of the audit log is what was sealed: each entry of the file against its seal and the one before it,
or, where somebody was erased since, against its redaction."""

import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from django.db import connection

from operations.services.history import files

UNPROVED = """
SELECT e.id FROM jsonb_populate_recordset(NULL::reps_auditentry, %s::jsonb) e
JOIN reps_auditseal s ON s.entry_id = e.id
LEFT JOIN reps_auditseal b ON b.number = s.number - 1
WHERE audit_digest(coalesce(b.digest, ''), e) <> s.digest
    AND NOT EXISTS (SELECT FROM reps_auditredaction r WHERE r.entry_id = e.id AND r.digest = audit_digest(s.digest, e))
ORDER BY e.id
"""


def unproved(path: Path) -> Iterator[str]:
    """Entries, as JSON, that say something else than when they were sealed or redacted."""
    names = pq.read_schema(path).names
    for piece in files.read(path):
        entries = {row[0]: entry_as_json(names, row) for row in piece}
        with connection.cursor() as cursor:
            cursor.execute(UNPROVED, [f"[{','.join(entries.values())}]"])
            found = [pk for (pk,) in cursor.fetchall()]
        yield from (entries[pk] for pk in found)


def entry_as_json(names: Sequence[str], row: Sequence[Any]) -> str:
    """`changes` goes in as it stands: its numbers keep every digit."""
    plain = {
        name: value.isoformat() if isinstance(value, datetime.datetime) else value
        for name, value in zip(names, row, strict=True)
        if name != "changes"
    }
    return f'{json.dumps(plain)[:-1]}, "changes": {row[names.index("changes")]}}}'


def check_proved(path: Path) -> None:
    """Raises ArchiveError."""
    for entry in unproved(path):
        raise files.ArchiveError(f"{path}: entry {json.loads(entry)['id']} is not what was sealed.")
