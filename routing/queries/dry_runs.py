"""What a dry-run plays, read from the database, and its result as plain data and as the page tells it."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from crm.models import Opportunity
from reps.models import Job, Rep
from reps.services.jobs import is_stopped
from routing.engine.dry_run import Arrival, DryRun, Owned, WorldTotals
from routing.models import Decision
from routing.queries.deals import facts_then

KIND = "dry_run"
LISTED = 20
MOST_ARRIVALS = 20_000
SHOWN_PAIRS = 30


@dataclass(frozen=True)
class Period:
    """What came in from a day to a day, both inclusive."""

    first: datetime.datetime
    last: datetime.datetime


def count_arrivals(period: Period) -> int:
    return _in(period).count()


def load_arrivals(period: Period) -> list[Arrival]:
    """What came in during the period, the newest MOST_ARRIVALS at most; one query."""
    records = _in(period).select_related("account", "product").order_by("-opened_at", "-pk")[:MOST_ARRIVALS]
    return [Arrival(facts_then(record), record.opened_at, record.closed_at) for record in records]


def _in(period: Period) -> QuerySet[Opportunity]:
    return Opportunity.objects.filter(
        opened_at__gte=period.first, opened_at__lte=period.last, dates_known=True, is_locked=False
    )


def load_owned(period: Period) -> list[Owned]:
    """What was open and owned when the period began; one query."""
    open_then = Opportunity.objects.filter(
        Q(closed_at__isnull=True) | Q(closed_at__gt=period.first),
        opened_at__lt=period.first,
        owner__isnull=False,
    )
    rows = open_then.values_list("owner_id", "value_base", "closed_at")
    return [Owned(owner, float(value or 0), closed) for owner, value, closed in rows]


def as_json(found: DryRun) -> dict[str, Any]:
    """The result as it is kept in the job."""
    return {
        "arrivals": found.arrivals,
        "moved": found.moved,
        "moves": [[m.opportunity_id, m.from_rep, m.to_rep, m.from_via, m.to_via] for m in found.moves],
        "pairs": [[one, other, count] for (one, other), count in found.pairs.items()][:SHOWN_PAIRS],
        "before": _totals(found.before),
        "after": _totals(found.after),
    }


def _totals(totals: WorldTotals) -> dict[str, Any]:
    return {
        "by_rep": {str(rep): count for rep, count in totals.by_rep.items()},
        "peak_pct": {str(rep): pct for rep, pct in totals.peak_pct.items()},
        "by_via": totals.by_via,
        "held": totals.held,
        "past_maximum": totals.past_maximum,
        "past_maximum_of": {str(rep): count for rep, count in totals.past_maximum_of.items()},
        "past_week": totals.past_week,
        "past_week_of": {str(rep): count for rep, count in totals.past_week_of.items()},
        "expected_wins": totals.expected_wins,
        "expected_wins_low": totals.expected_wins_low,
    }


# --- as the page tells it -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RepLine:
    """One rep: assignments and peak load under both configurations."""

    name: str
    before: int
    after: int
    peak_before: float
    peak_after: float

    @property
    def change(self) -> int:
        return self.after - self.before

    @property
    def is_past_maximum(self) -> bool:
        return self.peak_after > 100 and self.peak_after > self.peak_before


@dataclass(frozen=True)
class MoveLine:
    """An opportunity that would go elsewhere."""

    opportunity_id: int
    name: str
    from_name: str
    to_name: str
    from_via: str
    to_via: str


@dataclass(frozen=True)
class DryRunPage:
    """`said` in sentences; `reps` those whose share changes, the largest change first."""

    said: tuple[str, ...]
    pairs: tuple[tuple[str, str, int], ...]
    reps: tuple[RepLine, ...]
    moves: tuple[MoveLine, ...]


@dataclass(frozen=True)
class ListedDryRun:
    """A dry-run of the list with its state in a word."""

    job: Job
    word: str
    tone: str
    said: str


def newest_dry_runs(now: datetime.datetime) -> list[ListedDryRun]:
    jobs = Job.objects.filter(kind=KIND).select_related("requested_by")[:LISTED]
    return [_listed(job, now) for job in jobs]


def _listed(job: Job, now: datetime.datetime) -> ListedDryRun:
    if is_stopped(job, at=now):
        return ListedDryRun(job, "stopped", "bad", "Its worker stopped; start it again.")
    word, tone = {
        Job.State.DONE: ("done", "good"),
        Job.State.FAILED: ("failed", "bad"),
        Job.State.CANCELLED: ("cancelled", "warn"),
        Job.State.RUNNING: ("under way", "accent"),
        Job.State.QUEUED: ("waiting", ""),
    }[Job.State(job.state)]
    said = _moved(job.result) if job.state == Job.State.DONE else job.error
    return ListedDryRun(job, word, tone, said)


def dry_run_page(job: Job) -> DryRunPage | None:
    """None until it is done."""
    found = job.result
    if job.state != Job.State.DONE or "before" not in found:
        return None
    names = _names(found)
    records = {one.pk: one for one in Opportunity.objects.filter(pk__in=[row[0] for row in found["moves"]])}
    return DryRunPage(
        said=tuple(_said(found)),
        pairs=tuple((who(one, names), who(other, names), count) for one, other, count in found["pairs"]),
        reps=tuple(_rep_lines(found, names)),
        moves=move_lines(found["moves"], {pk: one.name for pk, one in records.items()}, names),
    )


def _names(found: Mapping[str, Any]) -> dict[int, str]:
    ids = {
        int(rep)
        for world in ("before", "after")
        for rep in (*found[world]["by_rep"], *found[world]["peak_pct"])
    }
    return dict(Rep.objects.filter(pk__in=ids).values_list("pk", "name"))


def move_lines(
    moves: Sequence[Sequence[Any]], seen: Mapping[int, str], names: Mapping[int, str]
) -> tuple[MoveLine, ...]:
    """Of (opportunity, rep and way before, and after) those that are `seen`, by their names."""
    return tuple(
        MoveLine(id_, seen[id_], who(one, names), who(other, names), _via(via), _via(now))
        for id_, one, other, via, now in moves
        if id_ in seen
    )


def who(rep_id: int | None, names: Mapping[int, str]) -> str:
    """A rep's name, as moves are told."""
    return "nobody" if rep_id is None else names.get(rep_id, "somebody who has left")


def _via(via: str) -> str:
    return str(dict(Decision.Via.choices).get(via, via))


def _moved(found: Mapping[str, Any]) -> str:
    total, moved = found["arrivals"], found["moved"]
    if not moved:
        return f"None of {total:,} opportunities would go elsewhere."
    return f"{moved:,} of {total:,} opportunities ({100 * moved / max(total, 1):.0f} %) would go elsewhere."


def _said(found: Mapping[str, Any]) -> list[str]:
    before, after = found["before"], found["after"]
    said = [_moved(found)]
    said.append(f"Nobody would get {after['held']:,} (now {before['held']:,}).")
    if after["past_maximum"] or before["past_maximum"]:
        said.append(
            f"{after['past_maximum']:,} would take somebody past the maximum, as named accounts may "
            f"(now {before['past_maximum']:,})."
        )
    if after["expected_wins"] is not None:
        low = after["expected_wins_low"] - before["expected_wins_low"]
        high = after["expected_wins"] - before["expected_wins"]
        low, high = min(low, high), max(low, high)
        said.append(f"Expected wins change by {low:+.1f} to {high:+.1f}, by the model's estimate.")
    return said


def _rep_lines(found: Mapping[str, Any], names: Mapping[int, str]) -> list[RepLine]:
    before, after = found["before"], found["after"]
    lines = [
        RepLine(
            name,
            before["by_rep"].get(str(rep), 0),
            after["by_rep"].get(str(rep), 0),
            before["peak_pct"].get(str(rep), 0.0),
            after["peak_pct"].get(str(rep), 0.0),
        )
        for rep, name in names.items()
    ]
    changed = [line for line in lines if line.change or line.is_past_maximum]
    return sorted(changed, key=lambda line: (-abs(line.change), line.name))
