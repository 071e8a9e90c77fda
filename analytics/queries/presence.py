"""Who of a team was there on which day: employed, not away, and on a working day."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Least, TruncDate

from analytics.models import Fact
from reps.models import Absence, Rep
from reps.models.profile import WEEKDAYS
from reps.queries.holidays import DaysOff
from reps.queries.people import organisation
from routing.engine.roster import Floats, Mask

DAY = datetime.timedelta(days=1)
NOON = datetime.time(12)


@dataclass(frozen=True, eq=False)
class Presence:
    """By day and rep (days × reps): `employed`; `here`: and not away at noon; `working`: employed, and on a working
    day. `room`: the reps' maxima of open opportunities, today's."""

    first: datetime.date
    rep_ids: Sequence[int]
    employed: Mask
    here: Mask
    working: Mask
    room: Floats

    @property
    def present(self) -> Mask:
        return np.asarray(self.here & self.working)

    def days_of(self, rep_id: int) -> tuple[int, int]:
        """On how many working days of the period the rep was present, and how many there were."""
        place = self.rep_ids.index(rep_id)
        return int(self.present[:, place].sum()), int(self.working[:, place].sum())


def load_presence(*, team_id: int, first: datetime.date, last: datetime.date) -> Presence:
    """Three queries and the organisation's zone. A rep's first day is that of the profile or of the first assignment,
    whichever came first."""
    zone = ZoneInfo(organisation().time_zone)
    reps = _reps(team_id, zone)
    days = [first + DAY * n for n in range((last - first).days + 1)]
    noons = np.array([datetime.datetime.combine(day, NOON, zone).timestamp() for day in days])
    employed = np.array([_employed(rep, days, zone) for rep in reps], dtype=bool).reshape(len(reps), -1).T
    away = np.zeros_like(employed)
    place = {rep.pk: n for n, rep in enumerate(reps)}
    for rep_id, starts, ends in _absences(place, first, last, zone):
        until = np.inf if ends is None else ends.timestamp()
        away[:, place[rep_id]] |= (noons >= starts.timestamp()) & (noons < until)
    off = DaysOff(first, last)
    working = np.array([_working(rep, days, off) for rep in reps], dtype=bool).reshape(len(reps), -1).T
    room = np.array([float(rep.max_open) for rep in reps])
    return Presence(first, [rep.pk for rep in reps], employed, employed & ~away, employed & working, room)


def _reps(team_id: int, zone: ZoneInfo) -> list[Rep]:
    begun = Fact.objects.filter(rep=OuterRef("pk"), event=Fact.Event.ASSIGNED).order_by("day").values("day")
    found = Rep.objects.filter(team=team_id).select_related("role_template")
    made = TruncDate("created_at", tzinfo=zone)
    return list(found.annotate(first_day=Least(made, Subquery(begun[:1]))).order_by("pk"))


def _employed(rep: Rep, days: Sequence[datetime.date], zone: ZoneInfo) -> list[bool]:
    begun: datetime.date = rep.first_day  # type: ignore[attr-defined]  # annotated
    left = None if rep.left_at is None else rep.left_at.astimezone(zone).date()
    return [day >= begun and (left is None or day < left) for day in days]


def _absences(
    ids: dict[int, int], first: datetime.date, last: datetime.date, zone: ZoneInfo
) -> list[tuple[int, datetime.datetime, datetime.datetime | None]]:
    start = datetime.datetime.combine(first, datetime.time(), zone)
    end = datetime.datetime.combine(last + DAY, datetime.time(), zone)
    not_over = Q(ends_at__isnull=True) | Q(ends_at__gt=start)
    rows = Absence.objects.filter(not_over, rep__in=list(ids), starts_at__lt=end)
    return list(rows.order_by("pk").values_list("rep_id", "starts_at", "ends_at"))


def _working(rep: Rep, days: Sequence[datetime.date], off: DaysOff) -> list[bool]:
    free = off.of(rep)
    return [bool(rep.working_hours.get(WEEKDAYS[day.weekday()])) and day not in free for day in days]
