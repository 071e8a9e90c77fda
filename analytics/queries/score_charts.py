"""Charts of match scores: how sure the router is, whether higher scores win more, and for whom."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analytics.engine.shares import Share, adjusted_difference, trend
from analytics.queries.addresses import Addresses
from analytics.queries.metrics import HIGH_FROM, LOW_BELOW, shares_by
from analytics.queries.words import more_or_less, of_cases, percent
from reps.charts import Chart, label

TENS = range(10)
REPS_DRAWN = 25
ENOUGH_OF_A_REP = 5
REPS_LISTED = 50  # the file has all
TIERS = (("high", HIGH_FROM, 9), ("middle", LOW_BELOW, HIGH_FROM - 1), ("low", 0, LOW_BELOW - 1))


def tens_words(place: int) -> str:
    return "90 to 100" if place == 9 else f"{10 * place} to {10 * place + 9}"


def score_histogram(events: pd.DataFrame, to: Addresses) -> Chart | None:
    """How many assignments had which match score."""
    rows = events[events.is_now & (events.event == "assigned") & events.bin.notna()]
    by_bin = rows.groupby("bin")["count"].sum().to_dict()
    counts = [int(by_bin.get(place, 0)) for place in TENS]
    total = sum(counts)
    if not total:
        return None
    links = [to.behind("assigned", bins=place) for place in TENS]
    high = sum(counts[HIGH_FROM:]) / total
    colours = ["--accent" if place >= HIGH_FROM else "--accent/45" for place in TENS]
    said = (
        f"{percent(high)} of {total:,} scored assignments were high matches (70 or more), "
        f"{percent(sum(counts[:LOW_BELOW]) / total)} low ones (below 50)."
    )
    return Chart(
        key="scores",
        title="How sure the model is",
        said=said,
        what="The match score of each assignment of the period, whoever made it. 50 is as good as the average rep for "
        "that lead; where reps are hard to tell apart, or rules leave few of them, scores stay near 50.",
        data=[
            {"type": "bar", "x": [10 * place + 5 for place in TENS], "y": counts, "width": [9.2] * len(TENS),
             "marker": {"color": colours}, "customdata": links,
             "hovertemplate": "%{y:,} assignments<extra></extra>"}
        ],
        layout={
            "xaxis": _scores(),
            "yaxis": {"title": {"text": "assignments"}},
            "shapes": [{"type": "line", "x0": 70, "x1": 70, "y0": 0, "y1": 1, "yref": "paper",
                        "line": {"color": "--ink-3", "dash": "dot", "width": 1}}],
            "annotations": [label(70, 1, f"high match: {percent(high)}", yref="paper", xshift=4, yanchor="top")],
        },
        head=("Match score", "Assignments", "Of all"),
        rows=[(tens_words(n), f"{counts[n]:,}", percent(counts[n] / total)) for n in TENS],
        links=links,
        csv=to.csv("scores"),
    )  # fmt: skip


def wins_by_score(events: pd.DataFrame, to: Addresses) -> Chart | None:
    """Won of closed by tens of the match score that the owner had."""
    rows = events[events.is_now & (events.event == "closed") & events.bin.notna()]
    known = {int(place): share for place, share in shares_by(rows, "bin").items() if share.known}
    if not known:
        return None
    links = [to.behind("closed", bins=place) for place in known]
    return Chart(
        key="wins-by-score",
        title="Win rate by match score",
        said=_rising_words(known),
        what="Won of what was won or lost in the period, by the match score of its last assignment. The bars hold the "
        "true share 19 times of 20; a rising line says that the score finds true affinities.",
        data=[
            {"type": "scatter", "mode": "lines+markers", "x": [10 * place + 5 for place in known],
             "y": [100 * (share.value or 0) for share in known.values()],
             "error_y": _bars(list(known.values())), "line": {"color": "--accent", "width": 2},
             "marker": {"color": "--accent", "size": 7}, "customdata": links,
             "hovertemplate": "%{y:.0f} % won<extra></extra>"}
        ],
        layout={
            "xaxis": _scores(),
            "yaxis": {"rangemode": "tozero", "ticksuffix": " %", "title": {"text": "won"}},
        },
        head=("Match score", "Won", "Closed", "Win rate", "95 %"),
        rows=[
            (tens_words(place), f"{share.hits:,}", f"{share.known:,}", percent(share.value), _interval(share))
            for place, share in known.items()
        ],
        links=links,
        csv=to.csv("wins-by-score"),
    )  # fmt: skip


def _scores() -> dict[str, Any]:
    return {"range": [0, 100], "tickvals": [20 * n for n in range(6)], "title": {"text": "match score"}}


def _rising_words(known: Mapping[int, Share]) -> str:
    high = sum((share for place, share in known.items() if place >= HIGH_FROM), Share(0, 0))
    low = sum((share for place, share in known.items() if place < LOW_BELOW), Share(0, 0))
    found = trend([(float(place), share) for place, share in known.items()])
    rises = None if found is None else found.rises
    verdict = {
        True: "Higher scores win more, beyond chance.",
        False: "Higher scores win less, beyond chance: look at the model and at what changed.",
        None: "Whether higher scores win more cannot be told from so many yet.",
    }[rises]
    return f"{verdict} High matches won {of_cases(high)}, low ones {of_cases(low)}."


def _bars(shares: Sequence[Share]) -> dict[str, Any]:
    """Error bars of shares, in per cent."""
    return {
        "type": "data", "symmetric": False, "thickness": 1, "width": 3, "color": "--ink-3",
        "array": [100 * ((one.high or 0) - (one.value or 0)) for one in shares],
        "arrayminus": [100 * ((one.value or 0) - (one.low or 0)) for one in shares],
    }  # fmt: skip


def _interval(share: Share) -> str:
    return (
        "–" if share.low is None or share.high is None else f"{100 * share.low:.0f} to {100 * share.high:.0f}"
    )


def rep_tiers(closed: pd.DataFrame, names: Mapping[int, str], to: Addresses) -> Chart | None:
    """Each rep's win rate where the match was high, and where it was low."""
    scored = closed[closed.bin.notna()]
    tiers = {key: _by_rep(scored[(scored.bin >= first) & (scored.bin <= last)]) for key, first, last in TIERS}
    nothing = Share(0, 0)
    order = sorted({*tiers["high"], *tiers["low"]}, key=lambda rep: -_closed(tiers, rep))
    if not order:
        return None
    drawn, listed = list(reversed(order[:REPS_DRAWN])), order[:REPS_LISTED]
    data = [
        _dots(name, [tiers[key].get(rep, nothing) for rep in drawn], [names.get(rep, "–") for rep in drawn],
              [to.behind("closed", rep=rep, bins=bins) for rep in drawn], colour, symbol)
        for key, name, bins, colour, symbol in (
            ("low", "low match", f"0-{LOW_BELOW - 1}", "--ink-3", "circle-open"),
            ("high", "high match", f"{HIGH_FROM}-9", "--accent", "circle"),
        )
    ]  # fmt: skip
    return Chart(
        key="rep-tiers",
        title="Reps by match tier",
        said=_tier_words(tiers, order),
        what="The same rep’s win rate on leads that fitted (70 or more) and on leads that did not (below 50). Filled "
        "dots right of hollow ones say that the model knows what suits whom, and not merely who is good.",
        note=f"the {len(drawn)} with most closed; the file has all {len(order)}"
        if len(order) > len(drawn)
        else "",
        data=data,
        layout={
            "height": max(280, 22 * len(drawn) + 70),
            "xaxis": {"range": [0, 100], "ticksuffix": " %", "title": {"text": "won"}},
            "yaxis": {"type": "category"},
        },
        head=("Rep", "High match", "Middle", "Low match"),
        rows=[
            (names.get(rep, "–"), *(of_cases(tiers[key].get(rep, nothing)) for key, *_ in TIERS))
            for rep in listed
        ],
        links=[to.behind("closed", rep=rep) for rep in listed],
        csv=to.csv("rep-tiers"),
    )


def _dots(
    name: str, shares: Sequence[Share], reps: Sequence[str], links: Sequence[str], colour: str, symbol: str
) -> dict[str, Any]:
    bars = _bars(shares)
    return {
        "type": "scatter", "mode": "markers", "name": name, "y": list(reps), "customdata": list(links),
        "x": [None if one.value is None else 100 * one.value for one in shares],
        "error_x": bars | {"color": f"{colour}/45"}, "marker": {"color": colour, "size": 9, "symbol": symbol},
        "text": [of_cases(one) for one in shares], "hovertemplate": f"{name}: %{{text}}<extra></extra>",
    }  # fmt: skip


def _by_rep(rows: pd.DataFrame) -> dict[int, Share]:
    return {int(rep): share for rep, share in shares_by(rows, "rep").items() if share.known}


def _closed(tiers: Mapping[str, Mapping[int, Share]], rep: int) -> int:
    return sum(shares[rep].known for shares in tiers.values() if rep in shares)


def _tier_words(tiers: Mapping[str, Mapping[int, Share]], reps: Sequence[int]) -> str:
    nothing = Share(0, 0)
    pairs = [(tiers["high"].get(rep, nothing), tiers["low"].get(rep, nothing)) for rep in reps]
    enough = [(a, b) for a, b in pairs if min(a.known, b.known) >= ENOUGH_OF_A_REP]
    better = sum((a.value or 0) > (b.value or 0) for a, b in enough)
    found = adjusted_difference(pairs)
    if found is None:
        have = f"{len(enough)} have {ENOUGH_OF_A_REP} of each"
        return f"Too few reps have closed both high and low matches to compare them ({have})."
    return (
        f"Rep by rep, high matches won {more_or_less(found.value, found.low, found.high)} than low ones. "
        f"Of {len(enough)} reps with {ENOUGH_OF_A_REP} of each, {better} won more where they fitted."
    )
