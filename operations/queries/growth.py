"""What grows: tables and how fast, the months of history, and what is in the archive."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from django.apps import apps
from django.utils.text import capfirst

from operations.engine import growth as engine
from operations.engine.growth import MONTH, WEEK, Pace
from operations.models import ArchivedMonth, GrowthSample, ProcessBeat
from operations.queries.figures import ALIVE_FOR, disk_free_bytes
from operations.queries.histories import BY_KIND, HISTORIES, History, months_of, retentions
from operations.queries.histories import Month as Part
from operations.queries.sizes import TableSize, database_bytes, table_sizes
from operations.queries.words import bytes_in_words, days
from reps.engine.unavailable import Unavailable

SHOWN = 15  # tables
Samples = dict[datetime.date, int]


@dataclass(frozen=True)
class Growing:
    """A table or the whole. Sizes in words; `share` of the database, in percent; `line`: points of its sparkline."""

    name: str
    table: str
    rows: int
    months: int
    size: str
    indexes: str
    share: int
    a_day: str
    a_day_in_30: str
    in_a_year: str
    line: str


@dataclass(frozen=True)
class MonthLine:
    part: Part
    size: str
    state: str
    tone: str


@dataclass(frozen=True)
class HistoryView:
    history: History
    months: list[MonthLine]
    kept: str
    rows: int
    size: str


@dataclass(frozen=True)
class Archived:
    record: ArchivedMonth
    label: str
    size: str
    state: str
    tone: str


@dataclass(frozen=True)
class Growth:
    at: datetime.datetime
    sentence: str
    tone: str
    whole: Growing
    tables: list[Growing]
    histories: list[HistoryView]
    archived: list[Archived]
    free: str


def growth(at: datetime.datetime) -> Growth:
    samples = _samples()
    size = database_bytes()
    sizes = table_sizes()
    alive = list(ProcessBeat.objects.filter(last_seen_at__gt=at - ALIVE_FOR))
    free = disk_free_bytes(alive)
    indexes = sum(one.index_bytes for one in sizes)
    whole = TableSize("", sum(one.rows for one in sizes), size - indexes, indexes, 0)
    sentence, tone = _verdict(samples[""], free)
    return Growth(
        at=at,
        sentence=sentence,
        tone=tone,
        whole=_growing(whole, samples[""], size),
        tables=[_growing(one, samples[one.table], size) for one in sizes[:SHOWN]],
        histories=_histories(at.date()),
        archived=[_archived(one) for one in ArchivedMonth.objects.all()],
        free="Nobody has told" if free is None else bytes_in_words(free),
    )


def _samples() -> defaultdict[str, Samples]:
    """By table, of the last 30 days that were measured."""
    found: defaultdict[str, Samples] = defaultdict(dict)
    newest = GrowthSample.objects.values_list("day", flat=True).first()
    if newest is not None:
        recent = GrowthSample.objects.filter(day__gte=newest - datetime.timedelta(days=MONTH))
        for day, table, size in recent.values_list("day", "table", "size_bytes"):
            found[table][day] = size
    return found


def _verdict(whole: Samples, free: int | None) -> tuple[str, str]:
    """When the disk is full, in a sentence, with its tone."""
    found = engine.pace(whole, WEEK)
    if isinstance(found, Unavailable):
        return f"How fast it grows is not known yet: {found.reason}. Sizes are noted each night.", ""
    said = f"The database grows by {a_day(found)}"
    if free is None:
        return f"{said}. How much of the disk is free nobody has told.", "warn"
    left = engine.full_in_days(free, found.bytes_per_day)
    if left is None:
        return (
            f"The database did not grow over the last {days(found.days)}. {bytes_in_words(free)} of the disk are free.",
            "good",
        )
    tone = "bad" if left < 30 else "warn" if left < 180 else "good"
    until = f"for about {days(left)}" if left < 2 * engine.YEAR else "for years"
    return f"{said}. At this pace the disk lasts {until}: {bytes_in_words(free)} are free.", tone


UNKNOWN = "–"  # the line above the table says why


def _growing(one: TableSize, samples: Samples, database: int) -> Growing:
    week, month = engine.pace(samples, WEEK), engine.pace(samples, MONTH)
    year = UNKNOWN if isinstance(month, Unavailable) else (
        f"about {bytes_in_words(engine.in_a_year(one.size_bytes, month.bytes_per_day))}"
    )  # fmt: skip
    return Growing(
        name=_names().get(one.table, one.table),
        table=one.table,
        rows=one.rows,
        months=one.months,
        size=bytes_in_words(one.size_bytes),
        indexes=bytes_in_words(one.index_bytes),
        share=round(100 * one.size_bytes / max(database, 1)),
        a_day=UNKNOWN if isinstance(week, Unavailable) else a_day(week),
        a_day_in_30=UNKNOWN if isinstance(month, Unavailable) else a_day(month),
        in_a_year=year,
        line=spark(samples),
    )


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """What the tables of ours hold, in words."""
    models = apps.get_models(include_auto_created=True)
    return {one._meta.db_table: capfirst(str(one._meta.verbose_name_plural)) for one in models}


def a_day(found: Pace | Unavailable) -> str:
    """ "3 MB a day", with over how many days where these are fewer than a week."""
    if isinstance(found, Unavailable):
        return "not known yet"
    sign = "−" if found.bytes_per_day < 0 else ""
    over = f" (over {days(found.days)})" if found.days < WEEK else ""
    return f"{sign}{bytes_in_words(abs(found.bytes_per_day))} a day{over}"


def spark(samples: Samples) -> str:
    """Points of a line in a box of 100 × 24, from nothing at its foot."""
    if len(samples) < 2:
        return ""
    first, top = min(samples), max(*samples.values(), 1)
    span = max((max(samples) - first).days, 1)
    return " ".join(
        f"{100 * (day - first).days / span:.1f},{24 - 22 * size / top:.1f}"
        for day, size in sorted(samples.items())
    )


def _histories(today: datetime.date) -> list[HistoryView]:
    kept = retentions()
    states = {(one.kind, one.month): one for one in ArchivedMonth.objects.all()}
    return [_history(one, kept.get(one.kind), states, today) for one in HISTORIES]


def _history(
    history: History, months: int | None, states: dict[tuple[str, str], ArchivedMonth], today: datetime.date
) -> HistoryView:
    parts = months_of(history)
    kept = history.kept or (
        f"Kept whole for {months} months, then archived." if months else "Kept whole for ever."
    )
    return HistoryView(
        history=history,
        months=[_month(part, states.get((history.kind, part.name)), today) for part in reversed(parts)],
        kept=kept,
        rows=sum(part.rows for part in parts),
        size=bytes_in_words(sum(part.size_bytes for part in parts)),
    )


def _month(part: Part, record: ArchivedMonth | None, today: datetime.date) -> MonthLine:
    if record is not None:
        state, tone = record.get_state_display(), "bad" if record.error else "good"
    else:
        ahead = part.month is not None and part.month > today
        state, tone = "closed" if part.is_bounded else "made ahead" if ahead else "open", ""
    return MonthLine(part, bytes_in_words(part.size_bytes), state, tone)


def _archived(record: ArchivedMonth) -> Archived:
    label = BY_KIND[record.kind].label if record.kind in BY_KIND else record.kind
    state, tone = record.get_state_display(), "warn"
    if record.error:
        state, tone = "wrong", "bad"
    elif record.state == ArchivedMonth.State.REMOVED:
        state, tone = "whole", "good"
    return Archived(record, label, bytes_in_words(record.size_bytes), state, tone)
