"""Going away and coming back, and the flag of who carries too much: what people's time means for what is routed."""

import datetime

from django.db import transaction

from reps.models import Absence, Rep, User
from reps.services import absence
from reps.services.capacity import begin_over_capacity, watch_over_capacity
from routing.services import outbox
from routing.services.queue import free_capacity


@transaction.atomic
def go_away(
    *,
    rep: Rep,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime | None,
    reason: str,
    by: User,
    at: datetime.datetime,
    note: str = "",
    covering: Rep | None = None,
) -> Absence:
    """The rep gets nothing new in that span; suggestions that name him are decided anew as soon as it begins.
    Raises ValidationError."""
    marked = absence.mark_away(
        rep=rep, starts_at=starts_at, ends_at=ends_at, reason=reason, by=by, note=note, covering=covering
    )
    if starts_at <= at:
        outbox.tell("rep.away", {"rep_id": rep.pk}, at=at)
    return marked


@transaction.atomic
def come_back(*, rep: Rep, by: User, at: datetime.datetime) -> int:
    """Ends what holds now, and lets what is held be looked at again; returns how many absences ended."""
    ended = absence.mark_back(rep=rep, by=by, at=at)
    if ended:
        free_capacity(at)
    return ended


@transaction.atomic
def change_absence(
    *,
    absence_id: int,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime | None,
    reason: str,
    by: User,
    at: datetime.datetime,
    note: str = "",
    covering: Rep | None = None,
) -> Absence:
    """Moves an absence, or says something else about it. Raises ValidationError."""
    changed = absence.change_absence(
        absence_id=absence_id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        note=note,
        covering=covering,
        by=by,
    )
    outbox.tell("rep.away", {"rep_id": changed.rep_id}, at=at)
    free_capacity(at)
    return changed


@transaction.atomic
def cancel_absence(*, absence_id: int, by: User, at: datetime.datetime) -> Absence:
    """Takes back an absence that is ahead, or ends it where it has begun."""
    cancelled = absence.cancel_absence(absence_id=absence_id, by=by, at=at)
    free_capacity(at)
    return cancelled


@transaction.atomic
def flag_over_capacity(*, at: datetime.datetime) -> int:
    """Tells the managers who has come to carry more than the maximum, once for each episode; returns how many."""
    begun = watch_over_capacity(at=at)
    for rep in begun:
        tell_over_capacity(rep, rep.load, at)
    return len(begun)


def tell_over_capacity(rep: Rep, load: int, at: datetime.datetime, why: str = "") -> None:
    """The words of the flag. `why` ends them where one assignment took the rep there."""
    what = f": {why}" if why else ". Nothing more is routed there until the load is below the maximum again"
    text = f"{rep.name} is over capacity with {load} of {rep.max_open}{what}."
    payload = {"rep_id": rep.pk, "team_id": rep.team_id, "text": text, "path": f"/reps/{rep.pk}/"}
    outbox.tell("rep.over_capacity", payload, at=at)


def flag_if_over(*, rep: Rep, load: int, why: str, at: datetime.datetime) -> None:
    """The same at once, for a locked rep whom an assignment has just taken past the maximum."""
    if begin_over_capacity(rep=rep, load=load, at=at):
        tell_over_capacity(rep, load, at, why)
