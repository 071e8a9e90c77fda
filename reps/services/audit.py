"""Entries of the audit log for what is no change of a row; its numbers; what is no longer kept."""

import datetime
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from reps.attribution import Way, actor_now
from reps.models import AuditEntry, User

ATTACHED = "attachment"
LEAST_DAYS = 366  # the database refuses to forget what is younger than a year


def note(
    *,
    action: str,
    kind: str,
    record_id: object = "",
    record_name: str = "",
    by: User | None = None,
    changes: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Adds an entry of whoever acts now. `by`: who that is, where the caller knows it."""
    actor = actor_now()
    if by is None and actor is not None and actor.user is not None:
        by = User.objects.filter(pk=actor.user).first()
    return AuditEntry.objects.create(
        way=Way.DATABASE if actor is None else Way.PERSON if by and actor.way == Way.VISITOR else actor.way,
        user_id=by.pk if by else None,
        user_name=by.name if by else "",
        user_email=by.email if by else "",
        through=actor.through if actor else "",
        address=actor.address if actor else None,
        agent=actor.agent if actor else "",
        request_id=actor.request if actor else "",
        action=action,
        kind=kind,
        record_id=str(record_id)[:40],
        record_name=record_name.replace("\x00", "")[:300],
        changes=dict(changes or {}),
    )


def note_download(request: HttpRequest, response: HttpResponseBase) -> None:
    """Every file that leaves the house: which, and what was asked for. Before the first line of it is sent."""
    told = response.headers.get("Content-Disposition", "")
    if response.status_code != 200 or not told.startswith(ATTACHED):
        return
    name = told.partition("filename=")[2].strip('"') or request.path.rsplit("/", 1)[-1]
    note(
        action=AuditEntry.Action.EXPORTED,
        kind="file",
        record_name=name,
        by=request.user if isinstance(request.user, User) else None,
        changes={"address": [None, request.get_full_path().replace("\x00", "")[:1000]]},
    )


def forget_old(*, at: datetime.datetime) -> int:
    """By the setting AUDIT_KEPT_DAYS; 0 keeps everything."""
    days = settings.AUDIT_KEPT_DAYS
    return forget(before=at - datetime.timedelta(days=max(days, LEAST_DAYS))) if days else 0


def seal() -> int:
    """Numbers and chains what is committed. Returns the last number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seal_audit()")
        return int(cursor.fetchone()[0])


def forget(*, before: datetime.datetime) -> int:
    """Deletes entries from before that moment, which has to be a year ago at least; returns how many."""
    with connection.cursor() as cursor:
        # WITH: it writes, so that its entry says who asked (reps.attribution)
        cursor.execute("WITH forgotten AS (SELECT forget_audit(%s)) SELECT * FROM forgotten", [before])
        return int(cursor.fetchone()[0])
