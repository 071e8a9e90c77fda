"""The retention rules, in pieces: each is committed by itself, and what a killed night left the next one takes."""

import datetime
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef

from crm.models import ImportFile
from privacy.models import Erasure, Kind, RetentionRun, RetentionSettings
from privacy.queries.retention import Rows, cutoff, expired_sessions, overdue, retention_settings
from privacy.services.erasing import EraseRefused, erase, erasing
from privacy.services.erasing.audit import redact
from privacy.services.erasing.files import empty_file
from reps.models import AuditEntry, User
from reps.permissions import may
from reps.services.edits import lock_unchanged

CONTACTS, FILES, ROWS = 50, 20, 2000  # in one piece
RUN_SECONDS = 20 * 60.0


@transaction.atomic
def save_retention(
    *, settings: RetentionSettings, seen: datetime.datetime | None = None, by: User
) -> RetentionSettings:
    """Raises EditConflict where somebody else changed them since."""
    if not may(by, "erase_people"):
        raise PermissionDenied
    if RetentionSettings.objects.filter(pk=1).exists():
        lock_unchanged(settings, seen=seen)
        settings.save(force_update=True)
    else:
        settings.save(force_insert=True)
    return settings


def apply_rules(*, at: datetime.datetime, seconds: float = RUN_SECONDS) -> RetentionRun:
    """One night. What the time was too short for is the next one's."""
    run = RetentionRun.objects.create(began_at=at)
    ends, counts, settings = time.monotonic() + seconds, Counter[str](), retention_settings()
    counts["sessions"] = clear_sessions(at=at)
    for rule, take in TAKES.items():
        value = getattr(settings, rule)
        if value is not None:
            for number in _pieces(rule, cutoff(rule, value, at), take, at, ends):
                counts[rule] += number
    run.counts, run.ended_at = (
        dict(counts),
        at + datetime.timedelta(seconds=seconds - max(0, ends - time.monotonic())),
    )
    run.save(update_fields=["counts", "ended_at"])
    return run


Take = Callable[[list[Any], datetime.datetime], int]


def _pieces(rule: str, before: datetime.datetime, take: Take, at: datetime.datetime, ends: float) -> Any:
    """Piece by piece in rising order, so that what cannot go now keeps nothing else from going."""
    for rows in overdue(rule, before):
        after: Any = None
        while time.monotonic() < ends:
            piece = _next(rows, after, SIZES.get(rule, ROWS))
            if not piece:
                break
            after = piece[-1].pk
            yield take(piece, at)


def _next(rows: Rows, after: Any, size: int) -> list[Any]:
    ahead = rows if after is None else rows.filter(pk__gt=after)
    return list(
        ahead.order_by("pk").defer("content")[:size]
        if rows.model is ImportFile
        else ahead.order_by("pk")[:size]
    )


def _take_contacts(piece: list[Any], at: datetime.datetime) -> int:
    """Together; where one cannot go (a file that is not done with names somebody), each by itself."""
    people = [(Kind.CONTACT.value, one.pk) for one in piece]
    try:
        return _anonymise(people, at)
    except EraseRefused:
        return sum(_one(person, at) for person in people)


def _one(person: tuple[str, int], at: datetime.datetime) -> int:
    try:
        return _anonymise([person], at)
    except EraseRefused:
        return 0


def _anonymise(people: list[tuple[str, int]], at: datetime.datetime) -> int:
    return len(erase(people=people, by=None, at=at, reason="Not worked with for long", is_by_rule=True))


@transaction.atomic
def _take_files(piece: list[Any], at: datetime.datetime) -> int:
    for one in ImportFile.objects.filter(pk__in=[one.pk for one in piece]).select_for_update(no_key=True):
        empty_file(one)
    return len(piece)


@transaction.atomic
def _delete(piece: list[Any], at: datetime.datetime) -> int:
    rows = type(piece[0])._base_manager.filter(pk__in=[one.pk for one in piece])
    rows.delete()
    return len(piece)


@transaction.atomic
def _take_receipts(piece: list[Any], at: datetime.datetime) -> int:
    rows = type(piece[0])._base_manager.filter(pk__in=[one.pk for one in piece])
    return int(rows.update(idempotency_key="", fingerprint="", answer={}))


@transaction.atomic
def _take_addresses(piece: list[Any], at: datetime.datetime) -> int:
    """What was sealed is redacted under its seal. The newest minute's entries are old enough to be sealed."""
    ids = [one.pk for one in piece]
    with erasing(
        Erasure.objects.create(made_at=at, reason="Addresses of old audit entries", is_by_rule=True)
    ):
        AuditEntry.objects.filter(pk__in=ids).update(address=None, agent="")
        redact(ids)
    return len(ids)


@transaction.atomic
def clear_sessions(*, at: datetime.datetime) -> int:
    """Sessions that are over, and what is told of sessions that are not there any more."""
    number = expired_sessions(at).delete()[0]
    there = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.exclude(Exists(there)).delete()
    return number


TAKES: dict[str, Take] = {
    "contacts_months": _take_contacts,
    "import_files_days": _take_files,
    "messages_days": _delete,
    "receipts_days": _take_receipts,
    "refusals_days": _delete,
    "addresses_months": _take_addresses,
}
SIZES = {"contacts_months": CONTACTS, "import_files_days": FILES}
