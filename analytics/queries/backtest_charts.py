"""The two charts of a backtest, and its tables for a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.urls import reverse

from analytics.queries.backtest_page import Answer, RepLine, all_rep_lines, moves_of, with_overlap
from reps.charts import Chart
from reps.engine.tables import BYTE_ORDER_MARK, shielded
from reps.models import Job, User

MOST_REPS = 20
WAYS = (("doubly_robust", "Tried, doubly robust"), ("snips", "Tried, SNIPS"))


def charts_of(job: Job, answer: Answer) -> list[Chart]:
    found = [estimates_chart(job)] if answer.value.is_told else []
    return found + ([moved_chart(job, answer.reps)] if answer.reps else [])


def estimates_chart(job: Job) -> Chart:
    """What was won, and what would have been, with intervals."""
    rows = estimates_of(job.result["value"])
    names, values = [row[0] for row in rows], [round(100 * row[1], 2) for row in rows]
    down = [round(100 * (won - low), 2) for _, won, low, _ in rows]
    up = [round(100 * (high - won), 2) for _, won, _, high in rows]
    points = {
        "type": "scatter", "mode": "markers", "x": values, "y": names,
        "marker": {"size": 10, "color": ["--ink-3", "--accent", "--accent"],
                   "symbol": ["circle", "circle", "diamond"]},
        "error_x": {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": "--ink-3",
                    "thickness": 1.5, "width": 6},
        "hovertemplate": "%{x:.1f} of 100<extra>%{y}</extra>",
    }  # fmt: skip
    return Chart(
        key="estimates",
        title="Won of 100 decisions",
        said=f"What was decided then won {100 * rows[0][1]:.1f} of 100; what is tried would have won "
        f"{100 * rows[1][1]:.1f}.",
        what="Each line holds the truth 19 times of 20. Doubly robust begins with the model’s estimate and corrects it "
        "by what happened; SNIPS weighs what happened alone. Where both agree, the answer is firmer.",
        data=[points],
        head=("Of 100", "Won", "From", "To"),
        rows=[(name, *(f"{100 * number:.1f}" for number in numbers)) for name, *numbers in rows],
        layout={
            "xaxis": {"title": {"text": "won of 100 decisions"}},
            "yaxis": {"autorange": "reversed", "automargin": True},
        },
        csv=_csv_address(job, "estimates"),
        note=f"{with_overlap(job.result['value']):,} decisions",
    )


def estimates_of(value: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    """Name, share won, and the bounds of its interval."""
    found = [("What was decided", value["logged"])]
    found += [(name, value[way]["value"]) for way, name in WAYS]
    return [(name, one["value"], max(one["low"], 0.0), min(one["high"], 1.0)) for name, one in found]


def moved_chart(job: Job, reps: Sequence[RepLine]) -> Chart:
    """Who would get more, who fewer."""
    lines = sorted(reps[:MOST_REPS], key=lambda line: line.change)
    most, least = lines[-1], lines[0]
    bars = {
        "type": "bar", "orientation": "h", "x": [line.change for line in lines],
        "y": [line.name for line in lines], "marker": {"color": "--accent"},
        "hovertemplate": "%{x:+d}<extra>%{y}</extra>",
    }  # fmt: skip
    return Chart(
        key="moved",
        title="Who would get more, who fewer",
        said=f"{most.name} would get {_more(most.change)}, {least.name} {_more(least.change)}.",
        what="Assignments of these days under what is tried, less those under what is live. Both are played from the "
        "same open opportunities, with today’s reps.",
        data=[bars],
        head=("Rep", "Live", "Tried", "Change", "Highest load, live", "Highest load, tried"),
        rows=[_row(line) for line in reversed(lines)],
        layout={
            "xaxis": {"title": {"text": "assignments more or fewer"}},
            "yaxis": {"automargin": True},
            "height": 120 + 22 * len(lines),
        },
        csv=_csv_address(job, "reps"),
        note=f"the {MOST_REPS} that change most" if len(reps) > MOST_REPS else "",
    )


def _row(line: RepLine) -> Sequence[str]:
    change = f"{line.change:+d}".replace("-", "−")
    loads = (f"{pct:.0f} %" for pct in (line.peak_before, line.peak_after))
    return (line.name, str(line.before), str(line.after), change, *loads)


def _more(change: int) -> str:
    return f"{abs(change):,} {'more' if change > 0 else 'fewer'}"


def _csv_address(job: Job, table: str) -> str:
    return reverse("analytics_backtest_csv", args=[job.pk, table])


# --- for a spreadsheet ------------------------------------------------------------------------------------------------


def table_csv(job: Job, table: str, *, user: User) -> str | None:
    """None where there is no such table, or none of this backtest."""
    make = TABLES.get(table)
    if make is None or "world" not in job.result:
        return None
    head, rows = make(job, user)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow([shielded([cell])[0] if isinstance(cell, str) else cell for cell in row])
    return BYTE_ORDER_MARK + out.getvalue()


Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


def _estimates(job: Job, user: User) -> Table:
    value = job.result["value"]
    is_told = "value" in value.get("doubly_robust", {})
    return ("estimate", "won", "low", "high"), estimates_of(value) if is_told else ()


def _reps(job: Job, user: User) -> Table:
    head = (
        "rep", "live", "tried", "change", "highest_load_pct_live", "highest_load_pct_tried",
        "past_maximum_live", "past_maximum_tried", "past_week_live", "past_week_tried",
    )  # fmt: skip
    return head, (
        (one.name, one.before, one.after, one.change, one.peak_before, one.peak_after, one.maximum_before,
         one.maximum_after, one.week_before, one.week_after)
        for one in all_rep_lines(job)
    )  # fmt: skip


def _moves(job: Job, user: User) -> Table:
    head = ("opportunity", "name", "live", "live_by", "tried", "tried_by")
    return head, (
        (one.opportunity_id, one.name, one.from_name, one.from_via, one.to_name, one.to_via)
        for one in moves_of(job, user=user)
    )


TABLES: dict[str, Callable[[Job, User], Table]] = {"estimates": _estimates, "reps": _reps, "moves": _moves}
