"""Graded overrides: what people chose otherwise than the router, what was forecast of both, and what came of it."""

import datetime
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from django.db import connection

from analytics.engine.grades import Grade, grade, keep_winning
from analytics.queries.coaching import calibration
from analytics.queries.proposals import Proposal, propose
from analytics.queries.segments import DIMENSIONS, level_name
from reps.engine.tables import csv_lines
from reps.models import User
from reps.queries.people import SEES_EVERYBODY, reps_visible_to

# A person's assignment with the decision that was there, where that named somebody else; its override, unless it was
# taken back; and the closing, if it is still this assignment's.
ROWS = """
SELECT f.day, f.opportunity_id, o.name, o.owner_id, f.rep_id, chosen.name, chosen.team_id, team.name, c.router_rep_id,
    router.name, c.win_probability, c.router_win_probability, closed.hit, closed.opportunity_id IS NOT NULL,
    a.ended_at IS NOT NULL, coalesce(r.label, ''), coalesce(u.name, ''),
    o.industry, p.name, o.competitors[1], o.language, o.source, o.size_band, o.complexity::text
FROM analytics_fact f
JOIN analytics_chosenmatch c ON c.assignment_id = f.assignment_id
JOIN crm_opportunity o ON o.id = f.opportunity_id
JOIN crm_assignment a ON a.id = f.assignment_id
JOIN reps_rep chosen ON chosen.id = f.rep_id
JOIN reps_team team ON team.id = chosen.team_id
JOIN reps_rep router ON router.id = c.router_rep_id
LEFT JOIN crm_product p ON p.id = o.product_id
LEFT JOIN LATERAL (
    SELECT reason_id, made_by_id, undone_at FROM routing_override v
    WHERE v.opportunity_id = f.opportunity_id AND v.to_rep_id = f.rep_id AND v.made_at = a.assigned_at
    ORDER BY v.id DESC LIMIT 1
) v ON true
LEFT JOIN routing_overridereason r ON r.id = v.reason_id
LEFT JOIN reps_user u ON u.id = coalesce(v.made_by_id, a.assigned_by_id)
LEFT JOIN analytics_fact closed ON closed.opportunity_id = f.opportunity_id AND closed.event = 'closed'
    AND closed.assignment_id = f.assignment_id
WHERE f.event = 'assigned' AND f.path = 'person' AND f.day BETWEEN %(first)s AND %(last)s
    AND c.router_rep_id <> f.rep_id AND v.undone_at IS NULL
    AND (%(reps)s::bigint[] IS NULL OR f.rep_id = ANY(%(reps)s))
ORDER BY f.day DESC, f.id DESC
"""
COLUMNS = [
    "day", "opportunity_id", "opportunity", "owner_id", "rep_id", "rep", "team_id", "team", "router_id", "router",
    "chosen", "forecast", "won", "is_closed", "is_over", "reason", "by", "industry", "product", "competitor",
    "language", "source", "size", "complexity",
]  # fmt: skip
ELSEWHERE = "another team’s rep"
NO_REASON = "No reason given"
SEGMENTS_SHOWN, EACH_SHOWN = 12, 30
CSV_HEAD = (
    "day", "opportunity", "chosen", "router_would_have", "reason", "by", "forecast_chosen", "forecast_router",
    "outcome",
)  # fmt: skip


@dataclass(frozen=True)
class GradeLine:
    """A reason, a person or a segment, graded."""

    name: str
    grade: Grade


@dataclass(frozen=True)
class Each:
    """One override. `name` is "" where the opportunity is another team's by now."""

    day: datetime.date
    opportunity_id: int
    name: str
    rep: str
    router: str
    reason: str
    by: str
    chosen: float | None
    forecast: float | None
    outcome: str


@dataclass(frozen=True)
class OverridesPage:
    whole: Grade
    open: int
    moved: int
    reasons: list[GradeLine]
    people: list[GradeLine]
    segments: list[GradeLine]
    proposals: list[Proposal]
    latest: list[Each]


def overrides_page(user: User, *, first: datetime.date, last: datetime.date) -> OverridesPage:
    """Two queries, one more for a manager; two more where a reason keeps winning."""
    rows = load_overrides(user, first, last)
    reasons = {str(name): _grade(part) for name, part in rows.groupby("reason")}
    winning = keep_winning({name: one for name, one in reasons.items() if name != NO_REASON})
    whole, open_ones = _grade(rows), ~rows.is_closed
    return OverridesPage(
        whole=whole,
        open=int((open_ones & ~rows.is_over).sum()),
        moved=int((open_ones & rows.is_over).sum()),
        reasons=_lines(reasons),
        people=_lines({str(name): _grade(part) for name, part in rows.groupby("by")}),
        segments=_segments(rows),
        proposals=propose(_closed(rows), winning, reasons),
        latest=list(each(rows.head(EACH_SHOWN))),
    )


def load_overrides(user: User, first: datetime.date, last: datetime.date) -> pd.DataFrame:
    """Newest first; `chosen` and `forecast` put right over everybody. A manager's are those that went to the own teams'
    reps, and other teams' reps are not named."""
    visible = None
    if user.role not in SEES_EVERYBODY:
        visible = sorted(reps_visible_to(user).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(ROWS, {"first": first, "last": last, "reps": visible})
        rows = pd.DataFrame(cursor.fetchall(), columns=COLUMNS)
    line = calibration()
    for name in ("chosen", "forecast"):
        rows[name] = rows[name].astype(float)
        rows[name] = rows[name].where(rows[name].isna(), line.of(rows[name].fillna(0.5).to_numpy()))
    rows["reason"] = rows.reason.replace("", NO_REASON)
    rows["by"] = rows.by.replace("", "Somebody who is not here any more")
    rows[["is_closed", "is_over"]] = rows[["is_closed", "is_over"]].astype(bool)
    if visible is not None:
        rows.loc[~rows.router_id.isin(visible), "router"] = ELSEWHERE
        rows.loc[rows.owner_id.notna() & ~rows.owner_id.isin(visible), "opportunity"] = ""
    return rows


def _closed(rows: pd.DataFrame) -> pd.DataFrame:
    """Those that can be graded: won or lost, with both forecasts."""
    return rows[rows.won.notna() & rows.chosen.notna() & rows.forecast.notna()]


def _grade(rows: pd.DataFrame) -> Grade:
    closed = _closed(rows)
    return grade(
        len(rows), closed.won.to_numpy(dtype=bool), closed.chosen.to_numpy(), closed.forecast.to_numpy()
    )


def _lines(grades: dict[str, Grade]) -> list[GradeLine]:
    return [
        GradeLine(name, one)
        for name, one in sorted(grades.items(), key=lambda pair: (-pair[1].made, pair[0]))
    ]


def _segments(rows: pd.DataFrame) -> list[GradeLine]:
    """The most frequent levels of all dimensions."""
    grades = {
        f"{DIMENSIONS[name].label}: {level_name(name, str(level))}": _grade(part)
        for name in DIMENSIONS
        for level, part in rows[rows[name].notna() & (rows[name] != "")].groupby(name)
    }
    return [line for line in _lines(grades) if line.grade.closed][:SEGMENTS_SHOWN]


def each(rows: pd.DataFrame) -> Iterable[Each]:
    for row in rows.to_dict("records"):
        yield Each(
            row["day"], row["opportunity_id"], row["opportunity"], row["rep"], row["router"], row["reason"], row["by"],
            _known(row["chosen"]), _known(row["forecast"]), _outcome(row),
        )  # fmt: skip


def _known(chance: float) -> float | None:
    return None if math.isnan(chance) else chance


def _outcome(row: Mapping[Hashable, Any]) -> str:
    if not pd.isna(row["won"]):
        return "won" if row["won"] else "lost"
    if row["is_closed"]:
        return "disqualified"
    return "moved on" if row["is_over"] else "open"


def overrides_csv(rows: pd.DataFrame) -> str:
    return "".join(csv_lines([CSV_HEAD, *(_csv_row(one) for one in each(rows))]))


def _csv_row(one: Each) -> Sequence[str]:
    chances = ("" if chance is None else f"{chance:.4f}" for chance in (one.chosen, one.forecast))
    return (one.day.isoformat(), one.name, one.rep, one.router, one.reason, one.by, *chances, one.outcome)
