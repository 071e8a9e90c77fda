"""The audit log keeps what was done and when; of the person it says nothing. A sealed entry gets a redaction."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q

from privacy.engine.identity import Crowd, scrubbed
from privacy.models import Kind
from privacy.queries.catalogue.mentions import as_said
from privacy.queries.elsewhere import Erased
from privacy.queries.people import Subject, is_about
from reps.models import AuditEntry

SEAL_LOCK = 7262022  # of seal_audit (reps 0023): nothing is numbered meanwhile
GONE = "erased"
TEXTS = ("user_name", "user_email", "through", "record_id", "record_name", "of_name", "changes")
# Of these records of the person every text is the person's.
PRIVATE = ("calendar", "absence", "account at the provider", "token", "second factor", "invitation")
# Columns that refer to a person (audit_named of reps 0023).
REFERS = {
    Kind.REP: ("rep_id", "owner_id", "from_rep_id", "to_rep_id", "covering_id"),
    Kind.USER: (
        "user_id", "by_id", "acts_as_id", "made_by_id", "settled_by_id", "created_by_id", "invited_by_id",
        "accepted_by_id", "published_by_id", "imported_by_id", "locked_by_id", "returned_by_id",
    ),
}  # fmt: skip
NOWHERE: dict[str, Any] = {"address": None, "agent": ""}
WORDS = ("note", "reason", "external_id", "uid", "phone")


def erase_in_audit(erased: Erased, counts: Counter[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEAL_LOCK])
    changed: set[int] = set()
    for subject in erased.subjects:
        changed |= _erase_actor(subject)
        changed |= _erase_about(subject, erased.invitations)
        for kind, pk in subject.members.items():
            changed |= _erase_references(subject, REFERS.get(kind, ()), pk)
    changed |= _erase_opportunities(erased.opportunities)
    changed |= _erase_mentions(erased.crowd)
    counts["reps.AuditEntry"] += len(changed)
    redact(changed)


def redact(changed: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT redact_audit(%s)", [sorted(changed)])


def _erase_actor(subject: Subject) -> set[int]:
    user = subject.members.get(Kind.USER)
    if user is None:
        return set()
    entries = AuditEntry.objects.filter(user_id=user)
    ids = set(entries.values_list("pk", flat=True))
    entries.update(**_actor_said(subject))
    # before the sign-in nobody is known, but from where somebody came is
    visits = AuditEntry.objects.filter(user_id__isnull=True, address__in=subject.addresses)
    ids |= set(visits.values_list("pk", flat=True))
    visits.update(**NOWHERE)
    return ids


def _actor_said(subject: Subject) -> dict[str, Any]:
    return {"user_name": subject.label, "user_email": "", **NOWHERE}


def _erase_about(subject: Subject, invitations: Sequence[int]) -> set[int]:
    about = Q(kind="invitation", record_id__in=[str(pk) for pk in invitations])
    for kind, pk in subject.members.items():
        about |= Q(kind=kind.value, record_id=str(pk)) | Q(of_kind=kind.value, of_id=str(pk))
    changed = set()
    for entry in AuditEntry.objects.filter(about):
        changed |= _write(entry, _about_said(entry, subject))
    return changed


def _about_said(entry: AuditEntry, subject: Subject) -> dict[str, Any]:
    pattern = subject.identity.pattern_beside
    said = {name: scrubbed(getattr(entry, name), pattern, subject.label) for name in TEXTS}
    said["changes"] = _without_words(said["changes"], everything=entry.kind in PRIVATE)
    if entry.kind in PRIVATE:
        said["record_name"] = GONE
        said["record_id"] = GONE if entry.kind == "token" else entry.record_id  # a token's is its name
    return said


def _erase_references(subject: Subject, fields: tuple[str, ...], pk: int) -> set[int]:
    changed = set()
    for entry in AuditEntry.objects.filter(changes__has_any_keys=fields) if fields else ():
        changed |= _write(entry, _references_said(entry, subject, fields, pk))
    return changed


def _references_said(entry: AuditEntry, subject: Subject, fields: tuple[str, ...], pk: int) -> dict[str, Any]:
    """What refers to the person has the name of then beside the id, also where others are called the same."""
    names = {
        one["name"]
        for field in fields
        for one in entry.changes.get(field) or ()
        if isinstance(one, dict) and one.get("id") == pk
    }
    if not names - {subject.label}:
        return {}
    said: dict[str, Any] = {"changes": _relabelled(entry.changes, fields, pk, subject.label)}
    for name in ("record_name", "of_name"):
        said[name] = subject.label if getattr(entry, name) in names else getattr(entry, name)
    return said


def _relabelled(changes: dict[str, Any], fields: tuple[str, ...], pk: int, label: str) -> dict[str, Any]:
    new = {
        field: [
            one | {"name": label} if isinstance(one, dict) and one.get("id") == pk else one for one in pair
        ]
        for field, pair in changes.items()
        if field in fields and isinstance(pair, list)
    }
    return changes | new


def _without_words(changes: Any, *, everything: bool) -> Any:
    if not isinstance(changes, dict):
        return changes
    return {
        field: [_blanked(one) for one in pair]
        if (everything or field in WORDS) and isinstance(pair, list)
        else pair
        for field, pair in changes.items()
    }


def _blanked(value: Any) -> Any:
    if isinstance(value, str) and value not in ("", "secret"):
        return GONE
    return GONE if isinstance(value, list) and value else value


def _erase_opportunities(named: Mapping[int, str]) -> set[int]:
    changed = set()
    of_these = Q(of_kind="opportunity", of_id__in=[str(pk) for pk in named])
    for entry in AuditEntry.objects.filter(of_these) if named else ():
        changed |= _write(entry, _opportunity_said(entry, named[int(entry.of_id)]))
    return changed


def _opportunity_said(entry: AuditEntry, name: str) -> dict[str, Any]:
    """Entries about a contact's opportunities: what a person wrote there, and what the opportunity was called."""
    return {
        "of_name": name,
        "record_name": name if entry.record_name == entry.of_name else entry.record_name,
        "changes": _renamed(_without_words(entry.changes, everything=False), int(entry.of_id), name),
    }


def _renamed(changes: Any, pk: int, name: str) -> Any:
    """What refers to the opportunity says its new name."""
    pair = changes.get("opportunity_id")
    if not isinstance(pair, list):
        return changes
    new = [one | {"name": name} if isinstance(one, dict) and one.get("id") == pk else one for one in pair]
    return changes | {"opportunity_id": new}


def _erase_mentions(crowd: Crowd) -> set[int]:
    if not crowd.query:
        return set()
    rows, wanted = AuditEntry.objects.alias(said=as_said("changes")), Q(said__iregex=crowd.query)
    for name in TEXTS[:-1]:
        wanted |= Q(**{f"{name}__iregex": crowd.query})
    changed = set()
    for entry in list(rows.filter(wanted)):
        changed |= _write(entry, _mentions_said(entry, crowd))
    return changed


def _mentions_said(entry: AuditEntry, crowd: Crowd) -> dict[str, Any]:
    said = {name: crowd.scrubbed(getattr(entry, name)) for name in TEXTS}
    if entry.action == AuditEntry.Action.SIGN_IN_FAILED and said["record_name"] != entry.record_name:
        said |= NOWHERE
    return said


def _write(entry: AuditEntry, said: dict[str, Any]) -> set[int]:
    new = _differing(entry, said)
    return {entry.pk} if new and AuditEntry.objects.filter(pk=entry.pk).update(**new) else set()


def _differing(entry: AuditEntry, said: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value[: _most(name)] if isinstance(value, str) else value
        for name, value in said.items()
        if value != getattr(entry, name)
    }


def redacted(entry: AuditEntry, erased: Erased) -> dict[str, Any]:
    """Of an entry that is not in the database any more: the columns that say something else now, which are set in it.
    Step by step as above."""
    new: dict[str, Any] = {}
    for said in _steps(entry, erased):
        for name, value in _differing(entry, said).items():
            setattr(entry, name, value)
            new[name] = value
    return new


def _steps(entry: AuditEntry, erased: Erased) -> Iterator[dict[str, Any]]:
    """Each is asked for once the one before is set in the entry."""
    for subject in erased.subjects:
        user = subject.members.get(Kind.USER)
        if user is not None and entry.user_id == user:
            yield _actor_said(subject)
        elif user is not None and entry.user_id is None and entry.address in subject.addresses:
            yield NOWHERE
        if is_about(entry, subject, erased.invitations):
            yield _about_said(entry, subject)
        for kind, pk in subject.members.items():
            yield _references_said(entry, subject, REFERS.get(kind, ()), pk)
    if entry.of_kind == "opportunity" and entry.of_id.isdigit() and int(entry.of_id) in erased.opportunities:
        yield _opportunity_said(entry, erased.opportunities[int(entry.of_id)])
    yield _mentions_said(entry, erased.crowd)


def _most(name: str) -> int | None:
    return getattr(AuditEntry._meta.get_field(name), "max_length", None)
