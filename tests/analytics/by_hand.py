"""The definition of facts in plain Python, one opportunity after the other, and of sums by counting."""

import datetime
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from analytics.models import ChosenMatch
from crm.models import Activity, Assignment, Opportunity
from reps.queries.people import organisation
from routing.models import Decision, QueueItem

FIELDS = (
    "event", "day", "opportunity_id", "assignment_id", "decision_id", "rep_id", "team_id", "territory_id", "source",
    "policy", "kind", "path", "mode", "score", "bin", "hit", "seconds", "value", "win_probability",
)  # fmt: skip
JUDGED = ("approved", "changed", "rejected")
PATHS = {
    "prediction": "model",
    "round_robin": "turn",
    "strategy": "strategy",
    "manager": "person",
    "hold": "person",
}
Row = dict[str, Any]


def facts() -> list[tuple[Any, ...]]:
    """Every fact as a tuple of FIELDS, sorted."""
    rows = [row for one in Opportunity.objects.order_by("pk") for row in _of(one)]
    return in_order([tuple(row.get(name) for name in FIELDS) for row in rows])


def in_order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def _of(opportunity: Opportunity) -> Iterator[Row]:
    assigned = [_assigned(opportunity, one) for one in _assignments(opportunity)]
    yield from assigned
    if assigned and not opportunity.is_open and opportunity.closed_at:
        yield _closed(opportunity, assigned[-1])
    yield from _judged(opportunity)
    yield from _routed(opportunity, assigned)


def _assignments(opportunity: Opportunity) -> list[Assignment]:
    return list(opportunity.assignments.order_by("assigned_at", "pk"))


def _assigned(opportunity: Opportunity, one: Assignment) -> Row:
    item = QueueItem.objects.filter(assignment=one).first()
    chosen = ChosenMatch.objects.filter(assignment_id=one.pk).first()
    decision = Decision.objects.filter(assignment=one).first()
    decision = decision or (item.decision if item else None)
    decision = decision or (Decision.objects.get(pk=chosen.decision_id) if chosen else None)
    path = _path(one, item, decision)
    seen = decision is not None and one.source != "import" and decision.outcome != "shadow"
    matched: Any = decision if seen and decision is not None and decision.rep_id == one.rep_id else chosen
    touched = _touched(opportunity, one)
    known = True if touched else None if one.source == "import" else False
    by_hand = path in ("import", "person")
    return {
        **_about(opportunity, decision, one.assigned_at),
        "event": "assigned",
        "assignment_id": one.pk,
        "rep_id": one.rep_id,
        "path": path,
        "mode": "hand" if by_hand else "batch" if item and item.is_of_batch else "real_time",
        **_matched(matched),
        "hit": known,
        "seconds": None if touched is None else round((touched - one.assigned_at).total_seconds()),
    }


def _path(one: Assignment, item: QueueItem | None, decision: Decision | None) -> str:
    if one.source == "import":
        return "import"
    if decision is None or decision.outcome == "shadow":
        return "person"
    if one.source == "person" and (item is None or item.state != "approved"):
        return "person"
    return PATHS.get(decision.via, "rule")


def _touched(opportunity: Opportunity, one: Assignment) -> datetime.datetime | None:
    is_last = _assignments(opportunity)[-1] == one
    if is_last and opportunity.owner_id == one.rep_id:
        return opportunity.first_touch_at
    found = Activity.objects.filter(opportunity=opportunity, rep=one.rep_id, happened_at__gte=one.assigned_at)
    if one.ended_at is not None:
        found = found.filter(happened_at__lte=one.ended_at)
    return min((activity.happened_at for activity in found), default=None)


def _about(opportunity: Opportunity, decision: Decision | None, at: datetime.datetime) -> Row:
    value = opportunity.value_base
    return {
        "day": day_of(at),
        "opportunity_id": opportunity.pk,
        "decision_id": decision.pk if decision else None,
        "territory_id": _territory(decision),
        "source": opportunity.source,
        "policy": decision.policy_name if decision else "",
        "kind": opportunity.kind,
        "value": None if value is None else float(value),
    }


def day_of(at: datetime.datetime) -> datetime.date:
    return at.astimezone(ZoneInfo(organisation().time_zone)).date()


def _territory(decision: Decision | None) -> int | None:
    steps = decision.trace["steps"] if decision else []
    return next((step["found"].get("territory") for step in steps if step["name"] == "territory"), None)


def _matched(found: Any) -> Row:
    score = found.score if found else None
    return {
        "score": score,
        "bin": None if score is None else min(math.floor(score / 10), 9),
        "win_probability": found.win_probability if found else None,
    }


def _closed(opportunity: Opportunity, last: Row) -> Row:
    assert opportunity.closed_at is not None
    begun = Assignment.objects.get(pk=last["assignment_id"]).assigned_at
    return last | {
        "event": "closed",
        "day": day_of(opportunity.closed_at),
        "hit": {"won": True, "lost": False}.get(opportunity.stage),
        "seconds": round((opportunity.closed_at - begun).total_seconds()),
    }


def _judged(opportunity: Opportunity) -> Iterator[Row]:
    items = list(QueueItem.objects.filter(opportunity=opportunity, kind="suggestion").order_by("pk"))
    for item in items:
        is_last = not any(other.pk > item.pk and other.decision_id == item.decision_id for other in items)
        if item.state not in JUDGED or not is_last or item.resolved_at is None:
            continue
        yield {
            **_about(opportunity, item.decision, item.resolved_at),
            **_matched(item.decision),
            "event": "judged",
            "assignment_id": item.assignment_id,
            "rep_id": item.rep_id,
            "path": PATHS.get(item.decision.via, "rule"),
            "mode": "batch" if item.is_of_batch else "real_time",
            "score": item.score,
            "bin": min(math.floor(item.score / 10), 9),
            "hit": item.state != "approved",
            "seconds": round((item.resolved_at - item.created_at).total_seconds()),
        }


def _routed(opportunity: Opportunity, assigned: list[Row]) -> Iterator[Row]:
    if assigned:
        first = assigned[0]
        if first["path"] == "import":
            return
        decision = Decision.objects.filter(pk=first["decision_id"]).first()
        by_model = first["path"] == "model" or (decision is not None and decision.via == "rule")
        by_other = first["path"] in ("person", "turn")
        hit = False if by_other else True if by_model else None
        yield first | {"event": "routed", "day": day_of(opportunity.accepted_at), "hit": hit, "seconds": None}
        return
    decision = Decision.objects.filter(opportunity=opportunity).order_by("-pk").first()
    if decision is not None and decision.outcome in ("hold", "manager"):
        yield {
            **_about(opportunity, decision, opportunity.accepted_at),
            "event": "routed",
            "team_id": decision.team_id,
            "path": "nobody",
            "mode": "hand",
            "hit": False,
        }


def three_digits(seconds: int) -> int:
    """Half away from zero, as SQL rounds."""
    if seconds < 1000:
        return seconds
    unit = 10 ** (len(str(seconds)) - 3)
    return (2 * seconds + unit) // (2 * unit) * unit


def dated_by_month(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same rows as if each were of the first day of its month."""
    place = FIELDS.index("day")
    return [(*row[:place], row[place].replace(day=1), *row[place + 1 :]) for row in rows]


def day_sums(rows: list[tuple[Any, ...]], key: str) -> list[tuple[Any, ...]]:
    """(day, key, event, kind, path, mode, bin) with count, known, hits, scored; key "" for all."""
    place = {name: FIELDS.index(name) for name in FIELDS}
    counted: Counter[tuple[Any, ...]] = Counter()
    known: Counter[tuple[Any, ...]] = Counter()
    hits: Counter[tuple[Any, ...]] = Counter()
    scored: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        one = {name: row[at] for name, at in place.items()}
        cell = (
            one["day"],
            one[key] if key else "",
            *(one[name] for name in ("event", "kind", "path", "mode", "bin")),
        )
        counted[cell] += 1
        known[cell] += one["hit"] is not None
        hits[cell] += one["hit"] is True
        scored[cell] += one["score"] is not None
    return in_order([(*cell, counted[cell], known[cell], hits[cell], scored[cell]) for cell in counted])
