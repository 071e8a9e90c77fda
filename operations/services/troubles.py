"""Alarms of operations: begun, kept and ended by what the figures of this minute say; told to admins once."""

import datetime
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from operations.engine import troubles as engine
from operations.models import Incident
from operations.queries.figures import Figures, figures
from operations.queries.words import age, bytes_in_words, days, of_all, percent
from routing.models import OutboxMessage
from routing.services import outbox

Kind = Incident.Kind
LOCK = 7_301_188  # of the advisory lock: any number that nothing else uses
NEW_DEAD = datetime.timedelta(hours=1)
TOPIC = "alarm.operations"


@transaction.atomic
def look_for_trouble(*, at: datetime.datetime) -> list[str]:
    """Returns the kinds that began. Whoever comes while another looks has nothing to do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return []
    seen = figures(at)
    is_on = {one.kind: one for one in Incident.objects.filter(ended_at__isnull=True)}
    begun = []
    for kind, look in LOOKS.items():
        said, incident = look(seen, kind in is_on), is_on.get(kind)
        if said and incident is None:
            _begin(kind, said, at)
            begun.append(str(kind))
        elif said and incident is not None:
            _keep(incident, said, at)
        elif incident is not None and engine.is_over(incident.last_seen_at, at):
            incident.ended_at = at
            incident.save(update_fields=["ended_at"])
    return begun


def _begin(kind: Kind, said: str, at: datetime.datetime) -> None:
    incident = Incident.objects.create(kind=kind, said=said[:500], began_at=at, last_seen_at=at)
    payload = {"text": f"{incident}: {said}", "path": reverse("status"), "incident_id": incident.pk}
    outbox.tell(TOPIC, payload, at=at)


def _keep(incident: Incident, said: str, at: datetime.datetime) -> None:
    incident.said, incident.last_seen_at = said[:500], max(at, incident.last_seen_at)
    incident.save(update_fields=["said", "last_seen_at"])


# --- what each looks at: the cause in a sentence, or nothing ---------------------------------------------------------


def _intake(seen: Figures, is_on: bool) -> str:
    requests, failed = seen.intake_requests, seen.intake_failed
    if not engine.intake_fails(requests, failed, is_on=is_on):
        return ""
    return f"{of_all(failed, requests)} requests with leads were answered with our error in the last five minutes."


def _undecided(seen: Figures, is_on: bool) -> str:
    if not engine.UNDECIDED.holds(seen.undecided.waiting, is_on=is_on):
        return ""
    number = seen.undecided.waiting
    leads = "1 lead was" if number == 1 else f"{number:,} leads were"
    return f"{leads} accepted but not decided, the oldest {age(seen.undecided.oldest_seconds)} ago."


def _outbox(seen: Figures, is_on: bool) -> str:
    late = engine.OUTBOX_SECONDS.holds(seen.outbox.oldest_seconds, is_on=is_on)
    new = OutboxMessage.objects.filter(dead_at__gt=seen.at - NEW_DEAD, delivered_at__isnull=True).count()
    parts = []
    if late:
        parts.append(f"{seen.outbox.waiting:,} wait, the oldest for {age(seen.outbox.oldest_seconds)}.")
    if new:
        parts.append(f"{new:,} {'was' if new == 1 else 'were'} given up within the last hour.")
    return f"Messages: {' '.join(parts)}" if parts else ""


def _worker(seen: Figures, is_on: bool) -> str:
    work, bound = seen.work, engine.WORKER_SECONDS
    waits = max(work.tasks.oldest_seconds, seen.outbox.oldest_seconds)
    silent = work.beat_age_seconds is None or bound.holds(work.beat_age_seconds, is_on=is_on)
    if engine.JOB_SECONDS.holds(work.tasks.oldest_seconds, is_on=is_on) and not silent:
        jobs = "1 job has" if work.tasks.waiting == 1 else f"{work.tasks.waiting:,} jobs have"
        return f"Workers live, but {jobs} to wait, the oldest for {age(work.tasks.oldest_seconds)}."
    if not silent or not (bound.holds(waits, is_on=is_on) or work.schedules_overdue):
        return ""
    since = "No worker was ever seen" if work.beat_age_seconds is None else (
        f"The last sign of life of a worker is {age(work.beat_age_seconds)} old"
    )  # fmt: skip
    return f"{since}, and work waits: {work.tasks.waiting:,} jobs, {work.schedules_overdue:,} regular ones overdue."


def _calendars(seen: Figures, is_on: bool) -> str:
    found = seen.calendars
    if not found.dead or not engine.CALENDAR_SHARE.holds(found.dead / max(found.feeds, 1), is_on=is_on):
        return ""
    return f"{of_all(found.dead, found.feeds)} calendars have not been readable for hours. Absences read before stay."


def _model(seen: Figures, _: bool) -> str:
    model = seen.model
    if model is None or not model.learned:
        return ""
    if model.drifts:
        return f"What model {model.number} forecasts is off by more than chance; see Analytics › Reports › Alarms."
    if model.age_days <= settings.MODEL_STALE_DAYS:
        return ""
    return (
        f"Model {model.number} has decided for {days(model.age_days)}; no newer one was better, or trained."
    )


def _invariant(seen: Figures, _: bool) -> str:
    if seen.check is None or not seen.check.violations:
        return ""
    first = seen.check.named[0] if seen.check.named else ""
    number = seen.check.violations
    return f"{number:,} {'violation' if number == 1 else 'violations'} in the last check. {first}"


def _disk(seen: Figures, is_on: bool) -> str:
    free = seen.disk_free_share
    if free is None or not engine.DISK_FULL_SHARE.holds(1 - free, is_on=is_on):
        return ""
    return (
        f"Only {percent(free)} of the disk is free. The database has {bytes_in_words(seen.database_bytes)}."
    )


def _growth(seen: Figures, is_on: bool) -> str:
    left = seen.full_in_days
    if left is None or not engine.DAYS_TO_FULL.holds(-left, is_on=is_on):
        return ""
    return f"At the pace of the last week the disk is full in {days(left)}. See Growth for what grows."


def _backup(seen: Figures, _: bool) -> str:
    found, hours = seen.backups, settings.BACKUP_ALARM_HOURS
    if not found.asked or (found.age_seconds is None and not found.failed):
        return ""  # the first is still to come
    why = f" The last try failed: {found.failed}" if found.failed else ""
    if found.age_seconds is None:
        return f"There is no backup yet.{why}"
    return (
        f"The last backup is {age(found.age_seconds)} old.{why}" if found.age_seconds > hours * 3600 else ""
    )


LOOKS: Mapping[Kind, Callable[[Figures, bool], str]] = {
    Kind.INTAKE: _intake,
    Kind.UNDECIDED: _undecided,
    Kind.OUTBOX: _outbox,
    Kind.WORKER: _worker,
    Kind.CALENDARS: _calendars,
    Kind.MODEL: _model,
    Kind.INVARIANT: _invariant,
    Kind.DISK: _disk,
    Kind.BACKUP: _backup,
    Kind.GROWTH: _growth,
}
