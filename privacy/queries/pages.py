"""What the pages tell: what is held and what would become of it; erasures of the past; the last night."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from privacy.models import Erasure, RetentionRun
from privacy.queries.catalogue import TABLES, Gone, Table
from privacy.queries.held import OWN, Held
from privacy.queries.people import Subject
from privacy.queries.retention import told_counts

BY_MODEL = {one.model: one for one in TABLES}


@dataclass(frozen=True)
class Told:
    """`goes`: what erasing does with these rows."""

    label: str
    count: int
    why: str
    goes: str


def told_of(subject: Subject, held: Sequence[Held]) -> list[Told]:
    return [
        Told(one.label, one.rows.count(), one.why, _goes(BY_MODEL[one.model], one.why, subject))
        for one in held
    ]


def _goes(one: Table, why: str, subject: Subject) -> str:
    if "content" in one.special and one.named:  # a file that somebody uploaded
        return "the file is emptied"
    if why != OWN:
        return "deleted" if one.dropped else "the name is replaced"
    links = [link for kind in subject.members for link in one.of.get(kind, ())]
    if one.dropped or any(isinstance(link, Gone) for link in links):
        return "deleted"
    return "kept as numbers, without words" if one.linked_columns or one.special else "the name is replaced"


def history() -> "QuerySet[Erasure]":
    return Erasure.objects.select_related("made_by").exclude(kind="")


def told_rules(run: RetentionRun | None) -> list[tuple[int, str]]:
    """What the last night did, in numbers and words."""
    if run is None:
        return []
    return told_counts({rule: number for rule, number in run.counts.items() if number})
