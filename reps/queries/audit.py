"""The audit log read: entries by filters, what kinds there are, whether it is whole."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, fields

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from reps.engine.audit_words import Told, lines, sentence, who
from reps.models import AuditEntry, AuditSeal, User

# Where a record of a kind is shown: the name of an address that takes its id, or of one that takes nothing.
PAGES = {
    "user": "user", "rep": "rep", "role template": "role_template", "rule": "rule", "policy": "policy",
    "account": "account", "opportunity": "opportunity", "batch": "batch", "experiment": "experiment",
    "webhook": "webhook",
}  # fmt: skip
LISTS = {
    "team": "teams", "token": "tokens", "invitation": "users", "sign-in settings": "sign_in_settings",
    "group role": "sign_in_settings", "emergency sign-in": "sign_in_settings", "organisation": "organisation",
    "territory": "territories", "coverage": "territories", "web form": "web_forms", "custom field": "custom_fields",
    "certification": "certifications", "closing day": "closing_days", "override reason": "override_reasons",
    "product": "products", "configuration version": "rules",
}  # fmt: skip


@dataclass(frozen=True)
class AuditSearch:
    """`who`: a user's id or `way:` and a way. `record`: kind and id, with what belongs to it. Days are the reader's."""

    who: str = ""
    kind: str = ""
    action: str = ""
    first: datetime.date | None = None
    last: datetime.date | None = None
    address: str = ""
    text: str = ""
    record: tuple[str, str] | None = None


def audit_entries(search: AuditSearch) -> QuerySet[AuditEntry]:
    """Every condition but the text goes by an index that ends in the id, so that a page costs the same at any size."""
    found = AuditEntry.objects.all()
    if search.who.startswith("way:"):
        found = found.filter(way=search.who.removeprefix("way:"), user_id=None)
    elif search.who:
        found = found.filter(user_id=int(search.who))
    if search.kind:
        found = found.filter(kind=search.kind)
    if search.action:
        found = found.filter(action=search.action)
    if search.first:
        found = found.filter(at__gte=_midnight(search.first))
    if search.last:
        found = found.filter(at__lt=_midnight(search.last + datetime.timedelta(days=1)))
    if search.address:
        found = found.filter(address=search.address)
    if search.record:
        kind, pk = search.record
        found = found.filter(Q(kind=kind, record_id=pk) | Q(of_kind=kind, of_id=pk))
    if search.text:
        said = Q(record_name__icontains=search.text) | Q(of_name__icontains=search.text)
        said |= Q(user_name__icontains=search.text) | Q(user_email__icontains=search.text)
        found = found.filter(said | Q(through__icontains=search.text) | Q(request_id=search.text))
    return found


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


def told(entry: AuditEntry) -> Told:
    return Told(**{field.name: getattr(entry, field.name) for field in fields(Told)})


@dataclass(frozen=True)
class Line:
    """An entry as the page shows it."""

    entry: AuditEntry
    sentence: str
    changes: list[tuple[str, str, str]]
    page: str  # the name of the record's page, "" where there is none
    page_id: str


def line_of(entry: AuditEntry) -> Line:
    page, page_id = "", ""
    for kind, pk in ((entry.kind, entry.record_id), (entry.of_kind, entry.of_id)):
        if kind in PAGES and pk.isdigit():
            page, page_id = PAGES[kind], pk
            break
        if kind in LISTS:
            page = LISTS[kind]
            break
    return Line(entry, sentence(told(entry)), lines(entry.changes), page, page_id)


def kinds_known() -> list[str]:
    """By jumps along the index, not by reading every entry."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE known AS (
                (SELECT kind FROM reps_auditentry ORDER BY kind LIMIT 1)
                UNION ALL
                SELECT (SELECT kind FROM reps_auditentry e WHERE e.kind > known.kind ORDER BY kind LIMIT 1)
                FROM known WHERE known.kind IS NOT NULL
            ) SELECT kind FROM known WHERE kind IS NOT NULL
            """
        )
        return [kind for (kind,) in cursor.fetchall()]


def actors_known() -> list[tuple[str, str]]:
    people = [(str(pk), name) for pk, name in User.objects.order_by("name", "pk").values_list("pk", "name")]
    ways = AuditEntry.Way
    others = (ways.VISITOR, ways.JOB, ways.COMMAND, ways.DATABASE)
    return [*people, *((f"way:{way.value}", str(way.label).capitalize()) for way in others)]


COLUMNS = (
    "id", "at", "who", "user_id", "user_email", "way", "through", "address", "browser", "request", "action", "kind",
    "record", "name", "of_kind", "of", "of_name", "sentence", "changes",
)  # fmt: skip


def rows_of(entries: QuerySet[AuditEntry]) -> Iterator[dict[str, object]]:
    """For files and the API, read bit by bit."""
    for entry in entries.iterator(chunk_size=1000):
        yield row_of(entry)


def row_of(entry: AuditEntry) -> dict[str, object]:
    plain = told(entry)
    values = (
        entry.pk, entry.at.astimezone(datetime.UTC).isoformat(), who(plain), entry.user_id, entry.user_email, entry.way,
        entry.through, entry.address, entry.agent, entry.request_id, entry.action, entry.kind, entry.record_id,
        entry.record_name, entry.of_kind, entry.of_id, entry.of_name, sentence(plain), entry.changes,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def numbered_after(since: int, *, most: int) -> list[tuple[int, AuditEntry]]:
    """Sealed entries by their numbers, which have no gaps but for what is no longer kept."""
    kept = AuditSeal.objects.filter(Exists(AuditEntry.objects.filter(pk=OuterRef("entry_id"))))
    seals = list(kept.filter(number__gt=since).order_by("number").values_list("number", "entry_id")[:most])
    entries = AuditEntry.objects.in_bulk([entry for _, entry in seals])
    return [(number, entries[pk]) for number, pk in seals]


# What does not fit the chain: an entry that says something else than when it was sealed, one that is gone before its
# time, a number that is missing. Each is held against the seal before it, so that one change is told once.
BROKEN = """
    SELECT 'entry ' || s.entry_id || ' of the audit log (number ' || s.number || ') ' || CASE
               WHEN s.number <> coalesce(s.number_before, 0) + 1 THEN 'follows number ' || coalesce(s.number_before, 0)
               WHEN e.id IS NULL THEN 'is gone'
               ELSE 'is not what it was' END
    FROM (SELECT number, entry_id, entry_at, digest, lag(number) OVER w AS number_before,
                 coalesce(lag(digest) OVER w, '') AS digest_before
          FROM reps_auditseal WINDOW w AS (ORDER BY number)) s
    LEFT JOIN reps_auditentry e ON e.id = s.entry_id
    WHERE s.number <> coalesce(s.number_before, 0) + 1
       OR (e.id IS NULL AND s.entry_at > now() - interval '365 days')
       OR (e.id IS NOT NULL AND audit_digest(s.digest_before, e) <> s.digest
           AND NOT EXISTS (SELECT FROM reps_auditredaction r
                           WHERE r.entry_id = e.id AND r.digest = audit_digest(s.digest, e)))
"""
