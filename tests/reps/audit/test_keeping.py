"""The audit log is only added to; what was rewritten shows."""

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from reps.attribution import Actor, acting
from reps.models import AuditEntry, AuditSeal, Rep, User
from reps.services.audit import forget, forget_old, seal
from routing.models import OverrideReason
from routing.queries.invariants import check_invariants

pytestmark = pytest.mark.django_db
Api = Callable[[User], APIClient]
Since = Callable[[], list[AuditEntry]]


def run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


# --- append-only -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reps_auditentry SET user_name = 'Nobody'",
        "DELETE FROM reps_auditentry",
        "TRUNCATE reps_auditentry",
        "UPDATE reps_auditseal SET digest = ''",
        "DELETE FROM reps_auditseal",
        "TRUNCATE reps_auditseal",
    ],
)
def test_the_database_refuses_to_rewrite_it(ana: Rep, statement: str) -> None:
    seal()
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
        run(statement)
    run("SET LOCAL routing.forgets_audit = 'on'")  # what the function sets, by somebody else
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
        run(statement)


def old_entry(days: int) -> AuditEntry:
    at = timezone.now() - datetime.timedelta(days=days)
    return AuditEntry.objects.create(at=at, way="database", action="created", kind="rep", record_name="Old")


def test_old_entries_go_by_one_function_which_is_told(settings: Any) -> None:
    old, young = old_entry(days=400), old_entry(days=300)
    with pytest.raises(DatabaseError, match="a year at least"), transaction.atomic():
        forget(before=timezone.now() - datetime.timedelta(days=300))
    assert forget_old(at=timezone.now()) == 0  # kept for good, if nothing is set
    settings.AUDIT_KEPT_DAYS = 30
    assert forget_old(at=timezone.now()) == 1
    assert not AuditEntry.objects.filter(pk=old.pk).exists()
    assert AuditEntry.objects.filter(pk=young.pk).exists()
    told = AuditEntry.objects.get(action="forgotten")
    assert told.changes["entries"] == [1, None]


def test_what_a_superuser_rewrote_shows(ana: Rep) -> None:
    seal()
    assert check_invariants().violations == []
    first, second, third = AuditSeal.objects.order_by("number")[:3]
    run("SET LOCAL session_replication_role = replica")
    run("UPDATE reps_auditentry SET record_name = 'Nobody' WHERE id = %s", first.entry_id)
    run("DELETE FROM reps_auditentry WHERE id = %s", third.entry_id)
    run("SET LOCAL session_replication_role = origin")
    assert [one.detail for one in check_invariants().violations] == [
        f"entry {first.entry_id} of the audit log (number {first.number}) is not what it was",
        f"entry {third.entry_id} of the audit log (number {third.number}) is gone",
    ]
    assert second.number == first.number + 1


def test_a_missing_number_shows(ana: Rep) -> None:
    seal()
    run("SET LOCAL session_replication_role = replica")
    run("DELETE FROM reps_auditseal WHERE number = 3")
    run("SET LOCAL session_replication_role = origin")
    (told,) = [one.detail for one in check_invariants().violations]
    assert told.endswith("(number 4) follows number 2")


def test_numbers_stay_when_entries_are_forgotten(settings: Any, omar: User, api: Api, ada: User) -> None:
    old_entry(days=400)
    seal()
    settings.AUDIT_KEPT_DAYS = 365
    forget_old(at=timezone.now())
    assert check_invariants().violations == []


def test_a_change_that_is_rolled_back_leaves_nothing(ana: Rep, since: Since) -> None:
    since()
    with transaction.atomic():
        Rep.objects.update(own_max_open=1)
        transaction.set_rollback(True)
    assert since() == []


@pytest.mark.django_db(transaction=True)
def test_two_writers_side_by_side_lose_nothing_and_numbers_follow_commits(
    ana: Rep, omar: User, ben: User
) -> None:
    """The one that wrote first commits last: its entry gets the later number."""
    seal()
    begun_at = AuditSeal.objects.count()
    wrote, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with acting(Actor("person", user=omar.pk)), transaction.atomic():
                OverrideReason.objects.create(label="Slow")
                wrote.set()
                may_commit.wait(20)
        finally:
            connections["default"].close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert wrote.wait(20)
    with acting(Actor("person", user=ben.pk)):
        OverrideReason.objects.create(label="Quick")
    seal()
    may_commit.set()
    thread.join()
    seal()
    numbered = AuditSeal.objects.order_by("number")[begun_at:]
    entries = [AuditEntry.objects.get(pk=one.entry_id) for one in numbered]
    assert [(one.record_name, one.user_name) for one in entries] == [("Quick", "Ben"), ("Slow", "Omar")]
    assert entries[0].pk > entries[1].pk
    assert check_invariants().violations == []
