"""The match model: one additive log-odds of winning, and the match score that people see.

    log-odds(opportunity, rep) = base(opportunity) + Σ effect · column + rep + Σ rep × level   (five parts, DIMENSIONS)
    OR    = exp(log-odds(rep) − average log-odds of the reference reps)
    score = 100 · OR² / (1 + OR²)                                         (0 to 100; equal odds give 50)
    win probability = logistic(intercept + slope · log-odds)              (calibrated; only where deals were learned)

There is one scorer. Without deals the effects are the prior means of the declared skills, base, rep and rep × level
are nil, and that *is* the rules-based fallback; with deals they are what `routing.engine.learning` fitted under the
same priors (S. Greenland, "Bayesian perspectives for epidemiological research II", Int. J. Epidemiol. 2007). An
artifact is plain data; nothing here learns.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from routing.engine.columns import COLUMNS, DIMENSIONS, HISTORY, log_value
from routing.engine.facts import OpportunityFacts
from routing.engine.levels import CROSSED, Levels
from routing.engine.roster import Floats, Ints, Mask, Roster
from routing.engine.season import seasonal_log_odds

ROUNDING = 9  # decimals that decide: scores and priorities are rounded to 1e-9, then ties go by rep id
REFERENCE_AT_LEAST = 5  # with fewer reps left after territory and rules, the organisation is the reference

PRIOR_EFFECTS: dict[str, float] = {
    name: column.prior.mean for name, column in COLUMNS.items() if column.prior.mean
}
REP = "rep"
EFFECT_DIMENSION: dict[str, int] = {
    **{name: column.dimension for name, column in COLUMNS.items()},
    REP: HISTORY,
    **{f"rep_{name}": HISTORY for name in CROSSED},
}
EFFECT_LABELS: dict[str, str] = {
    **{name: column.label for name, column in COLUMNS.items()},
    REP: "overall record",
    **{f"rep_{name}": f"record by {name}" for name in CROSSED},
}


@dataclass(frozen=True, eq=False)
class Learned:
    """What deals have taught.

    `lead` log-odds by lead column · `rep` by rep id · `cross` category → level → rep id · `season` level → (sine,
    cosine) · `forecast_ratio` how much of a predicted gain outlasts the choosing (learning.forecast) · `tallies`
    category ("rep" for all) → level → rep id → (won, closed) in the `months` that were learned from.
    """

    levels: Levels
    lead: Mapping[str, float]
    rep: Mapping[int, float]
    cross: Mapping[str, Mapping[str, Mapping[int, float]]]
    season: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    intercept: float = 0.0
    slope: float = 1.0
    forecast_ratio: float = 1.0
    tallies: Mapping[str, Mapping[str, Mapping[int, tuple[int, int]]]] = field(default_factory=dict)
    months: int = 12

    def base(self, facts: OpportunityFacts, at: datetime.datetime) -> float:
        """Log-odds from the lead alone, at an average rep's zero."""
        levels = self.levels.of(facts)
        total = self.lead.get("intercept", 0.0)
        total += sum(self.lead.get(f"{name}={level}", 0.0) for name, level in levels.items() if level)
        if levels.get("source") and levels.get("product"):
            total += self.lead.get(f"source_product={levels['source']}|{levels['product']}", 0.0)
        size = log_value(facts)
        if size is not None:
            total += (
                self.lead.get("log_value", 0.0) * size + self.lead.get("log_value_squared", 0.0) * size**2
            )
        if self.season:
            season = seasonal_log_odds(self.season, levels.get("industry", ""), at.date())
            total += self.lead.get("season", 1.0) * season
        return total


@dataclass(frozen=True, eq=False)
class MatchModel:
    """A registered model: `pair` effects by column name; `learned` None where no deal is in it."""

    number: int
    pair: Mapping[str, float]
    learned: Learned | None = None

    @classmethod
    def from_artifact(cls, number: int, artifact: Mapping[str, Any]) -> "MatchModel":
        """Raises ValueError for an artifact of another format or with an unknown effect."""
        if artifact.get("format") == 1:
            return cls(number, _known(number, artifact["effects"]))
        if artifact.get("format") == 2:
            return cls(number, _known(number, artifact["pair"]), _learned(artifact))
        raise ValueError(f"model {number}: unknown artifact format {artifact.get('format')!r}")

    @staticmethod
    def prior_artifact(effects: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The model without deals: declared skills only, as far as they are believed."""
        return {"format": 1, "effects": dict(PRIOR_EFFECTS if effects is None else effects)}


def _known(number: int, effects: Mapping[str, float]) -> dict[str, float]:
    unknown = set(effects) - set(COLUMNS)
    if unknown:
        raise ValueError(f"model {number}: unknown effects {', '.join(sorted(unknown))}")
    return dict(effects)


def _learned(artifact: Mapping[str, Any]) -> Learned:
    return Learned(
        levels=Levels.from_json(artifact["levels"]),
        lead=artifact["lead"],
        rep={int(rep): value for rep, value in artifact["rep"].items()},
        cross={
            name: {level: {int(rep): v for rep, v in by.items()} for level, by in levels.items()}
            for name, levels in artifact["cross"].items()
        },
        season={level: (pair[0], pair[1]) for level, pair in artifact.get("season", {}).items()},
        intercept=artifact["calibration"]["intercept"],
        slope=artifact["calibration"]["slope"],
        forecast_ratio=artifact.get("forecast", {}).get("ratio", 1.0),
        tallies={
            name: {
                level: {int(rep): (pair[0], pair[1]) for rep, pair in by.items()}
                for level, by in levels.items()
            }
            for name, levels in artifact.get("tallies", {}).items()
        },
        months=artifact.get("months", 12),
    )


@dataclass(frozen=True)
class Scores:
    """For n reps: `parts` n × 5 log-odds against the reference (they sum to `log_odds_ratio`), `score` 0 to 100;
    `effects` by column name (n), each against the reference, sums to the parts; `has` the columns themselves (n).
    `win_probability` (n) and `win_probability_low` (n: what outlasts the choosing) None where no deal was learned."""

    parts: Floats
    log_odds_ratio: Floats
    score: Floats
    win_probability: Floats | None
    win_probability_low: Floats | None
    effects: Mapping[str, Floats]
    has: Mapping[str, Floats]


def score(
    model: MatchModel,
    found: Mapping[str, Floats],
    reference: Mask,
    *,
    facts: OpportunityFacts,
    roster: Roster,
    at: datetime.datetime,
) -> Scores:
    """Scores of all n reps from their pair columns (`columns.columns`) and what was learned of each. `reference` (n)
    marks the reps whose average is 50."""
    own = {name: effect * found[name] for name, effect in model.pair.items() if name in found}
    if model.learned is not None:
        own |= history_effects(model.learned, facts, roster)
    n = len(reference)
    # Sums over the k effects go row by row, to the last bit as adding one after the other does.
    columns = np.array(list(own.values()), dtype=np.float64).reshape(len(own), n)
    absolute = np.add.reduce(columns, axis=0)
    referred = np.flatnonzero(reference)
    if len(referred):
        columns -= (np.add.reduce(columns.take(referred, axis=1), axis=1) / len(referred))[:, None]
    parts = np.zeros((len(DIMENSIONS), n))
    for dimension, rows in _rows_of_dimensions(tuple(own)):
        np.add.reduce(columns.take(rows, axis=0), axis=0, out=parts[dimension])
    effects = dict(zip(own, columns, strict=True))
    parts = parts.T  # a dimension's numbers side by side
    ratio = np.round(parts.sum(axis=1), ROUNDING)
    probability, low = _probabilities(model.learned, absolute, reference, facts, at)
    return Scores(parts, ratio, match_score(ratio), probability, low, effects, found)


@lru_cache(maxsize=256)
def _rows_of_dimensions(names: tuple[str, ...]) -> tuple[tuple[int, Ints], ...]:
    """Which of these effects count in which dimension."""
    of = np.array([EFFECT_DIMENSION[name] for name in names])
    return tuple((int(dimension), np.flatnonzero(of == dimension)) for dimension in np.unique(of))


def match_score(log_odds_ratio: Floats) -> Floats:
    """0 to 100 from log-odds against the average: equal odds 50, 1.5 times 69, twice 80."""
    return np.asarray(np.round(100 * logistic(2 * log_odds_ratio), ROUNDING))


def _probabilities(
    learned: Learned | None, pairs: Floats, reference: Mask, facts: OpportunityFacts, at: datetime.datetime
) -> tuple[Floats | None, Floats | None]:
    """Calibrated probabilities, and what is left of their distance from the average once they were chosen by it."""
    if learned is None:
        return None, None
    probability = logistic(learned.intercept + learned.slope * (learned.base(facts, at) + pairs))
    average = float(probability[reference].mean()) if reference.any() else float(probability.mean())
    gain = probability - average
    return probability, np.where(gain > 0, average + learned.forecast_ratio * gain, probability)


def history_effects(learned: Learned, facts: OpportunityFacts, roster: Roster) -> dict[str, Floats]:
    """What was learned of each rep, and of each rep with the lead's levels: n-vectors by effect name."""
    aligned = _aligned(learned, roster)
    found = {REP: aligned[(REP, "")]}
    levels = learned.levels.of(facts)
    for name in learned.cross:
        column = aligned.get((name, levels.get(name, "")))
        if column is not None:
            found[f"rep_{name}"] = column
    return found


def _aligned(learned: Learned, roster: Roster) -> Mapping[tuple[str, str], Floats]:
    """The effects by rep as arrays in the roster's order, made once for each pair of model and roster."""
    kept = roster.alignments.get(id(learned))
    if kept is None or kept[0] is not learned:
        arrays = {(REP, ""): _in_order(learned.rep, roster)}
        for name, levels in learned.cross.items():
            arrays |= {(name, level): _in_order(by, roster) for level, by in levels.items()}
        kept = (learned, arrays)
        roster.alignments[id(learned)] = kept
    found: Mapping[tuple[str, str], Floats] = kept[1]
    return found


def _in_order(by_rep: Mapping[int, float], roster: Roster) -> Floats:
    return np.array([by_rep.get(rep.id, 0.0) for rep in roster.reps])


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(−x)), without overflow."""
    clipped = np.clip(x, -700, 700)
    return np.asarray(1 / (1 + np.exp(-clipped)))
