"""Who is away: marked by the rep or a manager, ended early, taken back."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from reps.models import Absence, Rep, User


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
    """From then until then (None: until marked as back) the rep gets nothing new. Raises ValidationError."""
    if ends_at is not None and ends_at <= starts_at:
        raise ValidationError({"ends_at": "The end must be after the start."})
    if covering is not None and covering.pk == rep.pk:
        raise ValidationError({"covering": "Somebody else must stand in."})
    own = by.pk == rep.user_id
    return Absence.objects.create(
        rep=rep,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        note=note[:200],
        covering=covering,
        source=Absence.Source.REP if own else Absence.Source.MANAGER,
        created_by=by,
    )


@transaction.atomic
def mark_back(*, rep: Rep, at: datetime.datetime) -> int:
    """Ends what holds now; an absence that has not begun stays. Returns how many ended."""
    current = rep.absences.filter(starts_at__lte=at).filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
    ended = 0
    for absence in current.select_for_update():
        ended += 1
        if (
            absence.feed_id is not None
        ):  # kept with the calendar's end, or the next reading would bring it back
            absence.planned_until = absence.ends_at
            absence.ends_at = max(at, absence.starts_at + datetime.timedelta(microseconds=1))
            absence.save(update_fields=["ends_at", "planned_until"])
            continue
        if absence.starts_at == at:
            absence.delete()
            continue
        absence.ends_at = at
        absence.save(update_fields=["ends_at"])
    return ended
