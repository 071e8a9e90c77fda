"""The weekly report: how the last whole week went against the one before and its targets, and what alarms say."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from django.urls import reverse

from analytics.engine.changes import Median, change, median_with_bounds
from analytics.engine.shares import Z95, Share
from analytics.engine.weekly_lift import together
from analytics.models import Alarm
from analytics.queries import frames
from analytics.queries.alarms import open_alarms, said_of
from analytics.queries.experiment_lift import experiment_lift
from analytics.queries.filters import Filters
from analytics.queries.metrics import (
    COVERAGE_TARGET,
    OVERRIDE_TARGET,
    TOUCH_TARGETS,
    UTILISATION_TARGET,
    share_of,
)
from analytics.queries.report_lines import FINE, INFO, TO_DO, Content, Line
from analytics.queries.weekly_figures import DAY, Durations, Span, lift_weeks, touch_durations, weeks_until
from analytics.queries.words import duration, more_or_less, of_cases, percent, points
from reps.models import User
from routing.queries import model_beliefs
from routing.queries.model_page import rep_names
from routing.queries.models import champion_version

LIFT_WEEKS = 12
FALL_THROUGH_TARGET = 1 - COVERAGE_TARGET


@dataclass(frozen=True)
class Week:
    """The frames of a week and of the one before, and how long first touches took in both."""

    first: datetime.date
    last: datetime.date
    events: pd.DataFrame
    touches: Durations
    loads: pd.DataFrame

    @property
    def address(self) -> str:
        return f"{reverse('analytics_routing')}?from={self.first}&to={self.last}"

    def share(self, event: str, *, is_now: bool) -> Share:
        rows = self.events[(self.events.event == event) & (self.events.is_now == is_now)]
        return share_of(rows)


def weekly_report(user: User, today: datetime.date) -> Content:
    """Of the last whole week before `today`; a fixed number of queries."""
    week = _week(today)
    span = weeks_until(today)
    alarms = list(open_alarms())
    lines = [
        _lift(span),
        _share_line(week, "judged", "overrides", "Override rate", OVERRIDE_TARGET, lambda share: share),
        _share_line(week, "routed", "fall_through", "Fall-through rate", FALL_THROUGH_TARGET, _others),
        _touch(week, "real_time", "First touch in real time"),
        _touch(week, "batch", "First touch in batches"),
        _capacity(week),
        *(_alarm(alarm) for alarm in alarms),
        *_drift(user),
    ]
    return Content(_said(week, lines, len(alarms)), lines, {"alarms": len(alarms)})


def _week(today: datetime.date) -> Week:
    last = weeks_until(today).end - DAY
    filters, two = Filters(first=last - 6 * DAY, last=last), weeks_until(today, weeks=2)
    return Week(
        filters.first, last, frames.counted(filters), touch_durations(two), frames.utilisation(filters)
    )


def _said(week: Week, lines: list[Line], alarms: int) -> str:
    beyond = [
        line.title.lower() for line in lines if line.state == TO_DO and not line.key.startswith("alarm")
    ]
    dates = f"{week.first:%-d %b} to {week.last:%-d %b}"
    parts = [f"{alarms} alarm{'' if alarms == 1 else 's'} on"] if alarms else []
    parts.append(
        f"beyond target: {', '.join(beyond)}" if beyond else "nothing beyond its target by more than chance"
    )
    return f"The week {dates}, {'; '.join(parts)}."


# --- lift ----------------------------------------------------------------------------------------------------------


def _lift(span: Span) -> Line:
    """Of an experiment or hold-out where there is one, else like compared with like."""
    chart = experiment_lift()
    if chart is not None:
        before = f" A look before: {chart.rows[-2][1]} ({chart.rows[-2][2]})." if len(chart.rows) > 1 else ""
        return Line("lift", "Lift, measured", f"{chart.said} {chart.note.capitalize()}.{before}",
                    reverse("analytics_routing"), "Open it", INFO)  # fmt: skip
    weeks = lift_weeks(span)
    ends = span.weeks
    now = together([one for one in weeks if one.place >= ends - LIFT_WEEKS])
    before_ = together([one for one in weeks if ends - LIFT_WEEKS - 1 <= one.place < ends - 1])
    if now is None:
        return Line("lift", "Lift", "Too few closed of both what the model routed and what people assigned to say.",
                    reverse("analytics_routing"), "Open it", INFO)  # fmt: skip
    value, error = now
    text = (
        f"Over the last {LIFT_WEEKS} weeks, like with like, the model’s win "
        f"{more_or_less(value, value - Z95 * error, value + Z95 * error)} than people’s."
    )
    if before_ is not None:
        text += f" A week before it was {points(before_[0])}."
    text += " This is an adjusted comparison, not an experiment."
    return Line("lift", "Lift, adjusted", text, reverse("analytics_routing"), "Open it", INFO)


# --- shares, medians, loads ------------------------------------------------------------------------------------------


def _others(share: Share) -> Share:
    return Share(share.known - share.hits, share.known)


def _share_line(
    week: Week, event: str, key: str, title: str, target: float, turned: Callable[[Share], Share]
) -> Line:
    """A share that should be below its target."""
    now, before = (turned(week.share(event, is_now=is_now)) for is_now in (True, False))
    if now.value is None or now.low is None or now.high is None:
        return Line(key, title, "Nothing to count in this week.", week.address, "Open it", INFO)
    found = change(now, before)
    compared = (
        "There is nothing in the week before."
        if found is None
        else _changed(found.value, found.could_be_chance)
    )
    if now.low > target:
        state, held = TO_DO, f"Clearly over its target of {percent(target)}."
    elif now.high < target:
        state, held = FINE, f"Within its target of {percent(target)}."
    else:
        state, held = INFO, f"Whether it meets its target of {percent(target)} cannot be told from so few."
    return Line(key, title, f"{of_cases(now)}. {held} {compared}", week.address, "Open it", state)


def _changed(by: float, could_be_chance: bool) -> str:
    chance = ", which could be chance" if could_be_chance else ""
    return f"{points(by)} against the week before{chance}."


def _touch(week: Week, mode: str, title: str) -> Line:
    target = TOUCH_TARGETS[mode]
    now, before = (_median(week.touches.get((mode, day), [])) for day in (week.first, week.first - 7 * DAY))
    key = f"touch_{mode}"
    if now is None:
        return Line(key, title, "Nobody touched anything of this week’s.", week.address, "Open it", INFO)
    text = (
        f"Median {duration(now.value)} of {now.cases:,} ({duration(now.low)} to {duration(now.high)}), "
        f"target under {duration(target)}.".replace(".0", "")
    )
    if before is not None:
        apart = now.low > before.high or now.high < before.low
        text += (
            f" {duration(before.value)} the week before{'' if apart else '; the difference could be chance'}."
        )
    state = TO_DO if now.low > target else FINE if now.high < target else INFO
    return Line(key, title, text, week.address, "Open it", state)


def _median(rows: list[tuple[int, int]]) -> Median | None:
    return median_with_bounds([seconds for seconds, _ in rows], [number for _, number in rows])


def _capacity(week: Week) -> Line:
    loads, url = week.loads, reverse("analytics_load")
    now, before = (loads[loads.is_now == is_now].load for is_now in (True, False))
    if not len(now):
        return Line("capacity", "Capacity used", "No load was kept in this week.", url, "Open it", INFO)
    low, high = UTILISATION_TARGET
    value = float(now.mean())
    meant = f"between {low:.0f} and {percent(high / 100)} is meant"
    text = f"{percent(value / 100)} of all maximums at the end of each day; {meant}."
    if len(before):
        by = points((value - float(before.mean())) / 100)
        text += f" {by} against the week before; all reps are counted, so there is no chance in it."
    return Line("capacity", "Capacity used", text, url, "Open it", FINE if low <= value <= high else TO_DO)


# --- alarms and drift ------------------------------------------------------------------------------------------------


def _alarm(alarm: Alarm) -> Line:
    url, action = reverse("analytics_alarms"), "What could be behind it"
    return Line(f"alarm_{alarm.kind}", f"Alarm: {alarm}", said_of(alarm), url, action, TO_DO)


def _drift(user: User) -> list[Line]:
    found = model_beliefs.drift(champion_version().report, rep_names(user))
    if found is None:
        return []
    title, url = "The model against the one before", reverse("analytics_model")
    return [Line("drift", title, found.sentence, url, "Open it", INFO)]
