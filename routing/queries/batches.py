"""Batches as their pages show them: what waits, what is to be looked over, and what it is worth."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet

from reps.engine.capacity import BandBounds, band
from reps.engine.money import money
from reps.models import Rep, User
from reps.queries import organisation
from reps.queries.people import SEES_EVERYBODY, reps_visible_to
from routing.engine.batch.plan import WhyNot
from routing.models import Batch, BatchItem, BatchWait, Policy, QueueItem
from routing.queries.batch_totals import Totals
from routing.queries.configuration import compiled, live_version
from routing.queries.queue import led_by

NEWEST = 20  # past batches on the list
ABOUT = 0.005
FULLEST = 40  # reps in the comparison of loads
SHOWN = {
    "": ("All", Q()),
    "waiting": ("To be confirmed", Q(queue_item__state="pending", queue_item__kind="suggestion")),
    "nobody": ("Nobody has room", Q(rep__isnull=True, edit="")),
    "edited": ("Changed by people", ~Q(edit="")),
    "conflicts": ("Conflicts", ~Q(conflict="")),
    "otherwise": ("Otherwise one by one", ~Q(rep=F("alone_rep")) & Q(rep__isnull=False)),
}


# --- the list -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PolicyWaits:
    """What waits for the batch of a policy; when its next run is, and the one that is being planned."""

    name: str
    count: int
    due_at: datetime.datetime | None
    planning: Batch | None


def policies_waiting() -> list[PolicyWaits]:
    """Of every policy that decides in batches, or that something waits for; three queries."""
    found = BatchWait.objects.order_by().values("policy_name").annotate(n=Count("pk"), due=Min("due_at"))
    counts = {row["policy_name"]: (row["n"], row["due"]) for row in found}
    planning = {one.policy_name: one for one in Batch.objects.filter(state=Batch.State.PLANNING)}
    names = [one.name for one in compiled(live_version().pk).policies if one.batch is not None]
    return [
        PolicyWaits(name, *counts.get(name, (0, None)), planning.get(name))
        for name in [*names, *sorted(counts.keys() - set(names))]
    ]


def newest_batches(state: str | None = None) -> list[Batch]:
    """Those to be looked over, or the newest of the past; with how many of theirs wait."""
    waiting = Q(items__queue_item__state=QueueItem.State.PENDING, items__queue_item__kind="suggestion")
    batches = Batch.objects.select_related("requested_by").annotate(
        size=Count("items"), waiting=Count("items", filter=waiting)
    )
    batches = batches.order_by("-requested_at", "-pk")
    if state is not None:
        return list(batches.filter(state=state))
    past = Batch.objects.filter(state__in=(Batch.State.CLOSED, Batch.State.CANCELLED, Batch.State.FAILED))
    newest = list(past.order_by("-requested_at", "-pk").values_list("pk", flat=True)[:NEWEST])
    return list(batches.filter(pk__in=newest))


# --- one batch ------------------------------------------------------------------------------------------------------


def items_visible_to(user: User, batch: Batch) -> QuerySet[BatchItem]:
    """All for ops, analysts and admins; for a manager what goes to the own teams' reps or waits for these teams."""
    if user.role in SEES_EVERYBODY:
        return batch.items.all()
    if user.role != User.Role.MANAGER:
        return batch.items.none()
    teams, reps = led_by(user)
    ours = Q(rep__in=reps) | Q(queue_item__rep__in=reps)
    return batch.items.filter(ours | Q(rep__isnull=True, queue_item__team__in=teams))


def may_plan_anew(user: User, batch: Batch) -> bool:
    """Planning anew may change every item that nobody keeps: for who sees all of them."""
    return items_visible_to(user, batch).count() == batch.items.count()


def items_shown(items: QuerySet[BatchItem], shown: str, rep_id: int | None) -> QuerySet[BatchItem]:
    found = items.filter(SHOWN.get(shown, SHOWN[""])[1])
    return found if rep_id is None else found.filter(rep=rep_id)


def with_item_records(items: QuerySet[BatchItem]) -> QuerySet[BatchItem]:
    return items.select_related(
        "opportunity",
        "rep",
        "alone_rep",
        "edited_by",
        "queue_item__resolved_by",
        "queue_item__assignment__rep",
    )


@dataclass(frozen=True)
class Way:
    """A way of deciding: what it is expected to win, and how far the batch is ahead of it, in words."""

    label: str
    what: str
    wins: float
    value: float
    ahead: str


def ways(totals: Totals, objective: str) -> list[Way]:
    """Other ways of deciding the same opportunities. A batch that maximises value may win fewer, dearer ones."""
    found = (
        (
            "One by one",
            "as real-time routing would have, in order of arrival",
            totals.alone_wins,
            totals.alone_value,
        ),
        ("Best pair first", "the best match of all, then the next", totals.pair_wins, totals.pair_value),
        ("In turn", "round-robin among those who may have it", totals.turn_wins, totals.turn_value),
    )
    return [
        Way(label, what, wins, value, _ahead(totals, wins, value, objective))
        for label, what, wins, value in found
    ]


def _ahead(totals: Totals, wins: float, value: float, objective: str) -> str:
    if objective == Policy.Objective.VALUE:
        more, base = totals.value - value, value
        said = money(round(abs(more)), organisation().base_currency)
    else:
        more, base = totals.wins - wins, wins
        said = f"{abs(more):.1f} wins"
    if base > 0 and abs(more) / base < ABOUT:
        return "about the same: there is room for everybody’s best"
    share = f" ({100 * more / base:+.0f} %)" if base > 0 else ""
    return f"{said} {'more' if more >= 0 else 'less'}{share}"


@dataclass(frozen=True)
class LoadLine:
    """A rep's open and proposed before the batch and with it."""

    rep: Rep
    before: int
    after: int
    max_open: int
    band: str


def loads(batch: Batch, user: User) -> list[LoadLine]:
    """Of those who get something, the fullest first; two queries."""
    rows = {row["rep"]: row for row in batch.found.get("loads", ()) if row["planned"]}
    reps = reps_visible_to(user).filter(pk__in=rows).select_related("role_template")
    bounds = compiled(batch.configuration_id).capacity.bounds if batch.configuration_id else BandBounds()
    lines = [_line(rep, rows[rep.pk], bounds) for rep in reps]
    return sorted(lines, key=lambda one: (-one.after / max(one.max_open, 1), one.rep.name))[:FULLEST]


def _line(rep: Rep, row: Mapping[str, Any], bounds: BandBounds) -> LoadLine:
    after = row["before"] + row["planned"]
    return LoadLine(rep, row["before"], after, row["max"], band(after, row["max"], bounds).label)


def left_out(items: QuerySet[BatchItem]) -> list[tuple[str, int]]:
    """Why those have nobody that have nobody, the most frequent first."""
    found = items.filter(rep__isnull=True, edit="").order_by().values_list("why_not").annotate(n=Count("pk"))
    return sorted(((WhyNot(code).label, count) for code, count in found), key=lambda one: (-one[1], one[0]))


def prices(batch: Batch, user: User) -> list[str]:
    """What one more slot is worth, of reps whom the user may see; each was checked by planning with it."""
    names = dict(reps_visible_to(user).values_list("pk", "name"))
    return [
        f"One more slot for {names[row['rep']]} in this batch: {_amount(row['checked'], batch)}"
        for row in batch.found.get("slots", ())
        if row["rep"] in names and row["checked"] > 0
    ]


def walls(batch: Batch) -> list[str]:
    """What the walls cost, the dearest first."""
    if batch.configuration_id is None:
        return []
    territories = compiled(batch.configuration_id).by_id
    said = []
    for row in batch.found.get("walls", ()):
        kind, _, name = row["name"].partition(":")
        what = f"the language {name}"
        if kind == "territory":
            found = territories.get(int(name)) if name.isdigit() else None
            what = f"the territory {found.name}" if found else "a territory that is gone"
        gain = row["at_most"] if row["adds"] is None else row["adds"]
        if gain > 0:
            least = "at most " if row["adds"] is None else ""
            said.append(f"Without {what} this batch would be worth {least}{_amount(gain, batch)} more")
    return said


def _amount(gain: float, batch: Batch) -> str:
    if batch.objective == Policy.Objective.VALUE:
        return money(round(gain), organisation().base_currency)
    unit = "wins" if batch.objective == Policy.Objective.WINS else "match (1 is a certain one)"
    return f"{gain:.2f} {unit}"


def proof(batch: Batch) -> str:
    """How good the plan is, proven."""
    found = batch.found
    if not found:
        return ""
    if found["gap"] == 0 and found["verified"]:
        return f"Proven: no other assignment of these to these {found['reps']} reps within their limits is worth more."
    if found["gap"] is not None and found["verified"]:
        share = 100 * found["gap"]
        return f"With caps on pipeline value nobody can be sure of the best: none is worth over {share:.2f} % more."
    return "It could not be proven to be the best."
