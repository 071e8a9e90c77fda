"""What a batch is worth in words: beside other ways of deciding, in loads, in prices, and its proof."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reps.engine.capacity import BandBounds, band
from reps.engine.money import money
from reps.models import Rep, User
from reps.queries import organisation
from reps.queries.people import reps_visible_to
from routing.models import Batch, Policy
from routing.queries.batch_totals import Totals
from routing.queries.batches import items_visible_to
from routing.queries.configuration import compiled

ABOUT = 0.005
FULLEST = 40  # reps in the comparison of loads


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


def prices(batch: Batch, user: User) -> list[str]:
    """What one more slot is worth, of reps whom the user may see; each was checked by planning with it. Those that are
    worth nothing are not said."""
    names = dict(reps_visible_to(user).values_list("pk", "name"))
    return [
        f"One more slot for {names[row['rep']]} in this batch: {_amount(row['checked'], batch)}"
        for row in batch.found.get("slots", ())
        if row["rep"] in names and _is_worth_saying(row["checked"], batch)
    ]


@dataclass(frozen=True)
class WallWorth:
    """What the batch would be worth more without a wall, or at most; the pair it keeps apart most dearly, in words."""

    what: str
    adds: float
    is_exact: bool
    said: str
    example: str = ""


def walls(batch: Batch, user: User) -> list[WallWorth]:
    """What the walls cost, the dearest first; examples of what the user may see. At most three queries."""
    rows = [row for row in batch.found.get("walls", ()) if _is_worth_saying(_gain(row), batch)]
    if batch.configuration_id is None or not rows:
        return []
    examples = _examples(rows, batch, user)
    return [_wall(row, batch, examples.get(row["name"], "")) for row in rows]


def _gain(row: Mapping[str, Any]) -> float:
    gain: float = row["at_most"] if row["adds"] is None else row["adds"]
    return gain


def _wall(row: Mapping[str, Any], batch: Batch, example: str) -> WallWorth:
    what, is_exact = _wall_name(row["name"], batch), row["adds"] is not None
    amount = ("" if is_exact else "at most ") + _amount(_gain(row), batch)
    said = f"Without {what} this batch would be worth {amount} more"
    return WallWorth(what, _gain(row), is_exact, said, example)


def _wall_name(name: str, batch: Batch) -> str:
    kind, _, which = name.partition(":")
    if kind != "territory":
        return f"the language {which}"
    found = compiled(batch.configuration_id or 0).by_id.get(int(which)) if which.isdigit() else None
    return f"the territory {found.name}" if found else "a territory that is gone"


def _examples(rows: Iterable[Mapping[str, Any]], batch: Batch, user: User) -> dict[str, str]:
    """For each wall by name the first of its pairs that the user may see: "Acme could go to Ana"."""
    pairs = [(row["name"], *pair) for row in rows for pair in row["pairs"]]
    items = items_visible_to(user, batch).filter(opportunity__in=[lead for _, lead, _ in pairs])
    leads = dict(items.values_list("opportunity", "opportunity__name"))
    reps = dict(reps_visible_to(user).filter(pk__in=[rep for *_, rep in pairs]).values_list("pk", "name"))
    said: dict[str, str] = {}
    for name, lead, rep in pairs:
        if lead in leads and rep in reps:
            said.setdefault(name, f"{leads[lead]} could then go to {reps[rep]}")
    return said


def _is_worth_saying(gain: float, batch: Batch) -> bool:
    """Whether it is more than nought as it is written."""
    return gain >= (0.5 if batch.objective == Policy.Objective.VALUE else 0.005)


def _amount(gain: float, batch: Batch) -> str:
    if batch.objective == Policy.Objective.VALUE:
        return money(round(gain), organisation().base_currency)
    unit = "wins" if batch.objective == Policy.Objective.WINS else "match (1 is a certain one)"
    return f"{gain:.2f} {unit}"


def proof(batch: Batch, size: int) -> str:
    """How good the plan is, proven; `size` is how many opportunities the batch has."""
    found = batch.found
    if not found:
        return ""
    of = f"this batch’s {size:,} opportunit{'y' if size == 1 else 'ies'} among {_reps(found['reps'])}"
    if found["gap"] == 0 and found["verified"]:
        return f"Proven: no other way to share {of}, within their limits, is worth more."
    if found["gap"] is not None and found["verified"]:
        share = 100 * found["gap"]
        return (
            f"With caps on pipeline value nobody can be sure of the best: no way to share {of} is worth over "
            f"{share:.2f} % more."
        )
    return "It could not be proven to be the best."


def _reps(count: int) -> str:
    return "1 rep" if count == 1 else f"{count:,} reps"
