"""What is held on a person, in one file: `data.json` for programs, a table (CSV) of each kind, and a page to read."""

import datetime
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string

from privacy.models import Kind
from privacy.queries.elsewhere import Kept, held_elsewhere
from privacy.queries.held import Held, held_on
from privacy.queries.people import Subject, load_subject
from reps.engine.tables import csv_lines
from reps.models import AuditEntry, Rep, User
from reps.permissions import may
from reps.services.audit import note


class ExportRefused(Exception):
    """Who asks may not have it."""


def export(*, subject: Subject, to: IO[bytes], by: User | None, at: datetime.datetime) -> int:
    """Writes the file and notes who asked for whose. `by`: an admin, or the person; None for a command. Returns how
    many rows are in it."""
    is_own = by is not None and subject.members.get(Kind.USER) == by.pk
    if by is not None and not is_own and not may(by, "erase_people"):
        raise ExportRefused("Only an admin exports what is held on others.")
    for_oneself = is_own and by is not None and not may(by, "erase_people")
    parts: list[Held | Kept] = [
        *held_on(subject, for_oneself=for_oneself),
        *held_elsewhere(subject, for_oneself=for_oneself),
    ]
    note(
        action=AuditEntry.Action.EXPORTED,
        kind=subject.kind.value,
        record_id=subject.pk,
        by=by,
        changes={"held": [None, sorted({one.model for one in parts})]},
    )
    return write_file(subject, parts, to, at)


def write_file(subject: Subject, parts: Iterable[Held | Kept], to: IO[bytes], at: datetime.datetime) -> int:
    told: list[dict[str, Any]] = []
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, one in enumerate(parts, 1):
            rows = list(one.lines())
            told.append({"of": one.model, "label": one.label, "why": one.why, "rows": rows})
            archive.writestr(f"tables/{number:02d}-{one.model.lower()}.csv", table_of(rows))
        whole = {
            "kind": subject.kind.value,
            "id": subject.pk,
            "name": subject.name,
            "as_of": at,
            "held": told,
        }
        archive.writestr("data.json", json.dumps(whole, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1))
        archive.writestr(
            "read-me.html",
            render_to_string("privacy/export.html", {"subject": subject, "held": told, "at": at}),
        )
    return sum(len(one["rows"]) for one in told)


def table_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """As CSV, in which no spreadsheet finds a formula."""
    columns = list(rows[0]) if rows else []
    lines = [columns, *([_cell(row[name]) for name in columns] for row in rows)]
    return "".join(csv_lines(lines))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).strip('"')
    )


def own_subject(user: User) -> Subject | None:
    """Whom a user's own data are of: the rep, where the user is one."""
    rep = Rep.objects.filter(user=user).first()
    return load_subject(Kind.REP, rep.pk) if rep else load_subject(Kind.USER, user.pk)


def file_name(subject: Subject) -> str:
    return f"held-on-{subject.kind.value}-{subject.pk}.zip"
