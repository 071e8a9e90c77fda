"""Charts over time: lift, first touch, coverage, overrides, capacity used; and the workload of now."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from analytics.engine.shares import Difference, Share, adjusted_difference
from analytics.models import Fact
from analytics.queries.addresses import Addresses
from analytics.queries.metrics import (
    COVERAGE_TARGET,
    OVERRIDE_TARGET,
    TOUCH_TARGETS,
    UTILISATION_TARGET,
    median_of,
    medians_by_step,
    share_of,
    shares_by,
)
from analytics.queries.words import duration, more_or_less, of_cases, percent
from reps.charts import Chart, label
from reps.engine.capacity import BandBounds, band
from reps.engine.money import NBSP
from reps.models import Rep

ROUTES = (("model", "by the model", "--accent", "solid"), ("person", "by people", "--ink-3", "dash"))
MODES = (("real_time", "real time", "--accent", "solid"), ("batch", "batch", "--ink-3", "dash"))
PATH_COLOURS = {
    "model": "--accent", "rule": "--accent/45", "turn": "--ink-3", "person": "--ink-3/45", "nobody": "--hot/45",
}  # fmt: skip
BAND_COLOURS = {
    "available": "--accent",
    "near capacity": "--accent/45",
    "at capacity": "--hot/45",
    "over capacity": "--hot",
}
REPS_DRAWN, REPS_LISTED = 40, 50  # the file has all
TICKS = (60, 300, 1800, 3600, 4 * 3600, 86_400, 7 * 86_400)


def lift_over_time(events: pd.DataFrame, strata: pd.DataFrame, to: Addresses) -> Chart | None:
    """Win rate of what the model routed and of what people assigned, by week of closing, and the two compared with like
    beside like."""
    rows = events[events.is_now & (events.event == "closed")]
    whole = {key: share_of(rows[rows.path == key]) for key, *_ in ROUTES}
    if not any(share.known for share in whole.values()):
        return None
    starts = sorted(rows[rows.path.isin(list(whole))].start.unique())
    found_by_step, nothing = shares_by(rows, ["path", "start"]), Share(0, 0)
    by_step = {key: [found_by_step.get((key, start), nothing) for start in starts] for key, *_ in ROUTES}
    found = adjusted_difference(_strata(strata))
    return Chart(
        key="lift",
        title="Win rate: by the model against by people",
        said=_lift_words(whole, found),
        what=f"Won of what was won or lost in each {to.step}, by how it came to its owner. The difference compares "
        "like with like (same month, source and kind) and assumes that within these, people did not choose for "
        "themselves what they believed in. Only an experiment is free of that.",
        note="an adjusted comparison, not an experiment",
        data=[trace for route in ROUTES for trace in _with_band(starts, by_step[route[0]], route)],
        layout={
            "xaxis": _steps(starts),
            "yaxis": {"rangemode": "tozero", "ticksuffix": " %", "title": {"text": "won"}},
            "annotations": _end_labels(starts, by_step),
        },
        head=(to.head, "By the model", "By people"),
        rows=[
            (to.words(start), *(of_cases(by_step[key][place]) for key, *_ in ROUTES))
            for place, start in enumerate(starts)
        ],
        links=[to.within("closed", start) for start in starts],
        csv=to.csv("lift"),
    )


def _strata(rows: pd.DataFrame) -> list[tuple[Share, Share]]:
    """By month, source and kind: routed by the model, assigned by a person."""
    nothing = Share(0, 0)
    shares = shares_by(rows, ["month", "source", "kind", "path"])
    places = sorted({key[:3] for key in shares}, key=str)
    return [(shares.get((*key, "model"), nothing), shares.get((*key, "person"), nothing)) for key in places]


def _lift_words(whole: Mapping[str, Share], found: Difference | None) -> str:
    said = f"The model’s were won {of_cases(whole['model'])}, people’s {of_cases(whole['person'])}. "
    if found is None:
        return said + "Too few of both kinds are closed to compare like with like."
    return said + f"Like with like, the model’s win {more_or_less(found.value, found.low, found.high)}."


def _with_band(
    starts: Sequence[Any], shares: Sequence[Share], route: tuple[str, ...]
) -> list[dict[str, Any]]:
    _, name, colour, dash = route
    known = [(start, share) for start, share in zip(starts, shares, strict=True) if share.known]
    x = [f"{start}" for start, _ in known]
    edge = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": x, "line": {"width": 0}}
    return [
        edge | {"y": [100 * (share.low or 0) for _, share in known]},
        edge | {"y": [100 * (share.high or 0) for _, share in known], "fill": "tonexty", "fillcolor": f"{colour}/10"},
        {"type": "scatter", "mode": "lines+markers", "x": x, "y": [100 * (share.value or 0) for _, share in known],
         "line": {"color": colour, "width": 2, "dash": dash}, "marker": {"color": colour, "size": 5},
         "text": [of_cases(share) for _, share in known], "hovertemplate": f"{name}: %{{text}}<extra></extra>"},
    ]  # fmt: skip


def _end_labels(starts: Sequence[Any], by_step: Mapping[str, Sequence[Share]]) -> list[dict[str, Any]]:
    """At each line's end, the higher one's above it and the lower one's below."""
    ends: list[tuple[float, Any, str, str]] = []
    for key, name, colour, _ in ROUTES:
        known = [
            (start, one.value)
            for start, one in zip(starts, by_step[key], strict=True)
            if one.value is not None
        ]
        ends += [(100 * value, start, name, colour) for start, value in known[-1:]]
    ends.sort(key=lambda end: -end[0])
    return [
        label(f"{start}", value, name, font={"size": 11, "color": colour}, xshift=6, yanchor=anchor)  # type: ignore[arg-type]
        for (value, start, name, colour), anchor in zip(ends, ("bottom", "top"), strict=False)
    ]


def _steps(starts: Sequence[Any]) -> dict[str, Any]:
    """An axis of steps, with room at its end for a label."""
    first, last = pd.Timestamp(starts[0]), pd.Timestamp(starts[-1])
    room = max(pd.Timedelta(days=7), (last - first) * 0.18)
    return {
        "type": "date", "tickformat": "%-d %b", "range": [f"{first - pd.Timedelta(days=3)}", f"{last + room}"],
    }  # fmt: skip


def first_touch_trend(touches: pd.DataFrame, to: Addresses) -> Chart | None:
    """The median first touch of each step, real time and batch apart, with their targets."""
    rows = touches[touches.is_now & touches["mode"].isin([key for key, *_ in MODES])]
    if not len(rows):
        return None
    found = {key: medians_by_step(rows[rows["mode"] == key]) for key, *_ in MODES}
    starts = sorted({start for steps in found.values() for start in steps})
    medians = {key: [found[key].get(start) for start in starts] for key, *_ in MODES}
    return Chart(
        key="first-touch",
        title="Time to first touch",
        said=_touch_words(rows, to.step),
        what=f"Half of the assignments of a {to.step} that were touched were touched within this time, on the clock. "
        "The dotted lines are the targets: 5 minutes in real time, 4 hours in a batch. The scale is logarithmic.",
        data=[
            {"type": "scatter", "mode": "lines+markers", "x": [f"{start}" for start in starts], "connectgaps": True,
             "y": medians[key], "line": {"color": colour, "width": 2, "dash": dash},
             "marker": {"color": colour, "size": 6},
             "text": [duration(one) for one in medians[key]],
             "customdata": [to.within("assigned", start, mode=key) for start in starts],
             "hovertemplate": f"{name}: %{{text}}<extra></extra>"}
            for key, name, colour, dash in MODES
        ],
        layout={
            "xaxis": _steps(starts),
            "yaxis": {"type": "log", "tickvals": list(TICKS), "ticktext": [duration(one) for one in TICKS]},
            "shapes": [_target_line(TOUCH_TARGETS[key], colour) for key, _, colour, _ in MODES],
            "annotations": [
                label(0.01, _log(TOUCH_TARGETS[key]), f"target, {name}", xref="paper", yanchor="bottom",
                      font={"size": 11, "color": colour})
                for key, name, colour, _ in MODES
            ],
        },
        head=(to.head, "Real time", "Batch"),
        rows=[
            (to.words(start), *(duration(medians[key][place]) for key, *_ in MODES))
            for place, start in enumerate(starts)
        ],
        links=[to.within("assigned", start) for start in starts],
        csv=to.csv("first-touch"),
    )  # fmt: skip


def _log(seconds: float) -> float:
    """Where a label stands on a logarithmic axis."""
    return math.log10(seconds)


def _target_line(value: float, colour: str = "--ink-3") -> dict[str, Any]:
    line = {"color": colour, "dash": "dot", "width": 1}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line}


def _target_label(value: float) -> dict[str, Any]:
    return label(0.01, value, "target", xref="paper", yanchor="bottom", font={"size": 11})


def _touch_words(rows: pd.DataFrame, step: str) -> str:
    said = []
    for key, name, *_ in MODES:
        mine = rows[rows["mode"] == key]
        by_step = list(medians_by_step(mine).values())
        if not by_step:
            continue
        words = f"In {name} half are touched within {duration(median_of(mine))}"
        if len(by_step) > 1:
            words += f" (first {step} {duration(by_step[0])}, last {duration(by_step[-1])})"
        said.append(words)
    return ". ".join(said) + "."


def coverage_over_time(events: pd.DataFrame, to: Addresses) -> Chart | None:
    """How what came in each step found its owner, in shares."""
    rows = events[events.is_now & (events.event == "routed")]
    if not rows["count"].sum():
        return None
    starts, names = sorted(rows.start.unique()), dict(Fact.Path.choices)
    found = rows.groupby(["path", "start"])["count"].sum().to_dict()
    counts = {key: [int(found.get((key, start), 0)) for start in starts] for key in PATH_COLOURS}
    sums = [max(sum(counts[key][place] for key in counts), 1) for place in range(len(starts))]
    whole = share_of(rows)
    return Chart(
        key="coverage",
        title="How leads found their owner",
        said=f"The model or a rule chose for {of_cases(whole)}; the target is over {percent(COVERAGE_TARGET)}.",
        what=f"What came in each {to.step}, by how it came to its first owner. “In turn” and “nobody yet” are what the "
        "model could not place: a gap in coverage, a threshold, or no room.",
        data=[
            {"type": "bar", "name": str(names[key]), "x": [f"{start}" for start in starts],
             "y": [100 * counts[key][place] / sums[place] for place in range(len(starts))],
             "marker": {"color": colour}, "textposition": "none",
             "text": [f"{one:,} {names[key]}" for one in counts[key]],
             "customdata": [to.within("routed", start, path=key) for start in starts],
             "hovertemplate": "%{text}<extra></extra>"}
            for key, colour in PATH_COLOURS.items() if sum(counts[key])
        ],
        layout={
            "barmode": "stack", "xaxis": {"type": "date", "tickformat": "%-d %b"},
            "yaxis": {"range": [0, 100], "ticksuffix": " %"}, "shapes": [_target_line(100 * COVERAGE_TARGET)],
            "annotations": [_target_label(100 * COVERAGE_TARGET)],
        },
        head=(to.head, *(str(names[key]).capitalize() for key in PATH_COLOURS)),
        rows=[
            (to.words(start), *(f"{counts[key][place]:,}" for key in PATH_COLOURS))
            for place, start in enumerate(starts)
        ],
        links=[to.within("routed", start) for start in starts],
        csv=to.csv("coverage"),
    )  # fmt: skip


def overrides_over_time(events: pd.DataFrame, to: Addresses) -> Chart | None:
    """Suggestions that people changed or rejected, by week of deciding."""
    rows = events[events.is_now & (events.event == "judged")]
    whole = share_of(rows)
    if not whole.known:
        return None
    by_step = shares_by(rows, "start")
    starts, shares = list(by_step), list(by_step.values())
    return Chart(
        key="overrides",
        title="Suggestions that people changed",
        said=f"People gave {of_cases(whole)} to somebody else or rejected them; the target is below "
        f"{percent(OVERRIDE_TARGET)}.",
        what=f"Of the suggestions that a person decided in a {to.step}, those given to another rep or rejected. "
        "Reasons and how such choices turned out are on Overrides.",
        data=_with_band(starts, shares, ("", "changed", "--accent", "solid")),
        layout={
            "xaxis": {"type": "date", "tickformat": "%-d %b"},
            "yaxis": {"rangemode": "tozero", "ticksuffix": " %"},
            "shapes": [_target_line(100 * OVERRIDE_TARGET)],
            "annotations": [_target_label(100 * OVERRIDE_TARGET)],
        },
        head=(to.head, "Changed", "Decided", "Share", "95 %"),
        rows=[
            (to.words(start), f"{one.hits:,}", f"{one.known:,}", percent(one.value),
             f"{100 * (one.low or 0):.0f} to {100 * (one.high or 0):.0f}")
            for start, one in zip(starts, shares, strict=True)
        ],
        links=[to.within("judged", start) for start in starts],
        csv=to.csv("overrides"),
    )  # fmt: skip


def capacity_over_time(loads: pd.DataFrame, to: Addresses) -> Chart | None:
    """Mean load of each step, with the span of a balanced team."""
    rows = loads[loads.is_now]
    if not len(rows):
        return None
    low, high = UTILISATION_TARGET
    last = float(rows.load.iloc[-1])
    word = "below" if last < low else "above" if last > high else "within"
    return Chart(
        key="capacity",
        title="Capacity used",
        said=f"Reps carried {last:.0f}{NBSP}% of their maximum in the last {to.step}, {word} the {low:.0f} to "
        f"{high:.0f}{NBSP}% of a balanced team.",
        what="The mean over reps of what is open at the end of a day in per cent of the rep’s maximum. Days before "
        "analytics began are counted back from who owned what when, under the maximum of then.",
        data=[
            {"type": "scatter", "mode": "lines+markers", "x": [f"{one}" for one in rows.start], "y": list(rows.load),
             "line": {"color": "--accent", "width": 2}, "marker": {"color": "--accent", "size": 5},
             "hovertemplate": "%{y:.0f} %<extra></extra>"}
        ],
        layout={
            "xaxis": {"type": "date", "tickformat": "%-d %b"},
            "yaxis": {"rangemode": "tozero", "ticksuffix": " %"},
            "shapes": [{"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": low, "y1": high,
                        "fillcolor": "--accent/10", "line": {"width": 0}}],
        },
        head=(to.head, "Load"),
        rows=[(to.words(start), f"{load:.0f}{NBSP}%") for start, load in zip(rows.start, rows.load, strict=True)],
        csv=to.csv("capacity"),
    )  # fmt: skip


def workload(
    reps: Sequence[Rep], bounds: BandBounds, link: Callable[[Rep], str], to: Addresses
) -> Chart | None:
    """What each rep has open now against the own maximum, the fullest first."""
    if not reps:
        return None
    order = sorted(reps, key=lambda rep: (-rep.load_pct, rep.name))
    drawn = list(reversed(order[:REPS_DRAWN]))
    bands = [band(rep.load, rep.max_open, bounds).label for rep in order]
    over = sum(rep.load > rep.max_open for rep in order)
    balanced = sum(UTILISATION_TARGET[0] <= rep.load_pct <= UTILISATION_TARGET[1] for rep in order)
    together = 100 * sum(rep.load for rep in order) / max(sum(rep.max_open for rep in order), 1)
    full = f", {over} over it" if over else ""
    return Chart(
        key="workload",
        title="Workload balance",
        said=f"Together {together:.0f}{NBSP}% of the maximum. {balanced} of {len(order)} reps carry 60 to "
        f"80{NBSP}%{full}.",
        what="What each rep has open now in per cent of the own maximum; the line at 100 is the cap. Paler bars are "
        "near capacity, warm ones at capacity or beyond, where automation gives nothing.",
        note=f"the {len(drawn)} fullest; the file has all {len(order)}" if len(order) > len(drawn) else "now",
        data=[
            {"type": "bar", "orientation": "h", "y": [rep.name for rep in drawn], "x": [rep.load_pct for rep in drawn],
             "marker": {"color": [BAND_COLOURS[band(rep.load, rep.max_open, bounds).label] for rep in drawn]},
             "text": [f"{rep.load} of {rep.max_open}" for rep in drawn], "textposition": "none",
             "customdata": [link(rep) for rep in drawn], "hovertemplate": "%{y}: %{text}<extra></extra>"}
        ],
        layout={
            "height": max(280, 18 * len(drawn) + 60),
            "xaxis": {"rangemode": "tozero", "ticksuffix": " %"},
            "yaxis": {"type": "category"},
            "shapes": [{"type": "line", "x0": 100, "x1": 100, "y0": 0, "y1": 1, "yref": "paper",
                        "line": {"color": "--hot", "dash": "dash", "width": 1}}],
        },
        head=("Rep", "Open", "Maximum", "Load", "Band"),
        rows=[
            (rep.name, f"{rep.load}", f"{rep.max_open}", f"{rep.load_pct:.0f}{NBSP}%", word)
            for rep, word in zip(order[:REPS_LISTED], bands, strict=False)
        ],
        links=[link(rep) for rep in order[:REPS_LISTED]],
        csv=to.csv("workload"),
    )  # fmt: skip
