"""Reports are made once for each reader and day, whatever the number of workers, late where none ran at their hour.

The hour and the days are those of the reader's digest, in the reader's time zone; a weekly report is due on the first
of these days in a week. Report and message are one transaction: a worker that dies leaves neither.
"""

import datetime
from collections.abc import Collection, Mapping

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from analytics.models import Report
from analytics.queries.daily_report import Asked, daily_report
from analytics.queries.report_lines import Content, as_text
from analytics.queries.weekly_report import weekly_report
from reps.models import User
from reps.permissions import may
from routing.engine.notices import Slot, last_slot
from routing.models import NotificationSettings
from routing.models.deliveries import WORKING_DAYS
from routing.queries.account_transfers import today_here
from routing.queries.notification_settings import settings_of_many
from routing.services import outbox

Kind = Report.Kind
# Later than this it would tell of another day than the one that it is of.
LATEST = {Kind.DAILY: datetime.timedelta(hours=14), Kind.WEEKLY: datetime.timedelta(days=3)}
TOPICS = {Kind.DAILY: "report.daily", Kind.WEEKLY: "report.weekly"}


def make_due(*, at: datetime.datetime, latest: Mapping[Kind, datetime.timedelta] = LATEST) -> int:
    """Makes what is due, for no longer than `latest`, and not there yet; returns how many."""
    readers = list(User.objects.filter(is_active=True).exclude(role=User.Role.REP).order_by("pk"))
    wishes = settings_of_many(readers)
    due = [
        (reader, kind, slot)
        for reader in readers
        for kind in _kinds(reader)
        if (slot := due_slot(kind, wishes[reader.pk], at, latest[kind])) is not None
    ]
    made = set(
        Report.objects.filter(
            user__in={reader.pk for reader, _, _ in due}, day__gte=at.date() - datetime.timedelta(days=7)
        ).values_list("user", "kind", "day")
    )
    return sum(
        make_report(user=reader, kind=kind, slot=slot, at=at)
        for reader, kind, slot in due
        if (reader.pk, kind, slot.day) not in made
    )


def _kinds(user: User) -> list[Kind]:
    kinds = [Kind.DAILY] if user.role == User.Role.MANAGER else []
    return [*kinds, Kind.WEEKLY] if may(user, "answer_alarms") else kinds


def due_slot(
    kind: Kind, wishes: NotificationSettings, at: datetime.datetime, latest: datetime.timedelta
) -> Slot | None:
    """The newest time at which one was due, unless that is longer ago."""
    days: Collection[int] = wishes.digest_days or WORKING_DAYS
    wanted = days if kind == Kind.DAILY else [min(days)]
    slot = last_slot(at, wishes.zone, wishes.digest_at, wanted)
    return slot if slot is not None and at - slot.at <= latest else None


@transaction.atomic
def make_report(*, user: User, kind: Kind, slot: Slot, at: datetime.datetime) -> bool:
    """The row is what makes it once: a second worker waits for the first one's commit, and finds it. Sent where
    there is something to do; a weekly one always."""
    content = _content(user, kind, slot, at)
    is_told = kind == Kind.WEEKLY or content.has_work
    report, is_new = Report.objects.get_or_create(
        kind=kind,
        user=user,
        day=slot.day,
        defaults={
            "said": content.said[:400],
            "content": content.as_json(),
            "is_told": is_told,
            "created_at": at,
        },
    )
    if is_new and is_told:
        payload = {
            "user_id": user.pk,
            "text": f"{_title(kind)}: {content.said}",
            "body": as_text(content.lines, settings.BASE_URL),
            "path": reverse("analytics_report", args=[report.pk]),
        }
        outbox.tell(TOPICS[kind], payload, at=at)
    return is_new


def _title(kind: Kind) -> str:
    return "Your teams today" if kind == Kind.DAILY else "Routing last week"


def _content(user: User, kind: Kind, slot: Slot, at: datetime.datetime) -> Content:
    if kind == Kind.WEEKLY:
        return weekly_report(user, today_here(slot.at))
    last = Report.objects.filter(Q(kind=kind, user=user, day__lt=slot.day)).order_by("-day").first()
    since = last.created_at if last is not None else slot.at - datetime.timedelta(days=1)
    asked = Asked(
        user=user,
        at=at,
        since=max(since, slot.at - datetime.timedelta(days=4)),
        before=last.content["figures"] if last is not None else None,
        before_day=last.day if last is not None else None,
    )
    return daily_report(asked)
