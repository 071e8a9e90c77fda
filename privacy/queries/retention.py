"""What is older than the rules keep it."""

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q, QuerySet

from crm.models import Activity, Contact, ImportFile, ImportRun, Opportunity
from privacy.models import Kind, RetentionRun, RetentionSettings
from privacy.queries.people import LABELS
from reps.models import AuditEntry, SignInRefusal
from routing.models import Delivery, IntakeReceipt, Notification, WebhookDelivery

DAYS_OF_MONTH = 365.25 / 12
Rows = QuerySet[Any]
OVER = (ImportRun.State.DONE, ImportRun.State.FAILED, ImportRun.State.ABANDONED)
# What each rule is called where it is told what a night did.
WORDS = {
    "contacts_months": "contacts anonymised",
    "import_files_days": "files of imports emptied",
    "messages_days": "messages deleted",
    "receipts_days": "receipts emptied",
    "refusals_days": "refused and failed sign-ins deleted",
    "addresses_months": "audit entries without address",
    "sessions": "expired sessions deleted",
}


def retention_settings() -> RetentionSettings:
    return RetentionSettings.objects.filter(pk=1).first() or RetentionSettings(pk=1)


def cutoff(rule: str, value: int, at: datetime.datetime) -> datetime.datetime:
    days = math.ceil(value * DAYS_OF_MONTH) if rule.endswith("_months") else value
    return at - datetime.timedelta(days=days)


def overdue(rule: str, before: datetime.datetime) -> list[Rows]:
    """The rows that the rule would take, by table."""
    return _OVERDUE[rule](before)


def counted(settings: RetentionSettings, at: datetime.datetime) -> dict[str, int]:
    """How many rows each rule that is on would take now."""
    found = {}
    for rule in _OVERDUE:
        value = getattr(settings, rule)
        if value is not None:
            found[rule] = sum(rows.count() for rows in overdue(rule, cutoff(rule, value, at)))
    return found


def told_counts(found: Mapping[str, int]) -> list[tuple[int, str]]:
    """In numbers and words."""
    return [(number, WORDS[rule]) for rule, number in found.items() if rule in WORDS]


def last_run() -> RetentionRun | None:
    return RetentionRun.objects.filter(ended_at__isnull=False).first()


def expired_sessions(at: datetime.datetime) -> "QuerySet[Session]":
    return Session.objects.filter(expire_date__lt=at)


def _contacts(before: datetime.datetime) -> list[Rows]:
    """Nobody who is worked with: no open opportunity, and nothing of it since."""
    mine = Opportunity.objects.filter(contact=OuterRef("pk"))
    fresh = Q(stage=Opportunity.Stage.OPEN) | Q(accepted_at__gte=before) | Q(opened_at__gte=before)
    touched = Activity.objects.filter(opportunity__contact=OuterRef("pk"), happened_at__gte=before)
    rows = Contact.objects.filter(updated_at__lt=before).exclude(name__startswith=LABELS[Kind.CONTACT])
    return [rows.exclude(Exists(mine.filter(fresh | Q(closed_at__gte=before)))).exclude(Exists(touched))]


def _import_files(before: datetime.datetime) -> list[Rows]:
    return [ImportFile.objects.filter(run__state__in=OVER, run__created_at__lt=before).exclude(content=b"")]


def _messages(before: datetime.datetime) -> list[Rows]:
    """Not what is still to go out."""
    waiting = Delivery.objects.filter(notification=OuterRef("pk"), state=Delivery.State.WAITING)
    notices = Notification.objects.filter(created_at__lt=before, awaits_digest=False)
    posts = WebhookDelivery.objects.filter(settled_at__lt=before)
    return [notices.exclude(Exists(waiting)), posts]


def _receipts(before: datetime.datetime) -> list[Rows]:
    return [IntakeReceipt.objects.filter(created_at__lt=before, answer__isnull=False).exclude(fingerprint="")]


def _refusals(before: datetime.datetime) -> list[Rows]:
    attempts = [
        model.objects.filter(attempt_time__lt=before)
        for model in (AccessAttempt, AccessFailureLog, AccessLog)
    ]
    return [SignInRefusal.objects.filter(at__lt=before), *attempts]


def _addresses(before: datetime.datetime) -> list[Rows]:
    told = Q(address__isnull=False) | ~Q(agent="")
    return [AuditEntry.objects.filter(told, at__lt=before)]


_OVERDUE: Mapping[str, Callable[[datetime.datetime], list[Rows]]] = {
    "contacts_months": _contacts,
    "import_files_days": _import_files,
    "messages_days": _messages,
    "receipts_days": _receipts,
    "refusals_days": _refusals,
    "addresses_months": _addresses,
}
