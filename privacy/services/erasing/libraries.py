"""What is packed: sessions, tasks, what the cache remembers. Read as it is packed, and deleted or written anew."""

import base64
import binascii
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django_q.models import OrmQ, Schedule, Task

from privacy.engine.identity import Crowd, in_bytes
from privacy.models import Kind
from privacy.queries.people import Subject
from reps.services.calendars.sealing import SealBroken, unseal
from routing.services.delivery.letters import JOB as LETTER


def erase_in_libraries(subjects: Iterable[Subject], crowd: Crowd, counts: Counter[str]) -> None:
    users = {str(pk) for subject in subjects if (pk := subject.members.get(Kind.USER)) is not None}
    _erase_sessions(users, crowd, counts)
    _erase_tasks(crowd, counts)
    _erase_cache(crowd, {address for subject in subjects for address in subject.addresses})


def _erase_sessions(users: set[str], crowd: Crowd, counts: Counter[str]) -> None:
    for session in Session.objects.iterator():
        said = session.get_decoded()
        if str(said.get("_auth_user_id")) in users:
            session.delete()
            counts["sessions.Session"] += 1
            continue
        clean = crowd.scrubbed(said)
        if clean != said:
            session.session_data = SessionStore().encode(clean)
            session.save(update_fields=["session_data"])
            counts["sessions.Session"] += 1


def _erase_tasks(crowd: Crowd, counts: Counter[str]) -> None:
    for task in Task.objects.iterator():
        if crowd.is_in([repr(task.args), repr(task.kwargs), repr(task.result), *_letters(task.args)]):
            task.delete()
            counts["django_q.Task"] += 1
    for plan in Schedule.objects.exclude(args=None, kwargs=None):
        words = [str(plan.args or ""), str(plan.kwargs or "")]
        letters = _letters([plan.args]) if plan.func == LETTER else []
        if crowd.is_in([*words, *letters]):
            plan.delete()
            counts["django_q.Schedule"] += 1
    for waiting in OrmQ.objects.all():
        package = waiting.task
        if crowd.is_in([repr(package), *_letters(package.get("args"))]):
            waiting.delete()
            counts["django_q.OrmQ"] += 1


def _letters(values: Any) -> list[str]:
    """What is sealed for the mail, in words."""
    found = []
    for value in values if isinstance(values, list | tuple) else []:
        try:
            found.append(
                repr(unseal(base64.b64decode(str(value).strip("(),'\"").split("'")[0], validate=True)))
            )
        except (SealBroken, binascii.Error, ValueError):
            continue
    return found


def _erase_cache(crowd: Crowd, addresses: set[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key, value FROM cache_entries")
        gone = [
            key for key, value in cursor.fetchall()
            if crowd.is_in(key)
            or any(key.endswith(address) for address in addresses)
            or any(in_bytes(_unpacked(value), who.pattern) for who in crowd.people)
        ]  # fmt: skip
        cursor.execute("DELETE FROM cache_entries WHERE cache_key = ANY(%s)", [gone])


def _unpacked(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except (binascii.Error, ValueError):
        return value.encode()
