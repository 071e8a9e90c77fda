"""A simulated organisation as the product sees one: opportunities' facts, a roster with tags, closed deals."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from routing.engine.facts import OpportunityFacts
from routing.engine.learning.dataset import (
    DISQUALIFIED,
    LOST,
    WON,
    Dataset,
    Deal,
    candidates_of,
    make_dataset,
)
from routing.engine.learning.forecast import Candidates
from routing.engine.roster import RepFacts, Roster
from routing.engine.worlds import (
    COMPETITORS,
    DAYS_PER_MONTH,
    INDUSTRIES,
    LANGUAGES,
    PRODUCTS,
    REGIONS,
    SIZES,
    SOURCES,
    URGENCIES,
    History,
    Leads,
    World,
    WorldSettings,
    draw_leads,
    make_world,
    play_history,
)

BEGIN = datetime.date(2025, 3, 1)
RECENT_LEADS = 400
REPS_PER_TEAM = 12


@dataclass(frozen=True)
class Organisation:
    """What a training would read, and the roster of everybody."""

    deals: tuple[Deal, ...]
    recent: tuple[OpportunityFacts, ...]
    roster: Roster
    as_of: datetime.date

    def dataset(self) -> Dataset:
        return make_dataset(self.deals, self.roster, as_of=self.as_of)

    def candidates(self, dataset: Dataset) -> Candidates:
        covers = np.zeros((len(self.recent), len(self.roster)))
        return candidates_of(self.recent, covers, self.roster, dataset)


def make_organisation(settings: WorldSettings, seed: int) -> Organisation:
    """Everything from the seed: history, and the leads of the month after it."""
    world = make_world(settings, seed)
    rng = np.random.default_rng(seed + 1)
    past = draw_leads(world, settings.deals, rng)
    history = play_history(world, past, rng)
    end = settings.months * DAYS_PER_MONTH
    new = draw_leads(world, RECENT_LEADS, rng, from_day=end, days=DAYS_PER_MONTH)
    return Organisation(
        deals=tuple(_deals(past, history, end)),
        recent=tuple(facts_of(new, settings.deals)),
        roster=roster_of(world),
        as_of=BEGIN + datetime.timedelta(days=round(end)),
    )


def facts_of(leads: Leads, first_id: int = 0) -> list[OpportunityFacts]:
    return [
        OpportunityFacts(
            id=first_id + i + 1,
            industry=INDUSTRIES[leads.industry[i]],
            size_band=SIZES[leads.size[i]],
            source=SOURCES[leads.source[i]],
            product=PRODUCTS[leads.product[i]],
            region=REGIONS[leads.region[i]],
            language=LANGUAGES[leads.language[i]],
            urgency=URGENCIES[leads.urgency[i]],
            competitors=() if leads.competitor[i] < 0 else (COMPETITORS[leads.competitor[i]],),
            complexity=int(leads.complexity[i]),
            value=float(leads.value[i]),
        )
        for i in range(len(leads))
    ]


def roster_of(world: World) -> Roster:
    reps = world.reps
    tags = {
        "industry": (reps.tagged_industries, INDUSTRIES),
        "product": (reps.tagged_products, PRODUCTS),
        "competitor": (reps.tagged_competitors, COMPETITORS),
        "language": (reps.languages, LANGUAGES),
    }
    return Roster(
        tuple(
            RepFacts(
                id=i + 1,
                team_id=1 + i // REPS_PER_TEAM,
                seniority=int(reps.seniority[i]),
                skills={kind: _skills(mask[i], names) for kind, (mask, names) in tags.items()},
                max_open=world.settings.max_open,
            )
            for i in range(world.settings.reps)
        )
    )


def _skills(mask: np.ndarray, names: tuple[str, ...]) -> Mapping[str, int]:
    return {name.casefold(): 2 for name, has in zip(names, mask, strict=True) if has}


def _deals(leads: Leads, history: History, end: float) -> list[Deal]:
    outcomes = {1: WON, 0: LOST, -1: DISQUALIFIED}
    facts = facts_of(leads)
    return [
        Deal(
            facts=facts[i],
            outcome=outcomes[int(history.outcome[i])],
            rep_id=int(history.rep[i]) + 1,
            opened=BEGIN + datetime.timedelta(days=int(leads.day[i])),
            closed=BEGIN + datetime.timedelta(days=int(history.closed_day[i])),
            load_share=float(history.load[i]),
            touch_hours=float(history.touch_hours[i]),
            cycle_days=float(history.closed_day[i] - leads.day[i]),
        )
        for i in range(len(leads))
        if history.closed_day[i] < end
    ]
