"""Whom the files of the archive name: their texts read once, whole rows only of the pieces that name somebody."""

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from operations.queries.histories import BY_KIND
from privacy.engine.identity import Crowd
from privacy.models import Kind
from privacy.queries.catalogue.mentions import ESCAPE
from privacy.queries.elsewhere import Erased, Kept
from privacy.queries.held import NAMES, OWN, SECRET, label_of
from privacy.queries.people import Said, Subject, is_about, renamings
from reps.models import AuditEntry

Row = dict[str, Any]
TEXTS: Mapping[str, tuple[str, ...]] = {
    "decisions": ("facts", "trace", "policy_name"),
    "activities": ("note", "external_id"),
    "audit": (
        "user_name", "user_email", "through", "record_id", "record_name", "of_name", "changes",
    ),
}  # fmt: skip
# A letter of an escape in JSON is none of the word after it.
ESCAPED = re.compile(ESCAPE)
OF_ENTRIES = ["user_id", "user_name", "user_email", "address", "kind", "record_id", "changes"]


@dataclass(frozen=True)
class MonthFile:
    """A file of one kind."""

    kind: str
    path: Path

    def pieces_of(self, erased: Erased) -> Iterator[list[Row]]:
        """What may have to say less, a piece of the file at a time: rows that belong to these people, refer to them, or
        say one of their words."""
        ids = {pk for subject in erased.subjects for pk in subject.members.values()}
        is_wanted = self._is_wanted(erased.subjects, erased.opportunities, erased.invitations, ids)
        yield from self._pieces(erased.crowd, is_wanted)

    def pieces_held(
        self, subject: Subject, opportunities: Container[int], crowd: Crowd
    ) -> Iterator[list[Row]]:
        yield from self._pieces(crowd, self._is_wanted([subject], opportunities, (), set()))

    def _is_wanted(
        self,
        subjects: Sequence[Subject],
        opportunities: Container[int],
        invitations: tuple[int, ...],
        ids: set[int],
    ) -> Callable[[Row], bool]:
        def of_an_entry(row: Row) -> bool:
            entry = entry_of(row)
            return (
                any(is_of(entry, one, invitations) for one in subjects)
                or _refers_to(entry.changes, ids)
                or _opportunity_of(row) in opportunities
            )

        if self.kind == "audit":
            return of_an_entry
        return lambda row: row["opportunity_id"] in opportunities

    def _pieces(self, crowd: Crowd, is_wanted: Callable[[Row], bool]) -> Iterator[list[Row]]:
        with pq.ParquetFile(self.path) as file:
            narrow = None if self.kind == "audit" else ["id", "opportunity_id", *TEXTS[self.kind]]
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=narrow).to_pylist()
                wanted = _naming(rows, TEXTS[self.kind], crowd) | {
                    row["id"] for row in rows if is_wanted(row)
                }
                if wanted:
                    whole = rows if narrow is None else file.read_row_group(group).to_pylist()
                    yield [row for row in whole if row["id"] in wanted]


def _naming(rows: list[Row], texts: Iterable[str], crowd: Crowd) -> set[int]:
    """Ids of rows that say one of the words."""
    if not crowd.query:
        return set()
    found = set()
    for row in rows:
        said = "\n".join(str(row[name]) for name in texts if row[name])
        if crowd.is_in(said) or ("\\" in said and crowd.is_in(ESCAPED.sub(" ", said))):
            found.add(row["id"])
    return found


def _opportunity_of(row: Row) -> int:
    """Which an entry is about; -1: none."""
    return int(row["of_id"]) if row["of_kind"] == "opportunity" and row["of_id"].isdigit() else -1


def entry_of(row: Row) -> AuditEntry:
    """An address as Python has it, without the length of its network."""
    address = row["address"]
    plain = {"changes": json.loads(row["changes"]), "address": address and address.split("/")[0]}
    return AuditEntry(**row | plain)


def is_of(entry: AuditEntry, subject: Subject, invitations: tuple[int, ...] = ()) -> bool:
    """By the person, about the person, or from where the person came without being known yet."""
    user = subject.members.get(Kind.USER)
    is_visit = entry.user_id is None and entry.address in subject.addresses
    return (user is not None and (entry.user_id == user or is_visit)) or is_about(entry, subject, invitations)


def _refers_to(changes: Any, ids: set[int]) -> bool:
    """Whether anything in it has one of these ids; which column that is, the erasing asks."""
    pairs = changes.values() if isinstance(changes, dict) else ()
    return any(
        isinstance(one, dict) and one.get("id") in ids
        for pair in pairs
        if isinstance(pair, list)
        for one in pair
    )


def said_in(path: Path, members: Mapping[Kind, int]) -> Said:
    """What the entries of a file call somebody."""
    names, emails, addresses = set[str](), set[str](), set[str]()
    records = {(kind.value, str(pk)) for kind, pk in members.items()}
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            for row in file.read_row_group(group, columns=OF_ENTRIES).to_pylist():
                if row["user_id"] is not None and row["user_id"] == members.get(Kind.USER):
                    names.add(row["user_name"])
                    emails.add(row["user_email"])
                    addresses.add((row["address"] or "").split("/")[0])
                if (row["kind"], row["record_id"]) in records:
                    for name, email in renamings(json.loads(row["changes"])):
                        names.add(name)
                        emails.add(email)
    return Said(frozenset(names - {""}), frozenset(emails - {""}), frozenset(addresses - {""}))


def rows_held(
    files: Iterable[MonthFile], subject: Subject, opportunities: Container[int], *, for_oneself: bool
) -> list[Kept]:
    """What the files hold on a person, the person's own apart from what only says the name."""
    found: dict[tuple[str, str], list[Row]] = {}
    crowd = Crowd() if for_oneself else Crowd((subject.identity,))
    for file in files:
        for row in (row for piece in file.pieces_held(subject, opportunities, crowd) for row in piece):
            if file.kind == "audit":
                own = is_of(entry_of(row), subject)
            else:
                own = row["opportunity_id"] in opportunities
            plain = {name: value for name, value in row.items() if name not in SECRET}
            found.setdefault((file.kind, OWN if own else NAMES), []).append(plain)
    return [
        Kept(BY_KIND[kind].model._meta.label, f"{label_of(BY_KIND[kind].model)} in the archive", why, rows)
        for (kind, why), rows in found.items()
    ]
