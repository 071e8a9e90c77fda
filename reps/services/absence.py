"""Who is away: marked by the rep or a manager, changed, ended early, taken back. Each leaves its line in the profile's
history."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from reps.engine.absence import span_words
from reps.models import Absence, ProfileChange, Rep, User
from reps.queries.people import not_over

LABEL = "Time off"  # as the history names it


@transaction.atomic
def mark_away(
    *,
    rep: Rep,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime | None,
    reason: str,
    by: User,
    note: str = "",
    covering: Rep | None = None,
) -> Absence:
    """From then until then (None: until marked as back) the rep gets nothing new. Saying it again of what is marked
    already changes that. Raises ValidationError."""
    _refuse_impossible(rep, starts_at, ends_at, covering)
    Rep.objects.select_for_update(no_key=True).get(pk=rep.pk)  # two clicks are one absence
    own = by.pk == rep.user_id
    known = rep.absences.exclude(source=Absence.Source.CALENDAR).filter(starts_at__lte=starts_at)
    running = known.filter(not_over(starts_at)).first()
    before = "" if running is None else absence_words(running)
    absence = running or Absence(rep=rep, starts_at=starts_at)
    absence.ends_at, absence.reason, absence.note, absence.covering = ends_at, reason, note[:200], covering
    absence.source = Absence.Source.REP if own else Absence.Source.MANAGER
    absence.created_by = by
    absence.save()
    _note(absence, before, by)
    return absence


@transaction.atomic
def change_absence(
    *,
    absence_id: int,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime | None,
    reason: str,
    by: User,
    note: str = "",
    covering: Rep | None = None,
) -> Absence:
    """Moves an absence that somebody marked, or says something else about it. Raises ValidationError."""
    absence = _lock_marked(absence_id)
    _refuse_impossible(absence.rep, starts_at, ends_at, covering)
    before = absence_words(absence)
    absence.starts_at, absence.ends_at = starts_at, ends_at
    absence.reason, absence.note, absence.covering = reason, note[:200], covering
    absence.save()
    _note(absence, before, by)
    return absence


@transaction.atomic
def cancel_absence(*, absence_id: int, by: User, at: datetime.datetime) -> Absence:
    """Takes back what is ahead; what has begun ends now. Raises ValidationError of one that is over or a calendar's."""
    absence = _lock_marked(absence_id)
    if absence.ends_at is not None and absence.ends_at <= at:
        raise ValidationError("This absence is over already.")
    before = absence_words(absence)
    if absence.starts_at >= at:
        absence.delete()
        _note_change(absence.rep, before, "", by)
    else:
        absence.ends_at = at
        absence.save(update_fields=["ends_at"])
        _note(absence, before, by)
    return absence


@transaction.atomic
def mark_back(*, rep: Rep, at: datetime.datetime, by: User | None = None) -> int:
    """Ends what holds now; an absence that has not begun stays. Returns how many ended."""
    current = rep.absences.filter(not_over(at), starts_at__lte=at)
    ended = 0
    for absence in current.select_for_update():
        ended += 1
        before = absence_words(absence)
        if (
            absence.feed_id is not None
        ):  # kept with the calendar's end, or the next reading would bring it back
            absence.planned_until = absence.ends_at
            absence.ends_at = max(at, absence.starts_at + datetime.timedelta(microseconds=1))
            absence.save(update_fields=["ends_at", "planned_until"])
            _note(absence, before, by)
            continue
        if absence.starts_at == at:
            absence.delete()
            _note_change(rep, before, "", by)
            continue
        absence.ends_at = at
        absence.save(update_fields=["ends_at"])
        _note(absence, before, by)
    return ended


def absence_words(absence: Absence) -> str:
    """“Vacation, Thu 3 Dec to Wed 9 Dec; Bo stands in”, in the rep's own time zone."""
    zone = absence.rep.zone
    ends = absence.ends_at and absence.ends_at.astimezone(zone)
    now = timezone.localtime(timezone=zone)
    covering = f"; {absence.covering} stands in" if absence.covering else ""
    when = span_words(absence.starts_at.astimezone(zone), ends, today=now.date())
    return f"{absence.get_reason_display()}, {when}{covering}"


def _refuse_impossible(
    rep: Rep, starts_at: datetime.datetime, ends_at: datetime.datetime | None, covering: Rep | None
) -> None:
    if ends_at is not None and ends_at <= starts_at:
        raise ValidationError({"ends_at": "The end must be after the start."})
    if covering is not None and covering.pk == rep.pk:
        raise ValidationError({"covering": "Somebody else must stand in."})
    if covering is not None and not covering.is_active:
        raise ValidationError({"covering": f"{covering} has left and cannot stand in."})
    if not rep.is_active:
        raise ValidationError(f"{rep} has left.")


def _lock_marked(absence_id: int) -> Absence:
    absence = (
        Absence.objects.select_related("rep", "covering").select_for_update(of=("self",)).get(pk=absence_id)
    )
    if absence.source == Absence.Source.CALENDAR:
        raise ValidationError("This comes from the calendar: change it there.")
    return absence


def _note(absence: Absence, before: str, by: User | None) -> None:
    _note_change(absence.rep, before, absence_words(absence), by)


def _note_change(rep: Rep, before: str, after: str, by: User | None) -> None:
    if before != after:
        ProfileChange.objects.create(rep=rep, changed_by=by, changes={LABEL: [before, after]})
