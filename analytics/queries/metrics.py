"""The six key metrics, each with its target, its change against the period before, and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analytics.engine.shares import Share, trend
from analytics.queries.words import duration, percent, points
from reps.engine.money import NBSP

GOOD, WARN, BAD, NONE = "good", "warn", "bad", ""
HIGH_FROM, LOW_BELOW = 7, 5  # tens of the score: a high match, a low match
QUALITY_TARGET = 70.0
TOUCH_TARGETS = {"real_time": 5 * 60, "batch": 4 * 3600}
UTILISATION_TARGET = (60.0, 80.0)
OVERRIDE_TARGET, COVERAGE_TARGET = 0.15, 0.85


@dataclass(frozen=True)
class Metric:
    """A tile: `value` and `target` in words with the target's `tone`, `change` against the period before, `cases` it
    rests on, `what` it is in two sentences, `points` for its small picture, by step (None where one has nothing)."""

    key: str
    label: str
    value: str
    target: str
    tone: str
    change: str
    cases: str
    what: str
    points: Sequence[float | None] = ()

    @property
    def line(self) -> str:
        """The points as a line in a box of 100 by 24."""
        known = [(place, value) for place, value in enumerate(self.points) if value is not None]
        if len(known) < 2:
            return ""
        low, high = min(value for _, value in known), max(value for _, value in known)
        span, width = (high - low) or 1.0, max(len(self.points) - 1, 1)
        return " ".join(
            f"{100 * place / width:.1f},{22 - 20 * (value - low) / span:.1f}" for place, value in known
        )


def key_metrics(events: pd.DataFrame, touches: pd.DataFrame, loads: pd.DataFrame) -> list[Metric]:
    """From the frames of `analytics.queries.frames`, of this period and the one before."""
    return [
        _quality(events),
        _first_touch(touches, events, "real_time"),
        _first_touch(touches, events, "batch"),
        _wins_by_score(events),
        _utilisation(loads),
        _overrides(events),
        _coverage(events),
    ]


# --- each --------------------------------------------------------------------------------------------------------


def _quality(events: pd.DataFrame) -> Metric:
    rows = _of(events, "assigned")
    now, before = (_mean(part) for part in _halves(rows))
    scored = int(rows[rows.is_now].scored.sum())
    return Metric(
        key="quality",
        label="Assignment quality",
        value="–" if now is None else f"{now:.0f}",
        target=f"over {QUALITY_TARGET:.0f}",
        tone=_tone(now, now is not None and now > QUALITY_TARGET),
        change=_changed(now, before, lambda by: f"{by:+.1f}".replace("-", "−")),
        cases=f"{scored:,} scored assignments",
        what="The mean match score of assignments, whoever made them; a person’s choice is scored as the router saw it "
        "at that moment. 50 is an average rep for the lead, and with reps who are hard to tell apart it stays near 50.",
        points=_by_step(rows, _mean),
    )


def _first_touch(touches: pd.DataFrame, events: pd.DataFrame, mode: str) -> Metric:
    rows, target = touches[touches["mode"] == mode], TOUCH_TARGETS[mode]
    now, before = (median_of(part) for part in _halves(rows))
    assigned = _of(events, "assigned")
    share = share_of(assigned[assigned.is_now & (assigned["mode"] == mode)])
    name = "real time" if mode == "real_time" else "batch"
    return Metric(
        key=f"touch_{mode}",
        label=f"First touch, {name}",
        value=duration(now),
        target=f"under {duration(target).replace('.0', '')}",
        tone=_tone(now, now is not None and now < target),
        change=_changed(now, before, _duration_change),
        cases=f"{share.hits:,} touched, {share.known - share.hits:,} not yet",
        what="The median time on the clock from the assignment to its owner’s first call, email or meeting, nights and "
        "weekends among it. What was never touched is not in the median; it is told beside it.",
        points=list(medians_by_step(_halves(rows)[0]).values()),
    )


def _wins_by_score(events: pd.DataFrame) -> Metric:
    rows = _of(events, "closed")
    rows = rows[rows.bin.notna()]
    now = rows[rows.is_now]
    high, low = share_of(now[now.bin >= HIGH_FROM]), share_of(now[now.bin < LOW_BELOW])
    found = trend([(float(place), share) for place, share in shares_by(now, "bin").items()])
    rises = None if found is None else found.rises
    says = {True: "rises with the score", False: "falls with the score", None: "cannot be told yet"}[rises]
    return Metric(
        key="wins",
        label="Won, high match",
        value=percent(high.value),
        target=says,
        tone={True: GOOD, False: BAD, None: NONE}[rises],
        change=f"low match {percent(low.value)}",
        cases=f"{high.known:,} high, {low.known:,} low closed",
        what="Won of what was won or lost in the period, where the match score was 70 or more; beside it where it was "
        "below 50. Higher scores should win more: the test is Cochran and Armitage’s, at 5\N{NO-BREAK SPACE}%.",
        points=_shares_by_step(rows[rows.bin >= HIGH_FROM]),
    )


def _utilisation(loads: pd.DataFrame) -> Metric:
    now, before = (_plain_mean(part.load) for part in _halves(loads))
    low, high = UTILISATION_TARGET
    return Metric(
        key="utilisation",
        label="Capacity used",
        value="–" if now is None else f"{now:.0f}{NBSP}%",
        target=f"{low:.0f} to {high:.0f}{NBSP}%",
        tone=_tone(now, now is not None and low <= now <= high),
        change=_changed(now, before, lambda by: points(by / 100)),
        cases="at the end of each day",
        what="The mean over reps of what is open in per cent of the rep’s maximum, at the end of each day. Below "
        "60\N{NO-BREAK SPACE}% there is room, above 80\N{NO-BREAK SPACE}% answers get slow.",
        points=[_plain_mean(part.load) for _, part in loads[loads.is_now].groupby("start")],
    )


def _overrides(events: pd.DataFrame) -> Metric:
    rows = _of(events, "judged")
    now, before = (share_of(part) for part in _halves(rows))
    return Metric(
        key="overrides",
        label="Overrides",
        value=percent(now.value),
        target=f"below {OVERRIDE_TARGET:.0%}".replace("%", f"{NBSP}%"),
        tone=_tone(now.value, now.value is not None and now.value < OVERRIDE_TARGET),
        change=_changed(now.value, before.value, points),
        cases=f"{now.hits:,} of {now.known:,} suggestions",
        what="Suggestions that a person gave to somebody else or rejected, of those that a person decided. "
        "What was undone counts as it ended.",
        points=_shares_by_step(rows),
    )


def _coverage(events: pd.DataFrame) -> Metric:
    rows = _of(events, "routed")
    now, before = (share_of(part) for part in _halves(rows))
    return Metric(
        key="coverage",
        label="Routed by the model",
        value=percent(now.value),
        target=f"over {COVERAGE_TARGET:.0%}".replace("%", f"{NBSP}%"),
        tone=_tone(now.value, now.value is not None and now.value > COVERAGE_TARGET),
        change=_changed(now.value, before.value, points),
        cases=f"{now.hits:,} of {now.known:,} to be chosen",
        what="Of what came in and was to be chosen for: the share whose first owner the model or a rule chose, not the "
        "turn, a manager or nobody. What an account, a repeat, a lock or an experiment decided is left out.",
        points=_shares_by_step(rows),
    )


# --- from frames -------------------------------------------------------------------------------------------------


def _of(events: pd.DataFrame, event: str) -> pd.DataFrame:
    return events[events.event == event]


def _halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """This period, and the one before."""
    return rows[rows.is_now], rows[~rows.is_now]


def share_of(rows: pd.DataFrame) -> Share:
    return Share(int(rows.hits.sum()), int(rows.known.sum()))


def shares_by(rows: pd.DataFrame, key: str | list[str]) -> dict[Any, Share]:
    """The share of each group, all in one pass: a frame may have hundreds of groups."""
    sums = rows.groupby(key)[["hits", "known"]].sum()
    return {
        place: Share(int(hits), int(known))
        for place, hits, known in zip(sums.index, sums.hits.to_numpy(), sums.known.to_numpy(), strict=True)
    }


def _mean(rows: pd.DataFrame) -> float | None:
    scored, total = float(rows.scored.to_numpy().sum()), float(rows.score_sum.to_numpy().sum())
    return total / scored if scored else None


def median_of(rows: pd.DataFrame) -> float | None:
    """Of the whole period, of rows of one mode and one of the two periods."""
    whole = rows[rows.start.isna()]
    return float(whole["median"].iloc[0]) if len(whole) else None


def medians_by_step(rows: pd.DataFrame) -> dict[Any, float]:
    """Of each step, the first first."""
    steps = rows[rows.start.notna()]
    return dict(zip(steps.start, steps["median"], strict=True))


def _plain_mean(values: Any) -> float | None:
    return float(values.mean()) if len(values) else None


def _shares_by_step(rows: pd.DataFrame) -> list[float | None]:
    return [share.value for share in shares_by(_halves(rows)[0], "start").values()]


def _by_step(rows: pd.DataFrame, figure: Any) -> list[float | None]:
    return [figure(part) for _, part in _halves(rows)[0].groupby("start")]


def _tone(value: float | None, is_met: bool) -> str:
    return NONE if value is None else GOOD if is_met else WARN


def _changed(now: float | None, before: float | None, words: Any) -> str:
    """Against the period before; "" where there is nothing to compare."""
    return "" if now is None or before is None else words(now - before)


def _duration_change(by: float) -> str:
    sign = "+" if by > 0 else "−" if by < 0 else "±"
    return f"{sign}{duration(abs(by))}"
