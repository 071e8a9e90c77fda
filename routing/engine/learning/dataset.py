"""From closed opportunities to what the model learns from: tables of one vocabulary, and the leads to try it on.

Whatever the deals were read from (database, CSV), they come here as `Deal`s. The win model learns from won and lost;
disqualified ones are kept apart (learning.disqualified); what managers rejected for a reason of fit while the outcome
is still open comes as `feedback`, an imaginary lost deal of small weight.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from routing.engine.columns import factored_columns, tiredness
from routing.engine.facts import OpportunityFacts
from routing.engine.learning.forecast import Candidates
from routing.engine.learning.table import Category, DealTable, Floats, Ints, recency
from routing.engine.levels import Levels
from routing.engine.roster import Mask, Roster
from routing.engine.season import seasonal_log_odds

WON, LOST, DISQUALIFIED = "won", "lost", "disqualified"


@dataclass(frozen=True)
class Deal:
    """A closed opportunity and who had it. `load_share` open opportunities over the maximum when it was assigned, NaN
    unknown; `covers` as in columns; `touch_hours` and `cycle_days` NaN unknown: reported, never an input."""

    facts: OpportunityFacts
    outcome: str
    rep_id: int | None
    opened: datetime.date | None = None
    closed: datetime.date | None = None
    load_share: float = np.nan
    covers: float = 0.0
    touch_hours: float = np.nan
    cycle_days: float = np.nan


@dataclass(frozen=True)
class Feedback:
    """A suggestion rejected because it did not fit, its outcome not known yet; `weight` in deals."""

    facts: OpportunityFacts
    rep_id: int
    reason: str
    weight: float


@dataclass(frozen=True)
class Dataset:
    """`deals` won or lost, in order of closing; `closed` their days (days before `as_of`, NaN undated); `dropped` won,
    lost and disqualified, with `won` telling 1 for disqualified; `feedback` label 0 throughout; `average` pair columns
    of the average rep with each deal."""

    deals: DealTable
    ages_days: Floats
    dropped: DealTable
    feedback: DealTable
    levels: Levels
    rep_ids: tuple[int, ...]
    as_of: datetime.date
    months: int
    touch_hours: Floats
    cycle_days: Floats
    opened: tuple[datetime.date | None, ...]
    left_out: tuple[str, ...] = ()
    season: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    average: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def undated(self) -> int:
        return int(np.isnan(self.ages_days).sum())


def make_dataset(
    deals: Sequence[Deal],
    roster: Roster,
    *,
    as_of: datetime.date,
    months: int = 12,
    inputs: Sequence[str] = (),
    left_out: frozenset[str] = frozenset(),
    feedback: Sequence[Feedback] = (),
    season: Mapping[str, tuple[float, float]] | None = None,
    default_language: str = "English",
) -> Dataset:
    """`roster` holds everybody who had a deal, those who left included. `inputs`: keys of own fields that are inputs;
    `left_out`: categories (and "value") that must not be. Deals are taken as they come: the window is the caller's."""
    known = sorted(
        (deal for deal in deals if deal.outcome in (WON, LOST, DISQUALIFIED)),
        key=lambda deal: _order(deal, as_of),
    )
    levels = _without(Levels.learned_from([deal.facts for deal in known], inputs), left_out)
    season = season or {}
    rows = _Rows(levels, roster, as_of, season, default_language, "value" not in left_out)
    table = rows.table([d.facts for d in known], [d.rep_id for d in known], known)
    is_dropped = np.array([deal.outcome == DISQUALIFIED for deal in known], dtype=bool)
    won = np.array([deal.outcome == WON for deal in known], dtype=float)
    ages = np.array([_age(deal.closed, as_of) for deal in known], dtype=float)
    kept = np.flatnonzero(~is_dropped)
    told = rows.table([f.facts for f in feedback], [f.rep_id for f in feedback])
    return Dataset(
        deals=replaced(table, won=won, weight=recency(ages)).take(kept),
        ages_days=ages[kept],
        dropped=replaced(table, won=is_dropped.astype(float), weight=recency(ages)),
        feedback=replaced(
            told, won=np.zeros(len(told)), weight=np.array([f.weight for f in feedback], dtype=float)
        ),
        levels=levels,
        rep_ids=table.rep_ids,
        as_of=as_of,
        months=months,
        touch_hours=np.array([d.touch_hours for d in known], dtype=float)[kept],
        cycle_days=np.array([d.cycle_days for d in known], dtype=float)[kept],
        opened=tuple(known[i].opened for i in kept),
        left_out=tuple(sorted(left_out)),
        season=season,
        average=rows.average([known[i].facts for i in kept]),
    )


def candidates_of(
    facts: Sequence[OpportunityFacts],
    covers: Floats,
    reps: Roster,
    dataset: Dataset,
    *,
    can_take: Mask | None = None,
    default_language: str = "English",
) -> Candidates:
    """Leads against a roster (its reps only), in the vocabulary of the dataset. `covers` m × n as in columns. Load is
    taken as none: a forecast of who fits, not of who has time."""
    rows = _Rows(dataset.levels, reps, dataset.as_of, dataset.season, default_language, True)
    pair = {name: column.all_pairs() for name, column in factored_columns(facts, reps, default_language)} | {
        "covers_territory": covers
    }
    leads = rows.table(facts, [None] * len(facts))
    return Candidates(leads, pair, tuple(int(rep) for rep in reps.ids), can_take)


def rows_in_words_of(dataset: Dataset, deals: Sequence[Deal], roster: Roster) -> DealTable:
    """Other won and lost deals in the vocabulary of the dataset; `roster` is the one it was made with."""
    with_value = not bool(np.isnan(dataset.deals.value).all())
    rows = _Rows(dataset.levels, roster, dataset.as_of, dataset.season, "English", with_value)
    table = rows.table([d.facts for d in deals], [d.rep_id for d in deals], deals)
    return replaced(table, won=np.array([d.outcome == WON for d in deals], dtype=float))


def replaced(table: DealTable, *, won: Floats | None = None, weight: Floats | None = None) -> DealTable:
    """The table with another label or weight."""
    return DealTable(
        won=table.won if won is None else won,
        rep=table.rep,
        rep_ids=table.rep_ids,
        weight=table.weight if weight is None else weight,
        value=table.value,
        season=table.season,
        lead=table.lead,
        pair=table.pair,
    )


def joined(tables: Iterable[DealTable]) -> DealTable:
    """Tables of one vocabulary, one after another."""
    first, *others = list(tables)
    every = [first, *others]

    def stack(name: str) -> Floats:
        return np.concatenate([getattr(table, name) for table in every])

    return DealTable(
        won=stack("won"),
        rep=np.concatenate([table.rep for table in every]),
        rep_ids=first.rep_ids,
        weight=stack("weight"),
        value=stack("value"),
        season=stack("season"),
        lead={
            name: Category(np.concatenate([t.lead[name].codes for t in every]), column.levels)
            for name, column in first.lead.items()
        },
        pair={name: np.concatenate([t.pair[name] for t in every]) for name in first.pair},
    )


@dataclass(frozen=True)
class _Rows:
    """How facts become rows of a table: the vocabulary and the roster, fixed."""

    levels: Levels
    roster: Roster
    as_of: datetime.date
    season: Mapping[str, tuple[float, float]]
    default_language: str
    with_value: bool

    def table(
        self, facts: Sequence[OpportunityFacts], rep_ids: Sequence[int | None], deals: Sequence[Deal] = ()
    ) -> DealTable:
        m = len(facts)
        rep = np.array([-1 if r is None else self.roster.index.get(r, -1) for r in rep_ids], dtype=np.int64)
        pair = {
            name: column.own(rep)
            for name, column in factored_columns(facts, self.roster, self.default_language)
        }
        pair["covers_territory"] = np.array([d.covers for d in deals] or np.zeros(m), dtype=float)
        load = np.array([d.load_share for d in deals] or np.zeros(m), dtype=float)
        pair["load_above_80"] = tiredness(np.nan_to_num(load))
        return DealTable(
            won=np.zeros(m),
            rep=rep,
            rep_ids=tuple(int(r) for r in self.roster.ids),
            weight=np.ones(m),
            value=np.array([_number(f.value) if self.with_value else np.nan for f in facts], dtype=float),
            season=self._season(facts, deals),
            lead=self._lead(facts),
            pair=pair,
        )

    def average(self, facts: Sequence[OpportunityFacts]) -> dict[str, Floats]:
        """What the average rep of the roster has in each column, for each lead."""
        return {
            name: np.asarray(column.table.mean(axis=1)[column.code])
            for name, column in factored_columns(facts, self.roster, self.default_language)
        }

    def _lead(self, facts: Sequence[OpportunityFacts]) -> dict[str, Category]:
        index = {name: {level: i for i, level in enumerate(kept)} for name, kept in self.levels.kept.items()}
        rows = [self.levels.of(f) for f in facts]
        return {
            name: Category(np.array([index[name].get(row[name], -1) for row in rows], dtype=np.int64), kept)
            for name, kept in self.levels.kept.items()
        }

    def _season(self, facts: Sequence[OpportunityFacts], deals: Sequence[Deal]) -> Floats:
        if not self.season:
            return np.full(len(facts), np.nan)
        days = [deal.opened for deal in deals] or [self.as_of] * len(facts)
        folded = [self.levels.of(f).get("industry", "") for f in facts]
        return np.array(
            [
                np.nan if day is None else seasonal_log_odds(self.season, level, day)
                for day, level in zip(days, folded, strict=True)
            ],
            dtype=float,
        )


def _without(levels: Levels, left_out: frozenset[str]) -> Levels:
    return Levels(
        {name: kept for name, kept in levels.kept.items() if name not in left_out},
        levels.edges,
        levels.labels,
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _age(closed: datetime.date | None, as_of: datetime.date) -> float:
    return np.nan if closed is None else float(max((as_of - closed).days, 0))


def _order(deal: Deal, as_of: datetime.date) -> tuple[datetime.date, int]:
    """By closing, undated first; ties by id, so that the order of reading does not matter."""
    return (deal.closed or datetime.date.min, deal.facts.id)


def by_rep_and_level(table: DealTable, codes: Ints, size: int, values: Floats) -> Floats:
    """reps × size sums of the values over the deals with a rep and a level."""
    known = (table.rep >= 0) & (codes >= 0)
    cell = table.rep[known] * size + codes[known]
    found = np.bincount(cell, weights=values[known], minlength=len(table.rep_ids) * size)
    return np.asarray(found.reshape(len(table.rep_ids), size))
