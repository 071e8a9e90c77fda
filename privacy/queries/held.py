"""What is held on a person: rows by table, as the catalogue finds them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q, QuerySet

from crm.models import ImportFile, Opportunity
from privacy.engine.identity import Crowd, Identity, in_bytes, mentions
from privacy.models import Kind
from privacy.queries.catalogue import TABLES, Table
from privacy.queries.catalogue.mentions import saying
from privacy.queries.people import Subject
from reps.models import AuditEntry
from routing.models import Decision

# Never told, not even to whom they belong: whoever finds the file could use them.
SECRET = {
    "password", "sealed", "chat_sealed", "digest", "token_key", "data", "session_key", "session_data", "stamp", "key",
    "fingerprint", "content", "state", "columns", "token", "token_secret",
}  # fmt: skip
NOT_FOR_ONESELF = {
    "analytics.CoachingFinding",
    "reps.TagSuggestion",
}  # managers' thoughts, before they said them


@dataclass(frozen=True)
class Held:
    """Rows of one kind of record. `why`: belongs to the person, or only names the person."""

    model: str
    label: str
    why: str
    rows: "QuerySet[Any]"

    def lines(self) -> Iterator[dict[str, Any]]:
        """Each row as plain values, without secrets."""
        columns = [
            column.attname for column in self.rows.model._meta.concrete_fields if column.name not in SECRET
        ]
        yield from self.rows.order_by("pk").values(*columns).iterator(chunk_size=500)


OWN, NAMES = "belongs to the person", "names the person"


def held_on(subject: Subject, *, for_oneself: bool = False) -> list[Held]:
    """What there is anything of. For oneself without what others wrote that only names one: it is about others too."""
    crowd = Crowd((subject.identity,))
    found = []
    for one in TABLES:
        if for_oneself and one.model in NOT_FOR_ONESELF:
            continue
        own = _own(one, subject)
        parts = [(OWN, own)]
        if not for_oneself:
            parts.append((NAMES, _naming(one, crowd).exclude(pk__in=own.order_by().values("pk"))))
        found += [Held(one.model, label_of(one.rows_model), why, rows) for why, rows in parts]
    return [one for one in found if one.rows.exists()]


def _own(one: Table, subject: Subject) -> "QuerySet[Any]":
    rows = one.rows_model._base_manager
    own = _special(one, subject)
    for kind, pk in subject.members.items():
        for link in one.of.get(kind, ()):
            own |= Q(**{link.path: pk})
    ids = rows.filter(own).order_by().values("pk") if own else []
    return rows.filter(pk__in=ids)


def _special(one: Table, subject: Subject) -> Q:
    """What belongs to the person by another way than a reference."""
    if one.model == "reps.AuditEntry":
        about = Q(user_id=subject.members[Kind.USER]) if Kind.USER in subject.members else Q()
        for kind, pk in subject.members.items():
            about |= Q(kind=kind.value, record_id=str(pk)) | Q(of_kind=kind.value, of_id=str(pk))
        return about
    contact = subject.members.get(Kind.CONTACT)
    if contact is not None and one.rows_model is Decision:
        return Q(opportunity__in=Opportunity.objects.filter(contact=contact))
    if one.dropped and subject.emails:
        said = Q()
        for email in subject.emails:
            said |= Q(**{f"{one.dropped}__iexact": email})
        return said
    return Q()


def _naming(one: Table, crowd: Crowd) -> "QuerySet[Any]":
    rows = one.rows_model._base_manager
    if one.rows_model is ImportFile:
        return rows.filter(pk__in=[file.pk for file in files_naming(crowd)])
    columns = [*one.named, *({one.dropped} - {""})]
    if one.rows_model is AuditEntry:
        columns = ["user_name", "user_email", "record_name", "of_name", "changes"]
    if one.rows_model is Opportunity:
        columns += ["name", "custom"]
    if not columns or not crowd.query:
        return rows.none()
    return saying(one, columns, crowd)


def files_naming(crowd: Crowd) -> list[ImportFile]:
    return [one for one in ImportFile.objects.all() if any(_is_named_in(one, who) for who in crowd.people)]


def _is_named_in(file: ImportFile, who: Identity) -> bool:
    return in_bytes(bytes(file.content), who.pattern_in_files) or mentions(file.errors, who.pattern)


def label_of(model: type[Model]) -> str:
    words = str(model._meta.verbose_name_plural)
    return words[:1].upper() + words[1:]
