"""The rules take what is old and nothing else, in pieces, and a night says what it did."""

import datetime
import uuid
from collections.abc import Callable

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from crm.models import Activity, Contact, ImportFile, ImportRun, Opportunity
from privacy.jobs import apply_retention
from privacy.models import Erasure, RetentionRun, RetentionSettings
from privacy.services import retention
from privacy.services.retention import apply_rules
from reps.models import AuditEntry, Rep, SignInRefusal, User
from reps.services.audit import note, seal
from routing.models import Delivery, IntakeReceipt, Notification
from routing.queries.invariants import check_invariants
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
LONG_AGO = NOW - 400 * DAY
Make = Callable[..., Opportunity]


def rules(**values: int) -> None:
    RetentionSettings.objects.update_or_create(pk=1, defaults=values)


def contact(name: str, *, at: datetime.datetime = LONG_AGO) -> Contact:
    made = Contact.objects.create(name=name, email=f"{name.split()[0].lower()}@x.example")
    Contact.objects.filter(pk=made.pk).update(updated_at=at)
    return made


def lead(make: Make, of: Contact, *, stage: str = "lost", at: datetime.datetime = LONG_AGO) -> Opportunity:
    made = make(contact=of, at=at)
    values = {
        "stage": stage,
        "accepted_at": at,
        "opened_at": at,
        "closed_at": None if stage == "open" else at,
    }
    Opportunity.objects.filter(pk=made.pk).update(routing="none", **values)
    return made


def test_contacts_that_nobody_works_with(make_opportunity: Make, ana: Rep) -> None:
    gone, alone = contact("Gone Long"), contact("Alone Long")
    lead(make_opportunity, gone)
    fresh = contact("Fresh Now", at=NOW - DAY)
    still = contact("Still Open")
    lead(make_opportunity, still, stage="open")
    lately = contact("Lately Closed")
    lead(make_opportunity, lately, at=NOW - 10 * DAY)
    called = contact("Called Again")
    old = lead(make_opportunity, called)
    Activity.objects.create(opportunity=old, rep=ana, kind="call", happened_at=NOW - DAY)
    rules(contacts_months=12)
    run = apply_rules(at=NOW)
    assert run.counts == {"sessions": 0, "contacts_months": 2}
    names = dict(Contact.objects.values_list("pk", "name"))
    assert {pk for pk, name in names.items() if name.startswith("Erased")} == {gone.pk, alone.pk}
    assert {names[one.pk] for one in (fresh, still, lately, called)} == {
        "Fresh Now", "Still Open", "Lately Closed", "Called Again",
    }  # fmt: skip
    assert {(one.is_by_rule, one.made_by) for one in Erasure.objects.all()} == {(True, None)}
    assert apply_rules(at=NOW).counts["sessions"] == 0
    assert Erasure.objects.count() == 2


def test_one_that_cannot_go_keeps_nobody_else(monkeypatch: pytest.MonkeyPatch, omar: User) -> None:
    for name in ("Ab Cd", "Ef Gh", "Ij Kl", "Mn Op"):
        contact(name)
    run = ImportRun.objects.create(state="uploaded", started_by=omar)
    ImportFile.objects.create(run=run, name="x.csv", content=b"Name\nEf Gh\n")
    rules(contacts_months=12)
    monkeypatch.setattr(retention, "SIZES", {"contacts_months": 3})
    assert apply_rules(at=NOW).counts["contacts_months"] == 3
    assert list(Contact.objects.exclude(name__startswith="Erased").values_list("name", flat=True)) == [
        "Ef Gh"
    ]


def test_nothing_goes_where_no_rule_is_on_but_expired_sessions(make_opportunity: Make) -> None:
    contact("Gone Long")
    for key, ends in (("a", timezone.now() - DAY), ("b", timezone.now() + DAY)):
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
    assert apply_retention() == {"sessions": 1}
    assert list(Session.objects.values_list("session_key", flat=True)) == ["b"]
    assert Contact.objects.get().name == "Gone Long"


def test_messages_receipts_files_and_refusals(make_opportunity: Make, omar: User) -> None:
    old, new = NOW - 40 * DAY, NOW - 20 * DAY
    for at in (old, new):
        Notification.objects.create(key=uuid.uuid4(), user=omar, text="x", created_at=at)
        SignInRefusal.objects.create(at=at, email="a@x.example", reason="no")
        made = make_opportunity(person={"name": "Jo"})
        IntakeReceipt.objects.create(
            opportunity=made,
            user=omar,
            idempotency_key=str(at),
            fingerprint="f",
            answer={"name": "Jo"},
            created_at=at,
        )
        run = ImportRun.objects.create(state="done", started_by=omar)
        ImportRun.objects.filter(pk=run.pk).update(created_at=at)
        ImportFile.objects.create(
            run=run, name="x.csv", content=b"Name\nJo\n", errors=[[1, "name", "Jo", "bad"]]
        )
    waiting = Notification.objects.create(key=uuid.uuid4(), user=omar, text="not sent", created_at=old)
    Delivery.objects.create(channel="email", user=omar, notification=waiting)
    attempt = AccessAttempt.objects.create(
        username="a", get_data="", post_data="", http_accept="", path_info="", failures_since_start=1
    )
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=old)
    rules(import_files_days=30, messages_days=30, receipts_days=30, refusals_days=30)
    counts = apply_rules(at=NOW).counts
    assert counts == {
        "sessions": 0, "import_files_days": 1, "messages_days": 1, "receipts_days": 1, "refusals_days": 2,
    }  # fmt: skip
    assert set(Notification.objects.values_list("text", flat=True)) == {"x", "not sent"}
    assert list(IntakeReceipt.objects.order_by("pk").values_list("answer", "fingerprint")) == [
        ({}, ""), ({"name": "Jo"}, "f"),
    ]  # fmt: skip
    assert [len(bytes(one.content)) for one in ImportFile.objects.order_by("pk")] == [0, 8]
    assert ImportFile.objects.order_by("pk")[0].errors == [[1, "name", "", "bad"]]
    again = apply_rules(at=NOW).counts
    assert sum(again.values()) == 0


def test_addresses_leave_the_audit_log_under_its_seals(omar: User) -> None:
    note(action="changed", kind="user", by=omar)
    seal()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE reps_auditentry SET address = '203.0.113.9', agent = 'Firefox', at = %s", [LONG_AGO]
        )
        cursor.execute("DELETE FROM reps_auditseal")
        cursor.execute("SET LOCAL session_replication_role = origin")
    seal()
    rules(addresses_months=3)
    number = AuditEntry.objects.filter(address="203.0.113.9").count()
    assert apply_rules(at=NOW).counts["addresses_months"] == number
    assert not AuditEntry.objects.filter(address="203.0.113.9").exists()
    assert check_invariants().violations == []


def test_a_night_that_is_out_of_time_says_what_it_did() -> None:
    contact("Gone Long")
    rules(contacts_months=12)
    assert "contacts_months" not in apply_rules(at=NOW, seconds=0).counts
    assert RetentionRun.objects.get().ended_at is not None
    assert apply_rules(at=NOW).counts["contacts_months"] == 1


def test_the_database_keeps_the_least_values() -> None:
    for field in ("contacts_months", "import_files_days", "addresses_months"):
        with pytest.raises(IntegrityError), transaction.atomic():
            rules(**{field: 1})


def test_the_command_counts_and_applies(capsys: pytest.CaptureFixture[str]) -> None:
    made = contact("Gone Long")
    rules(contacts_months=12)
    call_command("privacy", "retention")
    assert capsys.readouterr().out == "       1  contacts anonymised\n"
    call_command("privacy", "find", "gone")
    assert capsys.readouterr().out == f"contact {made.pk}: Gone Long gone@x.example\n"
    call_command("privacy", "erase", "contact", str(made.pk), "--reason", "asked", "--yes")
    assert capsys.readouterr().out.startswith("Erased: erasure ")
    call_command("privacy", "retention", "--apply")
    assert capsys.readouterr().out.splitlines() == ["       0  expired sessions deleted"]
