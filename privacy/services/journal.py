"""The journal of erasures: ids and moments in a file beside the backups, so that a restored database forgets again whom
it had forgotten. No line says who it was."""

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from privacy.models import Erasure

NAME = "erasures.jsonl"


@dataclass(frozen=True)
class Line:
    at: datetime.datetime
    kind: str
    person_id: int
    with_account: bool


def journal_path() -> Path:
    return Path(settings.ERASURE_JOURNAL)


def write_journal(path: Path | None = None) -> int:
    """Adds what is not there yet, of the whole history: what a crash kept from being written comes with the next one.
    Returns how many lines were added."""
    path = path or journal_path()
    known = {(line.at, line.kind, line.person_id) for line in read_journal(path)}
    rows = Erasure.objects.exclude(kind="").order_by("pk")
    new = [
        one
        for one in rows.values_list("made_at", "kind", "person_id", "with_account_id")
        if one[:3] not in known
    ]
    if not new:
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
        if _ends_amid_a_line(path):
            file.write("\n")
        for at, kind, person_id, account_id in new:
            line = {"at": at.isoformat(), "kind": kind, "id": person_id, "account": account_id is not None}
            file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return len(new)


def _ends_amid_a_line(path: Path) -> bool:
    return bool((text := path.read_bytes()) and not text.endswith(b"\n"))


def read_journal(path: Path) -> list[Line]:
    """The lines; a half-written last one is passed over, and written again with the next erasure."""
    if not path.is_file():
        return []
    found = []
    for text in path.read_text().splitlines():
        try:
            row = json.loads(text)
            at = datetime.datetime.fromisoformat(row["at"])
            found.append(Line(at, str(row["kind"]), int(row["id"]), bool(row.get("account"))))
        except (ValueError, KeyError, TypeError):
            continue
    return found
