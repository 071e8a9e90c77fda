"""Weights from the model: log-odds and win probability of many pairs at once, as the decision has them one by one.

Only eligible pairs are scored, some opportunities at a time. Columns come from `columns.factored_columns`, what was
learned of each rep from `model.history_effects`: one definition for decision, training and batch.
"""

import datetime
from collections.abc import Sequence

import numpy as np

from reps.engine.unavailable import Unavailable
from routing.engine.batch.pairs import Indices
from routing.engine.columns import factored_columns, tiredness
from routing.engine.facts import OpportunityFacts
from routing.engine.model import MatchModel, history_effects, logistic
from routing.engine.roster import Floats, Roster

AT_ONCE = 1000  # opportunities: a column that depends on the value has a row for each


def pair_log_odds(
    model: MatchModel,
    opportunities: Sequence[OpportunityFacts],
    roster: Roster,
    row: Indices,
    rep: Indices,
    *,
    load_share: Floats,
    covers: Floats | None = None,
    default_language: str = "",
) -> Floats:
    """P log-odds by which each pair differs, before the opportunity's own. `row` (P, rising) and `rep` (P) index
    opportunities and roster; `load_share` (n) open opportunities over the maximum; `covers` (P, None: nowhere)."""
    found = np.zeros(len(row))
    starts = np.searchsorted(row, np.arange(len(opportunities) + 1))
    for first in range(0, len(opportunities), AT_ONCE):
        some = opportunities[first : first + AT_ONCE]
        at = slice(starts[first], starts[first + len(some)])
        own_row, own_rep = row[at] - first, rep[at]
        for name, column in factored_columns(some, roster, default_language):
            if name in model.pair:
                found[at] += model.pair[name] * column.table[column.code[own_row], own_rep]
        if model.learned is not None:
            for place, facts in enumerate(some, start=first):
                own = slice(starts[place], starts[place + 1])
                for effect in history_effects(model.learned, facts, roster).values():
                    found[own] += effect[rep[own]]
    found += (model.pair.get("load_above_80", 0.0) * tiredness(load_share))[rep]
    if covers is not None:
        found += model.pair.get("covers_territory", 0.0) * covers
    return found


def win_probabilities(
    model: MatchModel,
    opportunities: Sequence[OpportunityFacts],
    row: Indices,
    log_odds: Floats,
    at: datetime.datetime,
) -> Floats | Unavailable:
    """P calibrated chances of winning, from `pair_log_odds`."""
    learned = model.learned
    if learned is None:
        return Unavailable("the model has learned from no deal yet")
    base = np.array([learned.base(facts, at) for facts in opportunities])
    return logistic(learned.intercept + learned.slope * (base[row] + log_odds))
