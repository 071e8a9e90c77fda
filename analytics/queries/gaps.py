"""Coverage gaps of a period: what fell through, where it is concentrated, and what would close it."""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncWeek
from django.urls import reverse

from analytics.engine.fall_through import Cause
from analytics.engine.gaps import Cells, Gap, find_gaps, wilson
from analytics.models import FallThrough
from analytics.queries.gap_words import SCOPES, WHOLE, segment_words, title, whole_words
from analytics.queries.period import Chosen, mondays
from analytics.queries.remedies import Fallen, Remedy, load_remedies
from crm.models import Opportunity
from crm.queries.opportunities import opportunities_visible_to
from reps.charts import Chart
from reps.engine.money import NBSP
from reps.engine.tables import csv_lines
from reps.models import User
from reps.queries.people import organisation
from routing.engine.roster import Mask

DIMENSIONS = ("industry", "size_band", "country", "territory", "language", "product", "source")
COLUMNS = (*DIMENSIONS, "policy")
FELL = ~Q(cause="")
CSV_HEAD = (
    "gap", "segment", "fell_through", "of", "share", "share_low", "share_high", "share_elsewhere",
    "value", "what_would_close_it",
)  # fmt: skip


@dataclass(frozen=True)
class GapLine:
    """A gap as the page shows it. `key` names it in addresses; `where` is "" for what is not concentrated."""

    key: str
    title: str
    where: str
    of: str
    gap: Gap
    ids: tuple[int, ...]
    remedies: tuple[Remedy, ...] = ()

    @property
    def is_segment(self) -> bool:
        return self.gap.dimension != ""


@dataclass(frozen=True)
class GapsPage:
    """Of `total` decided opportunities `fell` fell through, worth `worth`; `read_to` the newest day that is read."""

    total: int
    fell: int
    worth: float
    lines: tuple[GapLine, ...]
    chart: Chart | None
    read_to: datetime.date | None
    currency: str

    @property
    def share(self) -> float:
        return self.fell / self.total if self.total else 0.0


def decided_in(chosen: Chosen, user: User) -> QuerySet[FallThrough]:
    """Rows of the period that the user may see; a manager's are those of the opportunities that the manager may see."""
    rows = FallThrough.objects.filter(day__gte=chosen.first, day__lte=chosen.last)
    if chosen.team is not None:
        rows = rows.filter(team_id=chosen.team.pk)
    rows = rows.filter(
        **{name: getattr(chosen, name) for name in ("source", "kind") if getattr(chosen, name)}
    )
    if user.role == User.Role.MANAGER:
        rows = rows.filter(
            Q(opportunity__owner__isnull=True) | Q(opportunity__owner__team__in=user.managed_teams.all())
        )
    return rows


def gaps_page(*, user: User, chosen: Chosen, now: datetime.datetime, address: str = "") -> GapsPage:
    """Seven queries, or four where nothing fell through. `address`: the filter, for the chart's file."""
    rows = decided_in(chosen, user)
    weeks = _weeks(rows)
    fallen, lines = _found(rows)
    remedies = load_remedies([(line.gap, _members(line, fallen)) for line in lines], user, chosen, now)
    return GapsPage(
        total=sum(total for total, *_ in weeks.values()),
        fell=len(fallen),
        worth=sum(one.worth for one in fallen),
        lines=tuple(_with(line, found) for line, found in zip(lines, remedies, strict=True)),
        chart=_chart(weeks, chosen, address),
        read_to=FallThrough.objects.aggregate(newest=Max("day"))["newest"],
        currency=organisation().base_currency,
    )


def _members(line: GapLine, fallen: Sequence[Fallen]) -> list[Fallen]:
    return [fallen[place] for place in np.flatnonzero(line.gap.rows).tolist()]


def _with(line: GapLine, remedies: Sequence[Remedy]) -> GapLine:
    return GapLine(line.key, line.title, line.where, line.of, line.gap, line.ids, tuple(remedies))


def gap_of(key: str, *, user: User, chosen: Chosen) -> tuple[GapLine, QuerySet[Opportunity]] | None:
    """The gap of that key and its opportunities, as far as the user may see them."""
    _, lines = _found(decided_in(chosen, user))
    line = next((one for one in lines if one.key == key), None)
    if line is None:
        return None
    return line, opportunities_visible_to(user).filter(pk__in=line.ids)


def _found(rows: QuerySet[FallThrough]) -> tuple[list[Fallen], list[GapLine]]:
    """What fell through, and the gaps that it makes. Two queries: these rows, and how many others there are by cell."""
    fallen = [Fallen(*row) for row in rows.filter(FELL).order_by("pk").values_list(*Fallen.columns())]
    if not fallen:
        return [], []
    others = list(rows.exclude(FELL).order_by().values_list(*COLUMNS).annotate(number=Count("pk")))
    causes = sorted({one.about for one in fallen})
    cells, names = _cells(fallen, others, causes)
    return fallen, [_line(gap, causes[gap.cause], names, fallen) for gap in find_gaps(cells)]


def _cells(
    fallen: Sequence[Fallen], others: Sequence[tuple[Any, ...]], causes: Sequence[tuple[str, str]]
) -> tuple[Cells, dict[str, Sequence[str]]]:
    """First a row for each that fell through, in this order, then the others; and the names of the values' numbers."""
    place = {about: number for number, about in enumerate(causes)}
    values: dict[str, Any] = {}
    names: dict[str, Sequence[str]] = {}
    for column, dimension in enumerate(COLUMNS):
        texts = [getattr(one, dimension) or None for one in fallen] + [row[column] or None for row in others]
        codes, uniques = pd.factorize(np.array(texts, dtype=object), sort=True)
        values[dimension], names[dimension] = codes.astype(np.int64), list(uniques)
    cells = Cells(
        count=np.array([1] * len(fallen) + [row[-1] for row in others], dtype=np.int64),
        worth=np.array([one.worth for one in fallen] + [0.0] * len(others)),
        cause=np.array([place[one.about] for one in fallen] + [-1] * len(others), dtype=np.int64),
        values={dimension: values[dimension] for dimension in DIMENSIONS},
        whole=frozenset(place[about] for about in causes if about[0] in WHOLE),
        scope={
            place[about]: scope for about in causes if (scope := _scope(about, values, names)) is not None
        },
    )
    return cells, names


def _scope(
    about: tuple[str, str], values: Mapping[str, Any], names: Mapping[str, Sequence[str]]
) -> Mask | None:
    """Whom the cause can befall; None: everybody."""
    column = SCOPES.get(Cause(about[0]))
    if column is None or about[1] not in names[column]:
        return None
    return np.asarray(values[column] == names[column].index(about[1]))


def _line(
    gap: Gap, about: tuple[str, str], names: Mapping[str, Sequence[str]], fallen: Sequence[Fallen]
) -> GapLine:
    cause, missing = about
    value = names[gap.dimension][gap.value] if gap.dimension else ""
    key = hashlib.sha256("\x1f".join((cause, missing, gap.dimension, value)).encode()).hexdigest()[:12]
    ids = tuple(fallen[place].opportunity_id for place in np.flatnonzero(gap.rows).tolist())
    return GapLine(
        key, title(cause, missing), segment_words(gap.dimension, value), whole_words(cause), gap, ids
    )


# --- the trend -------------------------------------------------------------------------------------------------------

Weeks = Mapping[datetime.date, tuple[int, int, float]]


def _weeks(rows: QuerySet[FallThrough]) -> Weeks:
    """Monday → decided, fell through, its value."""
    counted = (
        rows.order_by()
        .annotate(week=TruncWeek("day"))
        .values("week")
        .annotate(total=Count("pk"), fell=Count("pk", filter=FELL), worth=Sum("value_base", filter=FELL))
    )
    return {row["week"]: (row["total"], row["fell"], float(row["worth"] or 0)) for row in counted}


def weeks_csv(*, user: User, chosen: Chosen) -> str:
    weeks = _weeks(decided_in(chosen, user))
    rows = [("week", "decided", "fell_through", "share", "value")]
    for monday in mondays(chosen.first, chosen.last):
        total, fell, worth = weeks.get(monday, (0, 0, 0.0))
        share = f"{fell / total:.4f}" if total else ""
        rows.append((monday.isoformat(), str(total), str(fell), share, f"{worth:.2f}"))
    return "".join(csv_lines(rows))


def gaps_csv(page: GapsPage) -> str:
    rows = [CSV_HEAD]
    for line in page.lines:
        gap = line.gap
        rows.append(
            (
                line.title, line.where or "everywhere else", str(gap.fell), str(gap.total),
                f"{gap.share:.4f}", f"{gap.low:.4f}", f"{gap.high:.4f}",
                f"{gap.rest_share:.4f}" if gap.rest else "", f"{gap.worth:.2f}",
                " ".join(remedy.plain for remedy in line.remedies),
            )
        )  # fmt: skip
    return "".join(csv_lines(rows))


def _chart(weeks: Weeks, chosen: Chosen, address: str) -> Chart | None:
    told = [monday for monday in mondays(chosen.first, chosen.last) if monday in weeks]
    if not told:
        return None
    shares = [100 * weeks[monday][1] / weeks[monday][0] for monday in told]
    bounds = [wilson(weeks[monday][1], weeks[monday][0]) for monday in told]
    bars = {
        "type": "scatter", "mode": "lines+markers", "x": [f"{monday:%-d %b}" for monday in told],
        "y": [round(share, 2) for share in shares], "line": {"color": "--accent", "width": 2},
        "marker": {"color": "--accent", "size": 6},
        "error_y": {
            "type": "data", "symmetric": False, "color": "--accent/40", "thickness": 1, "width": 0,
            "array": [round(100 * high - share, 2) for share, (_, high) in zip(shares, bounds, strict=True)],
            "arrayminus": [round(share - 100 * low, 2) for share, (low, _) in zip(shares, bounds, strict=True)],
        },
        "hovertemplate": "%{y:.1f} % in the week of %{x}<extra></extra>",
    }  # fmt: skip
    return Chart(
        key="fall-through",
        title="Fall-through by week",
        said=_trend_words(told, shares),
        what="The share of opportunities decided in a week that no rep was a confident match for, so that they went to "
        "turns, a manager or nobody. Bars hold the true share 19 times of 20: a week of few opportunities says little.",
        data=[bars],
        head=("Week of", "Fell through", "Of all", "Share", "Value"),
        rows=[_week_row(monday, weeks[monday]) for monday in told],
        layout={"yaxis": {"rangemode": "tozero", "ticksuffix": " %"}, "xaxis": {"type": "category"}},
        csv=reverse("analytics_gaps_weeks_csv") + address,
    )


def _week_row(monday: datetime.date, week: tuple[int, int, float]) -> tuple[str, ...]:
    total, fell, worth = week
    return (
        f"{monday:%-d %b %Y}",
        f"{fell:,}",
        f"{total:,}",
        f"{100 * fell / total:.1f}{NBSP}%",
        f"{worth:,.0f}",
    )


def _trend_words(told: Sequence[datetime.date], shares: Sequence[float]) -> str:
    last = f"In the week of {told[-1]:%-d %b} {shares[-1]:.0f}{NBSP}% fell through"
    if len(told) == 1:
        return f"{last}."
    return (
        f"{last}; in the weeks shown before it was {min(shares[:-1]):.0f} to {max(shares[:-1]):.0f}{NBSP}%."
    )
