"""The team's board: everybody's load against the limits, who is away now and next, and what room is left this week.

Seven queries, whatever the number of reps.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from crm.models import Assignment
from reps.engine.capacity import Band, BandBounds, band, room_this_week
from reps.models import Absence, OverCapacity, Rep, Team
from reps.queries.holidays import DaysOff
from reps.queries.people import not_over, organisation
from routing.engine.roster import works_now
from routing.queries.clocks import late_touches

WEEK = datetime.timedelta(days=7)
SOON = datetime.timedelta(days=14)


@dataclass(frozen=True)
class BoardRow:
    """One rep. `late` first touches past their target · `week` assignments of seven rolling days · `room` how many more
    automation could give now."""

    rep: Rep
    band: Band
    week: int
    room: int
    away: Absence | None
    next_away: Absence | None
    over_since: datetime.datetime | None
    local: datetime.datetime
    is_working: bool
    late: int = 0

    @property
    def week_left(self) -> int:
        return max(0, self.rep.max_new_per_week - self.week - self.rep.pending)

    @property
    def room_now(self) -> int:
        return 0 if self.away else self.room


@dataclass(frozen=True)
class Board:
    """The rows in the order asked for, and what they come to."""

    rows: Sequence[BoardRow]
    counts: dict[str, int] = field(default_factory=dict)
    away: int = 0
    away_soon: int = 0
    load: int = 0
    max_open: int = 0
    room: int = 0

    @property
    def utilisation_pct(self) -> float | None:
        return 100 * self.load / self.max_open if self.max_open else None


def load_board(
    reps: QuerySet[Rep], *, now: datetime.datetime, team: Team | None = None, state: str = "", sort: str = ""
) -> Board:
    """`state`: "" or a band (available, near, at, over), "away", "soon", "working", "room". `sort`: "" by load, "room",
    "back", "name"."""
    here = reps.filter(left_at__isnull=True).select_related("role_template", "team")
    if team is not None:
        here = here.filter(team=team)
    people = list(here.order_by("name", "pk"))
    rows = _rows(people, organisation().band_bounds, now)
    shown = [row for row in rows if not state or state in _states(row)]
    return Board(
        rows=sorted(shown, key=ORDERS.get(sort, ORDERS[""])),
        counts=dict(Counter(row.band.label for row in rows)),
        away=sum(row.away is not None for row in rows),
        away_soon=sum(row.next_away is not None and row.away is None for row in rows),
        load=sum(row.rep.load for row in rows),
        max_open=sum(row.rep.max_open for row in rows),
        room=sum(row.room_now for row in rows),
    )


def _rows(people: Sequence[Rep], bounds: BandBounds, now: datetime.datetime) -> list[BoardRow]:
    ids = [rep.pk for rep in people]
    weeks = _weeks(ids, now)
    absences = _absences(ids, now)
    episodes = OverCapacity.objects.filter(ended_at__isnull=True, rep__in=ids)
    around = datetime.timedelta(days=2)  # today and yesterday, in any zone
    days_off = DaysOff(now.date() - around, now.date() + around)
    over = dict(episodes.values_list("rep_id", "began_at"))
    late = late_touches(ids, now)
    rows = []
    for rep in people:
        off = absences[rep.pk]
        local = now.astimezone(rep.zone)
        week = weeks[rep.pk]
        rows.append(
            BoardRow(
                rep=rep,
                band=band(rep.load, rep.max_open, bounds),
                week=week,
                room=room_this_week(
                    rep.committed, rep.max_open, week + rep.pending, rep.max_new_per_week, bounds
                ),
                away=_longest([one for one in off if one.starts_at <= now]),
                next_away=next((one for one in off if now < one.starts_at <= now + SOON), None),
                over_since=over.get(rep.pk),
                local=local,
                is_working=works_now(rep.working_hours, local, days_off.of(rep)),
                late=late[rep.pk],
            )
        )
    return rows


def _weeks(ids: Sequence[int], now: datetime.datetime) -> Counter[int]:
    """Assignments of seven rolling days; what an import brought along does not count, as for the caps."""
    recent = Assignment.objects.filter(rep__in=ids, assigned_at__gt=now - WEEK, assigned_at__lte=now)
    return Counter(recent.exclude(source=Assignment.Source.IMPORT).values_list("rep_id", flat=True))


def _absences(ids: Sequence[int], now: datetime.datetime) -> dict[int, list[Absence]]:
    ahead = Absence.objects.filter(not_over(now), rep__in=ids)
    found: dict[int, list[Absence]] = defaultdict(list)
    for absence in ahead.filter(starts_at__lte=now + SOON).select_related("covering").order_by("starts_at"):
        found[absence.rep_id].append(absence)
    return found


def _longest(absences: Sequence[Absence]) -> Absence | None:
    """Of those that hold now the one that ends last: until then nothing new comes."""
    return max(absences, key=lambda one: (one.ends_at is None, one.ends_at or one.starts_at), default=None)


def _states(row: BoardRow) -> set[str]:
    """What the filter knows of a row."""
    words = {row.band.name.lower()}
    if row.away:
        words.add("away")
    elif row.next_away:
        words.add("soon")
    if row.is_working and not row.away:
        words.add("working")
    if row.room_now:
        words.add("room")
    return words


def _by_load(row: BoardRow) -> tuple[float, str]:
    return -row.rep.load_pct, row.rep.name


def _by_return(row: BoardRow) -> tuple[int, float, str]:
    """Those away first, who comes back next on top; then who goes next."""
    if row.away:
        return 0, row.away.ends_at.timestamp() if row.away.ends_at else float("inf"), row.rep.name
    if row.next_away:
        return 1, row.next_away.starts_at.timestamp(), row.rep.name
    return 2, 0.0, row.rep.name


ORDERS = {
    "": _by_load,
    "room": lambda row: (-row.room_now, row.rep.name),
    "back": _by_return,
    "name": lambda row: (row.rep.name, row.rep.pk),
}
