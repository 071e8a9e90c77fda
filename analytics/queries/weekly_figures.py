"""The weekly figures that alarms and the weekly report rest on: whole weeks, Monday to Sunday, of everybody."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, FloatField, Q, Sum
from django.db.models.functions import TruncWeek

from analytics.engine.shares import Share
from analytics.engine.weekly_lift import LiftWeek, weekly_lift
from analytics.models import DaySum, Fact, TouchSum
from analytics.queries.period import monday_of, mondays

WEEKS = 78
SETTLING = (
    12  # weeks before a close says something of a forecast: at first only what closes quickly has closed
)
LEAST_INFORMATION = 2.0  # Σp(1 − p) of a week, else it is counted with the next one
DAY, WEEK = datetime.timedelta(days=1), datetime.timedelta(weeks=1)


@dataclass(frozen=True)
class Span:
    """Whole weeks up to the Monday `end`, which is in none of them."""

    end: datetime.date
    weeks: int = WEEKS

    @property
    def first(self) -> datetime.date:
        return self.end - self.weeks * WEEK

    @property
    def days(self) -> Q:
        return Q(day__gte=self.first, day__lt=self.end)

    @property
    def mondays(self) -> list[datetime.date]:
        return mondays(self.first, self.end - DAY)


def weeks_until(today: datetime.date, weeks: int = WEEKS) -> Span:
    """The weeks that are over."""
    return Span(monday_of(today), weeks)


def lift_weeks(span: Span) -> list[LiftWeek]:
    """Like beside like within each week; places count from the span's first week. One query."""
    rows = DaySum.objects.filter(
        span.days, by=DaySum.By.SOURCE, event=Fact.Event.CLOSED, path__in=(Fact.Path.MODEL, Fact.Path.PERSON)
    ).annotate(week=TruncWeek("day"))
    found = rows.values_list("week", "key", "kind", "path").annotate(h=Sum("hits"), k=Sum("known")).order_by()
    shares = {(week, key, kind, path): Share(h, k) for week, key, kind, path, h, k in found}
    nothing = Share(0, 0)
    weeks: dict[datetime.date, list[tuple[Share, Share]]] = {day: [] for day in span.mondays}
    for week, key, kind in sorted({place[:3] for place in shares}):
        pair = [shares.get((week, key, kind, path), nothing) for path in (Fact.Path.MODEL, Fact.Path.PERSON)]
        weeks[week].append((pair[0], pair[1]))
    return weekly_lift([weeks[day] for day in span.mondays])


def share_weeks(span: Span, event: str) -> list[Share]:
    """What hit of what is known, by week; weeks with nothing are among them. One query."""
    rows = DaySum.objects.filter(span.days, by=DaySum.By.ALL, event=event).annotate(week=TruncWeek("day"))
    found = rows.values_list("week").annotate(h=Sum("hits"), k=Sum("known")).order_by()
    by_week = {week: Share(h, k) for week, h, k in found}
    return [by_week.get(day, Share(0, 0)) for day in span.mondays]


Durations = dict[tuple[str, datetime.date], list[tuple[int, int]]]


def touch_durations(span: Span) -> Durations:
    """(mode, Monday) → (seconds, how many) of what was assigned in that week and touched. One query."""
    rows = TouchSum.objects.filter(span.days).annotate(week=TruncWeek("day")).order_by()
    found: Durations = {}
    for mode, week, seconds, number in rows.values_list("mode", "week", "seconds").annotate(n=Sum("count")):
        found.setdefault((mode, week), []).append((seconds, number))
    return found


@dataclass(frozen=True)
class ForecastWeek:
    """Closed deals of a week that had a forecast: how many, how many were won, how many were expected."""

    place: int
    cases: int
    won: int
    expected: float
    information: float

    @property
    def z(self) -> float:
        return (self.won - self.expected) / self.information**0.5


def forecast_weeks(span: Span) -> list[ForecastWeek]:
    """From when deals had time to close; one query."""
    rows = Fact.objects.filter(
        span.days, event=Fact.Event.CLOSED, win_probability__isnull=False, hit__isnull=False
    ).annotate(week=TruncWeek("day"))
    figures = {
        "n": Count("pk"),
        "won": Count("pk", filter=Q(hit=True)),
        "p": Sum("win_probability"),
        "v": Sum(F("win_probability") * (1.0 - F("win_probability")), output_field=FloatField()),
    }
    found = {row[0]: row[1:] for row in rows.values_list("week").annotate(**figures).order_by()}
    first = min(found, default=None)
    if first is None:
        return []
    settled = [place for place, day in enumerate(span.mondays) if day >= first + SETTLING * WEEK]
    return _pooled([(place, *found.get(span.mondays[place], (0, 0, 0.0, 0.0))) for place in settled])


def _pooled(weeks: Sequence[tuple[int, int, int, float, float]]) -> list[ForecastWeek]:
    made: list[ForecastWeek] = []
    cases, won, expected, information = 0, 0, 0.0, 0.0
    for place, n, hits, p, v in weeks:
        cases, won, expected, information = cases + n, won + hits, expected + p, information + v
        if information >= LEAST_INFORMATION:
            made.append(ForecastWeek(place, cases, won, expected, information))
            cases, won, expected, information = 0, 0, 0.0, 0.0
    return made
