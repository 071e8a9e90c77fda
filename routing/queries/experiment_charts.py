"""The two charts of an experiment: its looks against the boundaries, and what was won, or touched, by when."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from experiments.models import Experiment, Look
from reps.charts import Chart, label
from reps.engine.money import NBSP

TABLE_ROWS = 12
ARMS = (("treatment", "treatment", "--accent", "solid"), ("control", "control", "--ink-3", "dash"))
ALL_Z = 8.0  # the boundary of the first looks; beyond it nothing is drawn


def boundary_chart(experiment: Experiment, looks: Sequence[Look]) -> Chart | None:
    """z of each look and both boundaries by share of the planned information."""
    told = [look for look in looks if look.bound is not None and look.se]
    if not told:
        return None
    x = [round(100 * (look.fraction or 0), 2) for look in told]
    z = [round((look.estimate or 0) / (look.se or 1), 3) for look in told]
    bound = [round(look.bound or 0, 3) for look in told]
    line = {"color": "--hot", "width": 1.5, "dash": "dash"}
    edges = [
        {"type": "scatter", "mode": "lines", "x": x, "y": [side * one for one in bound], "line": line,
         "hoverinfo": "skip"}
        for side in (1, -1)
    ]  # fmt: skip
    points = {
        "type": "scatter", "mode": "lines+markers", "x": x, "y": z, "line": {"color": "--accent", "width": 2},
        "marker": {"color": "--accent", "size": 6},
        "hovertemplate": "%{y:.2f} standard errors at %{x:.0f} % of the information<extra></extra>",
    }  # fmt: skip
    return Chart(
        key="boundary",
        title="Looks and boundaries",
        said=_boundary_words(x, z, bound),
        what="Each night’s look is a point; outside the dashed boundaries a difference is shown, inside it is not. The "
        "boundaries are far out at first, so that looking every day errs no more often than looking once.",
        data=[*edges, points],
        head=("Day", "Information", "Standard errors", "Needed"),
        rows=[
            (f"{look.day:%-d %b %Y}", f"{one:.0f}{NBSP}%", f"{value:+.2f}".replace("-", "−"), f"{edge:.2f}")
            for look, one, value, edge in zip(told, x, z, bound, strict=True)
        ],
        layout=_boundary_layout(z, bound[-1]),
        csv=reverse("experiment_looks_csv", args=[experiment.pk]),
    )


def _boundary_words(x: Sequence[float], z: Sequence[float], bound: Sequence[float]) -> str:
    outside = next((i for i in range(len(z)) if abs(z[i]) >= bound[i]), None)
    side = "above" if z[-1] >= 0 else "below"
    return (
        f"At {x[-1]:.0f}{NBSP}% of the planned information the difference is {abs(z[-1]):.1f} standard errors {side} "
        f"nil, and {bound[-1]:.1f} are needed there. "
        + ("No look has crossed a boundary." if outside is None else f"Look {outside + 1} crossed one.")
    )


def _boundary_layout(z: Sequence[float], last: float) -> dict[str, Any]:
    top = min(ALL_Z, max(3.0, *(abs(value) for value in z), last) + 1)
    font, edge = {"size": 11, "color": "--hot"}, min(last, top)
    return {
        "xaxis": {
            "range": [0, 102],
            "ticksuffix": " %",
            "title": {"text": "share of the planned information"},
        },
        "yaxis": {"range": [-top, top], "title": {"text": "standard errors from nil"}},
        "annotations": [
            label(100, edge, "treatment better", xanchor="right", yanchor="bottom", font=font),
            label(100, -edge, "treatment worse", xanchor="right", yanchor="top", font=font),
        ],
    }


def incidence_chart(experiment: Experiment, found: Mapping[str, Any]) -> Chart | None:
    """Of both arms; None until both can be drawn."""
    curves = found.get("curves", {})
    if not all("days" in curves.get(key, {}) for key, *_ in ARMS):
        return None
    is_touch = experiment.metric == Experiment.Metric.FIRST_TOUCH
    scale, unit, done = (24.0, "hours", "touched") if is_touch else (1.0, "days", "won")
    reach = 4 * experiment.touch_minutes / 60 if is_touch else 1.25 * experiment.horizon_days
    limit = experiment.touch_minutes / 60 if is_touch else float(experiment.horizon_days)
    ends = {key: at(curves[key], limit / scale) for key, *_ in ARMS}
    said = (
        f"Of treatment’s leads {_pct(ends['treatment'])} were {done} within {limit:g} {unit}, of control’s "
        f"{_pct(ends['control'])}. The bands hold the truth 19 times of 20 at one moment, not at all together."
    )
    return Chart(
        key="incidence",
        title="Touched by when" if is_touch else "Won by when",
        said=said,
        what="The share that was already "
        f"{done} so long after the lead was routed; what was lost stays in the count, and what is still open counts as "
        "far as it is known.",
        data=[trace for arm in ARMS for trace in _arm(curves[arm[0]], arm, scale)],
        head=(unit.capitalize(), "Treatment", "Control"),
        rows=[
            (f"{one:g}", _pct(at(curves["treatment"], one / scale)), _pct(at(curves["control"], one / scale)))
            for one in _steps(limit)
        ],
        layout=_incidence_layout(curves, limit, reach, ends, (unit, done)),
        csv=reverse("experiment_curves_csv", args=[experiment.pk]),
    )


def _incidence_layout(
    curves: Mapping[str, Any],
    limit: float,
    reach: float,
    ends: Mapping[str, float | None],
    words: tuple[str, str],
) -> dict[str, Any]:
    unit, done = words
    top = min(100.0, 115 * max(max(curves[key]["share"]) for key, *_ in ARMS) + 2)
    return {
        "xaxis": {"range": [0, reach], "title": {"text": f"{unit} after routing"}},
        "yaxis": {"range": [0, top], "ticksuffix": " %", "title": {"text": done}},
        "shapes": [{"type": "line", "x0": limit, "x1": limit, "y0": 0, "y1": 1, "yref": "paper",
                    "line": {"color": "--ink-3", "dash": "dot", "width": 1}}],
        "annotations": [
            label(limit, 100 * (ends[key] or 0), name, font={"size": 11, "color": colour}, xshift=4,
                  yanchor="bottom" if (ends[key] or 0) >= (ends[other] or 0) else "top")
            for (key, name, colour, _), other in zip(ARMS, ("control", "treatment"), strict=True)
        ],
    }  # fmt: skip


def _arm(curve: Mapping[str, Any], arm: tuple[str, str, str, str], scale: float) -> list[dict[str, Any]]:
    _, name, colour, dash = arm
    days = [round(scale * day, 3) for day in curve["days"]]
    low, high, share = ([None if y is None else 100 * y for y in curve[k]] for k in ("low", "high", "share"))
    known = [i for i in range(len(days)) if low[i] is not None and high[i] is not None]
    band = {"type": "scatter", "mode": "lines", "hoverinfo": "skip",
            "line": {"width": 0, "shape": "hv", "color": f"{colour}/10"}}  # fmt: skip
    return [
        {**band, "x": [days[i] for i in known], "y": [low[i] for i in known]},
        {**band, "x": [days[i] for i in known], "y": [high[i] for i in known], "fill": "tonexty",
         "fillcolor": f"{colour}/10"},
        {"type": "scatter", "mode": "lines", "x": days, "y": share,
         "line": {"color": colour, "width": 2, "shape": "hv", "dash": dash},
         "hovertemplate": f"%{{y:.1f}} % of {name} after %{{x:.1f}}<extra></extra>"},
    ]  # fmt: skip


def at(curve: Mapping[str, Any], day: float) -> float | None:
    """The share by that day: the last step before."""
    before = [share for then, share in zip(curve["days"], curve["share"], strict=True) if then <= day]
    return before[-1] if before else 0.0


def _steps(limit: float) -> list[float]:
    return [round(limit * n / TABLE_ROWS, 1) for n in range(1, TABLE_ROWS + 1)]


def _pct(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}{NBSP}%"
