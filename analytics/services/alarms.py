"""Alarms begin and end with what the weeks that are over say: looked at hourly, told once each."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.urls import reverse

from analytics.engine import alarms as engine
from analytics.engine.shares import Share
from analytics.models import Alarm, Fact, Mark, ReadUpTo
from analytics.queries.candidates import candidates
from analytics.queries.metrics import COVERAGE_TARGET, OVERRIDE_TARGET
from analytics.queries.weekly_figures import Span, forecast_weeks, lift_weeks, share_weeks, weeks_until
from analytics.queries.words import more_or_less, of_cases, percent, points
from reps.models import User
from reps.permissions import may
from routing.services import outbox

NAME = "alarms"
BEHIND = 1000  # changes still to be counted: figures of then would be wrong
Kind = Alarm.Kind
TOPICS = {
    Kind.LIFT_TURNED: "alarm.lift",
    Kind.LIFT_PLATEAU: "alarm.lift",
    Kind.CALIBRATION: "alarm.drift",
    Kind.OVERRIDES: "alarm.target",
    Kind.COVERAGE: "alarm.target",
}
WITH_CANDIDATES = (Kind.LIFT_TURNED, Kind.LIFT_PLATEAU)


@dataclass(frozen=True)
class Cause:
    """What gives the alarm: in a sentence, and in numbers."""

    said: str
    figures: Mapping[str, Any]


@transaction.atomic
def check_alarms(*, at: datetime.datetime, today: datetime.date) -> list[str]:
    """Begins, keeps and ends them; returns the kinds that began. A second worker waits for the first one's commit and
    finds what it did."""
    if Mark.objects.all()[:BEHIND].count() == BEHIND:
        return []
    ReadUpTo.objects.get_or_create(name=NAME)
    ReadUpTo.objects.select_for_update().get(name=NAME)
    span = weeks_until(today)
    is_open = {alarm.kind: alarm for alarm in Alarm.objects.filter(ended_at__isnull=True)}
    begun: list[str] = []
    for kind, look in LOOKS.items():
        cause, alarm = look(span, kind in is_open), is_open.get(kind)
        if cause is None and alarm is not None:
            alarm.ended_at = at
            alarm.save(update_fields=["ended_at"])
        elif cause is not None and alarm is not None:
            _keep(alarm, cause, span)
        elif cause is not None and not _goes_on(kind, cause, span):
            _begin(kind, cause, span, at, today)
            begun.append(str(kind))
    return begun


def _begin(kind: Kind, cause: Cause, span: Span, at: datetime.datetime, today: datetime.date) -> None:
    found = candidates(at, today) if kind in WITH_CANDIDATES else []
    alarm = Alarm.objects.create(
        kind=kind, began_at=at, evidence={**_evidence(cause, span), "candidates": found}
    )
    speaking = [one for one in found if one["speaks"]]
    named = f" It could be: {'; '.join(one['title'].lower() for one in speaking)}." if speaking else ""
    body = "\n\n".join(f"{one['title']}: {one['text']}" for one in found)
    payload = {
        "text": f"{alarm}: {cause.said}{named}",
        "body": body,
        "path": reverse("analytics_alarms"),
        "alarm_id": alarm.pk,
    }
    outbox.tell(TOPICS[kind], payload, at=at)


def _keep(alarm: Alarm, cause: Cause, span: Span) -> None:
    """A new week has new numbers; the candidates stay those that it began with."""
    evidence = {**alarm.evidence, **_evidence(cause, span)}
    if evidence != alarm.evidence:
        alarm.evidence = evidence
        alarm.save(update_fields=["evidence"])


def _goes_on(kind: Kind, cause: Cause, span: Span) -> bool:
    """One that ended in this very week, because figures were counted anew, goes on and is not told again."""
    last = Alarm.objects.filter(kind=kind, ended_at__isnull=False).order_by("-began_at", "-pk").first()
    if last is None or last.evidence.get("until") != f"{span.end}":
        return False
    last.ended_at = None
    last.save(update_fields=["ended_at"])
    _keep(last, cause, span)
    return True


def _evidence(cause: Cause, span: Span) -> dict[str, Any]:
    return {"said": cause.said, "figures": dict(cause.figures), "until": f"{span.end}"}


@transaction.atomic
def acknowledge(*, alarm_id: int, by: User, at: datetime.datetime) -> bool:
    """Somebody has seen it. The first one counts; returns whether it is this one. Raises PermissionError."""
    if not may(by, "answer_alarms"):
        raise PermissionError
    alarm = Alarm.objects.select_for_update().get(pk=alarm_id)
    if alarm.acknowledged_at is not None:
        return False
    alarm.acknowledged_by, alarm.acknowledged_at = by, at
    alarm.save(update_fields=["acknowledged_by", "acknowledged_at"])
    return True


# --- what each looks at ----------------------------------------------------------------------------------------------


def _turned(span: Span, _: bool) -> Cause | None:
    weeks = lift_weeks(span)
    found = engine.turned([one.week for one in weeks])
    if found is None:
        return None
    since = span.mondays[weeks[found.since].place]
    reach = engine.Z95 * found.now_error
    said = (
        f"Since the week of {since:%-d %b %Y} the model’s win "
        f"{more_or_less(found.now, found.now - reach, found.now + reach)} than people’s, like with like; "
        f"before it was {points(found.before)}."
    )
    return Cause(said, {"since": f"{since}", "before": found.before, "now": found.now})


def _plateau(span: Span, _: bool) -> Cause | None:
    found = engine.plateau([one.week for one in lift_weeks(span)])
    if found is None:
        return None
    said = (
        f"The lift grew by {points(found.before)} a week; in the last {engine.RECENT} weeks by {points(found.now)}, "
        f"which is no growth that can be told from chance."
    )
    return Cause(said, {"before": found.before, "now": found.now})


def _calibration(span: Span, _: bool) -> Cause | None:
    weeks = forecast_weeks(span)
    found = engine.off([week.z for week in weeks])
    if found is None:
        return None
    since, part = span.mondays[weeks[found].place], weeks[found:]
    won, expected, cases = (
        sum(week.won for week in part), sum(week.expected for week in part), sum(week.cases for week in part)
    )  # fmt: skip
    word = "fewer" if won < expected else "more"
    said = (
        f"Since the week of {since:%-d %b %Y} {won:,} of {cases:,} closed deals were won, {word} than the "
        f"{expected:,.0f} that were forecast."
    )
    return Cause(said, {"since": f"{since}", "won": won, "expected": expected, "cases": cases})


def _overrides(span: Span, is_open: bool) -> Cause | None:
    weeks = share_weeks(span, Fact.Event.JUDGED)
    if not engine.beyond(weeks, OVERRIDE_TARGET, above=True, is_open=is_open):
        return None
    target = percent(OVERRIDE_TARGET)
    said = f"In the last two weeks people overrode {_both(weeks)} suggestions; the target is below {target}."
    return Cause(said, {"weeks": [week.value for week in weeks[-2:]]})


def _coverage(span: Span, is_open: bool) -> Cause | None:
    weeks = share_weeks(span, Fact.Event.ROUTED)
    if not engine.beyond(weeks, COVERAGE_TARGET, above=False, is_open=is_open):
        return None
    chose, target = _both(weeks), percent(COVERAGE_TARGET)
    said = f"In the last two weeks the model or a rule chose for {chose} that came in; the target is over {target}."
    return Cause(said, {"weeks": [week.value for week in weeks[-2:]]})


def _both(weeks: list[Share]) -> str:
    return of_cases(weeks[-2] + weeks[-1])


LOOKS: Mapping[Kind, Callable[[Span, bool], Cause | None]] = {
    Kind.LIFT_TURNED: _turned,
    Kind.LIFT_PLATEAU: _plateau,
    Kind.CALIBRATION: _calibration,
    Kind.OVERRIDES: _overrides,
    Kind.COVERAGE: _coverage,
}
