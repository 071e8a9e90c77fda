"""How good a model's predictions are, in sentences: from the report that its training made, out of fold throughout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reps.charts import Chart, label
from routing.queries.model_words import counted, number, points, share

BAND = 5  # points of match score in one bar of the histogram


@dataclass(frozen=True)
class Measure:
    """A measure: its sentence, the number with its interval, and what it is in two sentences. `tone` of the number."""

    name: str
    sentence: str
    value: str
    interval: str
    what: str
    tone: str = ""


WHAT = {
    "log_loss": (
        "How surprised the model is by what happened: 0 would be perfect foresight, and being sure and "
        "wrong costs most. "
        "The base rate is what one would have who gives every deal the same chance."
    ),
    "reps": (
        "The same loss of a model that knows everything about the lead but not who had it. What is won "
        "over it is all "
        "that routing can use."
    ),
    "auc": (
        "In how many of 100 pairs of a won and a lost deal the won one was given the better chance. 50 is "
        "a coin toss."
    ),
    "concordance": (
        "Among pairs of a won and a lost deal whose leads were equally promising: how often the won one "
        "had the rep who "
        "fitted better. 50 in 100 is chance, and it needs no experiment, since it compares like with like."
    ),
    "calibration_error": (
        "How far the stated chances lie from what was won, on average over ten groups of deals. Chance "
        "alone makes it "
        "more than 0."
    ),
    "slope": (
        "Whether the chances are spread as widely as the outcomes: 1 is right, below 1 the model is too "
        "sure of itself, "
        "above 1 too careful. A new model decides only within 0.8 and 1.25."
    ),
    "calibration": (
        "Deals are sorted by the chance the model gave them and cut into ten groups; each dot compares the "
        "stated with "
        "the actual share of wins. On the dashed line both are the same; the bars are 95 % intervals."
    ),
    "scores": (
        "How the match scores of recent leads are spread: of every rep who could have had them, and of the "
        "best rep for "
        "each. 50 is as good as the average rep; a model that knows little keeps all scores near 50."
    ),
}


def measures(quality: Mapping[str, Any]) -> list[Measure]:
    """All measures of a report's "quality"; one that could not be computed says why."""
    losses = quality["log_loss"]
    return [
        _against_base(losses, quality["better_than_base"]),
        _against_no_reps(losses, quality["better_than_without_reps"]),
        _auc(quality["auc"]),
        _concordance(quality["concordance"]),
        _calibration_error(quality["calibration_error"]),
        _slope(quality["calibration"]),
    ]


def _better(difference: Mapping[str, float]) -> tuple[str, str]:
    """Whether an improvement is one, beyond its interval: word and tone."""
    if difference["low"] > 0:
        return "better", "good"
    return ("worse", "bad") if difference["high"] < 0 else ("unclear", "warn")


def _apart_by(difference: Mapping[str, float], word: str) -> str:
    sign = -1 if word == "worse" else 1
    low, high = sorted((sign * difference["low"], sign * difference["high"]))
    return f"{word} by {number(sign * difference['mean'])}; 95 %: {number(low)} to {number(high)}"


def _against_base(losses: Mapping[str, float], difference: Mapping[str, float]) -> Measure:
    word, tone = _better(difference)
    said = {
        "better": "It predicts better than the base rate",
        "worse": "It predicts worse than the base rate",
        "unclear": "Whether it predicts better than the base rate cannot be told yet",
    }[word]
    pair = f"a log loss of {number(losses['model'])} against {number(losses['base_rate'])}, lower is better"
    interval = _apart_by(difference, "worse" if word == "worse" else "better")
    return Measure("Log loss", f"{said}: {pair}.", number(losses["model"]), interval, WHAT["log_loss"], tone)


def _against_no_reps(losses: Mapping[str, float], difference: Mapping[str, float]) -> Measure:
    word, tone = _better(difference)
    said = {
        "better": "Knowing the rep makes it better",
        "worse": "Knowing the rep makes it worse",
        "unclear": "Whether knowing the rep helps cannot be told yet",
    }[word]
    pair = (
        f"{number(losses['model'])} against {number(losses['without_reps'])} of the same model without reps"
    )
    interval = _apart_by(difference, "worse" if word == "worse" else "better")
    value = number(losses["without_reps"])
    return Measure("Log loss without reps", f"{said}: {pair}.", value, interval, WHAT["reps"], tone)


def _untold(name: str, found: Mapping[str, Any], what: str) -> Measure:
    return Measure(name, f"Cannot be told: {found['unavailable']}.", "–", "", what)


def _interval(found: Mapping[str, float]) -> str:
    return f"95 %: {round(100 * found['low'])} to {round(100 * found['high'])}"


def _auc(found: Mapping[str, Any]) -> Measure:
    if "unavailable" in found:
        return _untold("AUC", found, WHAT["auc"])
    hits = round(100 * found["value"])
    tone = "good" if found["low"] > 0.5 else "warn"
    sentence = f"It tells won from lost deals in {hits} of 100 pairs; a coin would in 50."
    return Measure("AUC", sentence, f"{hits} of 100", _interval(found), WHAT["auc"], tone)


def _concordance(found: Mapping[str, Any]) -> Measure:
    if "unavailable" in found:
        return _untold("Concordance", found, WHAT["concordance"])
    hits = round(100 * found["value"])
    sure = found["low"] > 0.5
    sentence = (
        "Of two equally promising leads, one won and one lost, the won one had the better-fitting rep in "
        f"{hits} of 100 "
        f"cases{'' if sure else ', which chance could do as well'}."
    )
    tone = "good" if sure else "warn"
    return Measure("Concordance", sentence, f"{hits} of 100", _interval(found), WHAT["concordance"], tone)


def _calibration_error(error: float) -> Measure:
    sentence = f"A chance that it states is off by {points(error)} points on average."
    tone = "good" if error <= 0.05 else "warn"
    return Measure(
        "Calibration error", sentence, f"{points(error)} points", "", WHAT["calibration_error"], tone
    )


def _slope(found: Mapping[str, Any]) -> Measure:
    if "unavailable" in found:
        return _untold("Calibration slope", found, WHAT["slope"])
    slope, error = found["slope"], found["slope_error"]
    if abs(slope - 1) <= 2 * error:
        said = "Its chances are spread as widely as the outcomes are"
    elif slope < 1:
        said = "It is too sure of itself: outcomes differ less than its chances"
    else:
        said = "It is too careful: outcomes differ more than its chances"
    interval = f"95 %: {number(slope - 1.96 * error, 2)} to {number(slope + 1.96 * error, 2)}"
    return Measure("Calibration slope", f"{said}.", number(slope, 2), interval, WHAT["slope"])


# --- charts ---------------------------------------------------------------------------------------------------------


def calibration_chart(bins: list[Mapping[str, float]]) -> Chart | None:
    """Stated against actual share of wins."""
    if not bins:
        return None
    first, last = bins[0], bins[-1]
    said = (
        f"Of the deals that were given a chance of about {share(first['predicted'])}, "
        f"{share(first['observed'])} were won; "
        f"of those with about {share(last['predicted'])}, {share(last['observed'])}."
    )
    stated = [round(100 * one["predicted"], 1) for one in bins]
    won = [round(100 * one["observed"], 1) for one in bins]
    up = [round(100 * (one["high"] - one["observed"]), 1) for one in bins]
    down = [round(100 * (one["observed"] - one["low"]), 1) for one in bins]
    top = min(100, 10 * (int(max(*stated, *(w + u for w, u in zip(won, up, strict=True)))) // 10 + 1))
    error = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": "--accent/50",
             "thickness": 1.5, "width": 0}  # fmt: skip
    axis = {"range": [0, top], "ticksuffix": " %"}
    return Chart(
        key="calibration",
        title="Stated and actual chances",
        said=said,
        what=WHAT["calibration"],
        data=[
            {"type": "scatter", "mode": "lines", "x": [0, top], "y": [0, top], "hoverinfo": "skip",
             "line": {"color": "--ink-3", "dash": "dot", "width": 1}},
            {"type": "scatter", "mode": "lines+markers", "x": stated, "y": won, "error_y": error,
             "customdata": [one["count"] for one in bins],
             "hovertemplate": "stated %{x:.0f} %, won %{y:.0f} %<br>%{customdata:,} deals<extra></extra>",
             "line": {"color": "--accent", "width": 2}, "marker": {"color": "--accent", "size": 7}},
        ],
        head=("Stated chance", "Won", "95 % interval", "Deals"),
        rows=[
            (share(one["predicted"]), share(one["observed"]), f"{share(one['low'])} to {share(one['high'])}",
             f"{int(one['count']):,}")
            for one in bins
        ],
        layout={
            "xaxis": {**axis, "title": {"text": "chance stated by the model"}},
            "yaxis": {**axis, "title": {"text": "won"}},
            "annotations": [
                label(top * 0.07, 0, "dashed: won as stated", yanchor="bottom", font={"color": "--ink-3", "size": 11})
            ],
        },
    )  # fmt: skip


def score_chart(scores: Mapping[str, Any]) -> Chart | None:
    """The spread of match scores, of all candidates and of the best."""
    if not scores.get("leads"):
        return None
    middles = [BAND * i + BAND / 2 for i in range(len(scores["all"]))]
    every, best = _shares(scores["all"]), _shares(scores["best"])
    said = (
        f"For {counted(scores['leads'], 'recent lead')} and {counted(scores['reps'], 'rep')}, nine in ten "
        "match scores lie "
        f"between {scores['p5']:.0f} and {scores['p95']:.0f}; the best rep for a lead scores "
        f"{scores['best_mean']:.0f} on "
        "average. 50 is as good as the average rep who could have it."
    )
    return Chart(
        key="scores",
        title="Match scores of recent leads",
        said=said,
        what=WHAT["scores"],
        data=[
            _bars(middles, every, "--ink-3/45", "all candidates"),
            _bars(middles, best, "--accent/80", "the best for each lead"),
        ],
        head=("Match score", "All candidates", "Best for each lead"),
        rows=[
            (f"{BAND * i} to {BAND * (i + 1)}", f"{a:.1f} %", f"{b:.1f} %")
            for i, (a, b) in enumerate(zip(every, best, strict=True))
            if a or b
        ],
        layout={
            "barmode": "overlay",
            "bargap": 0.08,
            "xaxis": {"range": [0, 100], "dtick": 10, "title": {"text": "match score"}},
            "yaxis": {"ticksuffix": " %", "title": {"text": "share of each"}, "range": [0, 1.18 * max(*every, *best)]},
            "annotations": [
                _above(middles, every, "all candidates", "--ink-2"),
                _above(middles, best, "best for each lead", "--accent"),
            ],
            "shapes": [{"type": "line", "x0": 50, "x1": 50, "y0": 0, "y1": 1, "yref": "paper",
                        "line": {"color": "--ink-3", "dash": "dot", "width": 1}}],
        },
    )  # fmt: skip


def _shares(counts: list[int]) -> list[float]:
    total = max(sum(counts), 1)
    return [round(100 * count / total, 2) for count in counts]


def _bars(x: list[float], y: list[float], colour: str, name: str) -> dict[str, Any]:
    return {"type": "bar", "x": x, "y": y, "marker": {"color": colour},
            "hovertemplate": f"%{{y:.1f}} % of {name}<extra></extra>"}  # fmt: skip


def _above(x: list[float], y: list[float], text: str, colour: str) -> dict[str, Any]:
    """A label over the highest bar, kept inside the picture of a phone."""
    place = max(range(len(y)), key=lambda i: y[i])
    font = {"color": colour, "size": 11}
    anchor = "left" if x[place] < 25 else "center" if x[place] > 50 and x[place] < 75 else "right"
    return label(x[place], y[place], text, xanchor=anchor, yanchor="bottom", font=font)
