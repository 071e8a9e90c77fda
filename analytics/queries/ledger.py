"""A rep's ledger of a period: what came, how hard it was, what was won of it, and whether the share was fair."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from django.db.models import Q, QuerySet

from analytics.engine.calibrated import Calibration
from analytics.engine.ledger import (
    Share,
    Wins,
    average_chance,
    share_of_number,
    share_of_value,
    shares,
    wins,
)
from analytics.engine.months import month_after
from analytics.models import Fact
from analytics.queries.coaching import calibration
from analytics.queries.presence import Presence, load_presence
from reps.engine.tables import csv_lines
from reps.models import Rep
from routing.engine.roster import Floats

RECEIVED = ("rep", "day", "kind", "path", "score", "chance", "value")
CLOSED = ("day", "won", "chance", "value")
CSV_HEAD = (
    "month", "received", "fair_share", "fair_share_low", "fair_share_high", "value", "average_reps_chance",
    "closed", "won", "forecast", "forecast_low", "forecast_high",
)  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """A month, or the whole period. `ease`: the chance that an average rep would have won what was received; None
    where nothing had a forecast."""

    first: datetime.date
    last: datetime.date
    share: Share
    value: Share
    wins: Wins
    ease: float | None

    @property
    def count(self) -> int:
        return int(self.share.got)


@dataclass(frozen=True)
class Ledger:
    """`team_ease`: of all that the team received · `chance`: as forecast for the rep · `unforecast` closed ones had no
    forecast for the rep and count nowhere · `present` of `working` days."""

    rep: Rep
    whole: Slice
    months: tuple[Slice, ...]
    paths: tuple[tuple[str, str, int], ...]
    leads: int
    team_ease: float | None
    chance: float | None
    unforecast: int
    imported: int
    present: int
    working: int

    @property
    def deals(self) -> int:
        return self.whole.count - self.leads

    @property
    def is_empty(self) -> bool:
        return not (self.whole.count or self.whole.wins.closed or self.imported or self.unforecast)


def load_ledger(rep: Rep, *, first: datetime.date, last: datetime.date) -> Ledger:
    """Seven queries: everything the team received is read by rep, and what this one closed."""
    presence = load_presence(team_id=rep.team_id, first=first, last=last)
    received, imported = _received(presence.rep_ids, rep.pk, first, last)
    closed, line = _closed(rep.pk, first, last), calibration()
    own = received[received.rep == rep.pk]
    forecast = closed[closed.chance.notna()]
    daily = _daily_shares(presence, rep.pk)
    slices = [
        _slice(start, end, rep.pk, received, forecast, daily, first, line)
        for start, end in [(first, last), *months(first, last)]
    ]
    present, working = presence.days_of(rep.pk)
    return Ledger(
        rep=rep,
        whole=slices[0],
        months=tuple(slices[1:]),
        paths=_paths(own),
        leads=int((own.kind == "lead").sum()),
        team_ease=_ease(received, line),
        chance=None if own.chance.isna().all() else float(line.of(own.chance.dropna().to_numpy()).mean()),
        unforecast=len(closed) - len(forecast),
        imported=imported,
        present=present,
        working=working,
    )


def months(first: datetime.date, last: datetime.date) -> list[tuple[datetime.date, datetime.date]]:
    """First and last day of each calendar month, as far as it lies in the period."""
    found, start = [], first
    while start <= last:
        after = month_after(start.replace(day=1))
        found.append((start, min(after - datetime.timedelta(days=1), last)))
        start = after
    return found


def _received(
    rep_ids: Sequence[int], own: int, first: datetime.date, last: datetime.date
) -> tuple[pd.DataFrame, int]:
    """What the team's reps got in these days, and how many imported ones of the rep's are left out."""
    rows = Fact.objects.filter(rep__in=rep_ids, event=Fact.Event.ASSIGNED, day__range=(first, last))
    columns = ("rep_id", "day", "kind", "path", "score", "win_probability", "value")
    found = pd.DataFrame(list(rows.order_by("day", "pk").values_list(*columns)), columns=list(RECEIVED))
    is_import = found.path == Fact.Path.IMPORT
    imported = int((is_import & (found.rep == own)).sum())
    return _placed(found[~is_import], first, ("score", "chance", "value")), imported


def _closed(rep_id: int, first: datetime.date, last: datetime.date) -> pd.DataFrame:
    rows = Fact.objects.filter(
        rep=rep_id, event=Fact.Event.CLOSED, day__range=(first, last), hit__isnull=False
    )
    found = list(rows.order_by("day", "pk").values_list("day", "hit", "win_probability", "value"))
    return _placed(pd.DataFrame(found, columns=list(CLOSED)), first, ("chance", "value"))


def _placed(found: pd.DataFrame, first: datetime.date, numbers: Sequence[str]) -> pd.DataFrame:
    """With the number of each row's day in the period."""
    place = (pd.to_datetime(found.day) - pd.Timestamp(first)).dt.days
    return found.astype(dict.fromkeys(numbers, float)).assign(place=place.astype("int64"))


def _daily_shares(presence: Presence, rep_id: int) -> Floats:
    daily = shares(presence.room, presence.present, presence.here, presence.employed)
    return np.asarray(daily[:, presence.rep_ids.index(rep_id)])


def _slice(
    first: datetime.date,
    last: datetime.date,
    rep_id: int,
    received: pd.DataFrame,
    forecast: pd.DataFrame,
    daily: Floats,
    begun: datetime.date,
    line: Calibration,
) -> Slice:
    from_place, to_place = (first - begun).days, (last - begun).days
    rows = received[received.place.between(from_place, to_place)]
    closed = forecast[forecast.place.between(from_place, to_place)]
    day, is_own = rows.place.to_numpy(), (rows.rep == rep_id).to_numpy(dtype=bool)
    value = rows.value.fillna(0).to_numpy()
    return Slice(
        first=first,
        last=last,
        share=share_of_number(daily, day, is_own),
        value=share_of_value(daily, day, is_own, value),
        wins=wins(line.of(closed.chance.to_numpy()), closed.won.to_numpy(dtype=bool)),
        ease=_ease(rows[is_own], line),
    )


def _ease(rows: pd.DataFrame, line: Calibration) -> float | None:
    known = rows[rows.chance.notna() & rows.score.notna()]
    if known.empty:
        return None
    return float(average_chance(line.of(known.chance.to_numpy()), known.score.to_numpy()).mean())


def _paths(own: pd.DataFrame) -> tuple[tuple[str, str, int], ...]:
    counts = own.path.value_counts()
    return tuple(
        (str(value), str(label), int(counts[value])) for value, label in Fact.Path.choices if value in counts
    )


def counted_in_ledger(facts: QuerySet[Fact]) -> QuerySet[Fact]:
    """Without what counts nowhere in it: imported assignments, and closings without a forecast or outcome."""
    assigned = Q(event=Fact.Event.ASSIGNED) & ~Q(path=Fact.Path.IMPORT)
    closed = Q(event=Fact.Event.CLOSED, hit__isnull=False, win_probability__isnull=False)
    return facts.filter(assigned | closed)


def ledger_csv(ledger: Ledger) -> str:
    return "".join(csv_lines([CSV_HEAD, *(_csv_row(month) for month in ledger.months)]))


def _csv_row(month: Slice) -> tuple[str, ...]:
    share, won = month.share, month.wins
    return (
        f"{month.first:%Y-%m}", str(month.count), f"{share.expected:.2f}", f"{share.low:g}", f"{share.high:g}",
        f"{month.value.got:.2f}", "" if month.ease is None else f"{month.ease:.4f}",
        str(won.closed), str(won.won), f"{won.expected:.2f}", str(won.low), str(won.high),
    )  # fmt: skip
