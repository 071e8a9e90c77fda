"""A team's round-robin as people see it: whose turn is next, who took how many, and which came back."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crm.models import Opportunity
from crm.queries.opportunities import opportunities_visible_to
from reps.engine.capacity import Band, bands, load_pct
from reps.models import Rep, Team, User
from routing.engine.roster import Mask, Roster, RosterState
from routing.engine.turns import next_turns
from routing.models import Decision
from routing.queries.configuration import compiled, live_version
from routing.queries.live import load_live
from routing.queries.state import load_state

MONTH = datetime.timedelta(days=30)
COMING = 10  # turns that are foretold
SHOWN = 20  # turns that were taken


@dataclass(frozen=True)
class TurnRow:
    """One rep. `place` 1 for whose turn is next, None for who is not among the next ones."""

    rep: Rep
    share_pct: float
    taken: int
    returned: int
    place: int | None
    why_not: str


@dataclass(frozen=True)
class TakenTurn:
    """A turn of the past; the opportunity's name only for whoever may see it."""

    decision: Decision
    rep_name: str
    opportunity: Opportunity | None
    returned: str


@dataclass(frozen=True)
class Turns:
    rows: Sequence[TurnRow]
    coming: Sequence[str]
    taken: Sequence[TakenTurn]


def load_turns(team: Team, *, by: User, now: datetime.datetime) -> Turns:
    """A fixed number of queries, whatever the number of reps."""
    live = load_live(now)
    state = load_state(live, now)
    members = live.roster.team_ids == team.pk
    pool, why_not = _pool(live.roster, state, members, live.configuration_id)
    clock = state.turn_clocks.get(team.pk, 0.0)
    coming = next_turns(pool, live.roster.ids, state.turn_finish, live.roster.turn_weight, clock, COMING)
    counts, returned = _counts(team, now)
    reps = {rep.pk: rep for rep in Rep.objects.filter(team=team, left_at__isnull=True)}
    weight = float(live.roster.turn_weight[members].sum()) or 1.0
    rows = []
    for place in map(int, np.flatnonzero(members)):
        rep = reps.get(int(live.roster.ids[place]))
        if rep is not None:
            rows.append(
                TurnRow(
                    rep=rep,
                    share_pct=100 * float(live.roster.turn_weight[place]) / weight,
                    taken=counts[rep.pk],
                    returned=returned[rep.pk],
                    place=coming.index(place) + 1 if place in coming else None,
                    why_not=why_not.get(place, ""),
                )
            )
    rows.sort(key=lambda row: (row.place is None, row.place or 0, row.rep.name))
    names = [reps[int(live.roster.ids[place])].name for place in coming]
    return Turns(rows, names, _taken(team, by, now, reps))


def _pool(
    roster: Roster, state: RosterState, members: Mask, configuration_id: int
) -> tuple[Mask, dict[int, str]]:
    """Who would take part now, as the ladder has it: those available, else those near capacity. And why others not."""
    bounds = compiled(configuration_id).capacity.bounds
    band = bands(load_pct(state.committed, roster.max_open), bounds)
    capped = state.week + state.pending >= roster.max_new_per_week
    free = members & ~state.away & (band <= Band.NEAR) & ~capped
    pool = free & (band == Band.AVAILABLE)
    pool = pool if pool.any() else free
    why_not = {}
    for place in np.flatnonzero(members & ~pool):
        if state.away[place]:
            why_not[int(place)] = "away; the place is kept"
        elif band[place] >= Band.AT:
            why_not[int(place)] = Band(int(band[place])).label
        elif capped[place]:
            why_not[int(place)] = "has had the new ones of this week"
        else:
            why_not[int(place)] = "near capacity; after those available"
    return pool, why_not


def _turns_of(team: Team, now: datetime.datetime):  # type: ignore[no-untyped-def]
    turns = Decision.objects.filter(via=Decision.Via.ROUND_ROBIN, made_at__gt=now - MONTH, team_id=team.pk)
    turns = turns.filter(rep__isnull=False).exclude(outcome=Decision.Outcome.SHADOW)
    return turns.order_by("-made_at", "-pk")


def _counts(team: Team, now: datetime.datetime) -> tuple[Counter[int], Counter[int]]:
    """Turns of 30 days that stayed, and those that came back, by rep."""
    rows = list(_turns_of(team, now).values_list("rep_id", "turn_return"))
    stayed = Counter(rep_id for rep_id, returned in rows if returned is None)
    return stayed, Counter(rep_id for rep_id, returned in rows if returned is not None)


def _taken(team: Team, by: User, now: datetime.datetime, reps: dict[int, Rep]) -> list[TakenTurn]:
    newest = list(
        _turns_of(team, now)
        .select_related("turn_return", "rep")
        .only("made_at", "opportunity_id", "rep__name", "turn_return__why")[:SHOWN]
    )
    seen = opportunities_visible_to(by).filter(pk__in=[one.opportunity_id for one in newest])
    visible = {one.pk: one for one in seen.select_related(None).only("name")}
    return [
        TakenTurn(
            one,
            one.rep.name if one.rep else "",
            visible.get(one.opportunity_id),
            one.turn_return.why if hasattr(one, "turn_return") else "",
        )
        for one in newest
    ]


def configuration_goes_round() -> bool:
    """Whether any live policy falls back to round-robin."""
    return any("round_robin" in policy.fallback for policy in compiled(live_version().pk).policies)
