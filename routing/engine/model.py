"""The match model: one additive log-odds of winning, and the match score that people see.

    log-odds(opportunity, rep) = base(opportunity) + Σ effect · column        (five parts, DIMENSIONS)
    OR    = exp(log-odds(rep) − average log-odds of the reference reps)
    score = 100 · OR² / (1 + OR²)                                             (0 to 100; equal odds give 50)

The columns here are those of the declared skills. Their effects are the prior means of the hierarchical logistic model
(S. Greenland, "Bayesian perspectives for epidemiological research II", Int. J. Epidemiol. 2007), so that this *is*
the model that knows no deals yet, and the rules-based fallback. An artifact is plain data; nothing here learns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reps.engine.capacity import load_pct
from routing.engine.facts import OpportunityFacts
from routing.engine.roster import Floats, Mask, Roster, RosterState

DIMENSIONS = ("skills", "territory", "capacity", "history", "deal")
DIMENSION_LABELS = {
    "skills": "Skills and expertise",
    "territory": "Territory alignment",
    "capacity": "Capacity and workload",
    "history": "Historical win rate",
    "deal": "Deal characteristics",
}
SKILLS, TERRITORY, CAPACITY, HISTORY, DEAL = range(5)

COMPLEX_FROM = 3  # an opportunity of this complexity or more asks for technical depth
TIRED_FROM = 0.8  # share of the maximum above which load costs odds of winning
ROUNDING = 9  # decimals that decide: scores and priorities are rounded to 1e-9, then ties go by rep id
REFERENCE_AT_LEAST = 5  # with fewer reps left after territory and rules, the organisation is the reference

PRIOR_EFFECTS: dict[str, float] = {
    "industry_tag": 0.2,
    "product_tag": 0.2,
    "speaks_language": 0.15,
    "competitor_displaced": 0.15,
    "certification_fits": 0.15,
    "technical_depth_fits": 0.15,
    "covers_territory": 0.15,
    "deal_size_fits": 0.15,
    "load_above_80": -0.3,
}
EFFECT_LABELS: dict[str, str] = {
    "industry_tag": "industry expertise",
    "product_tag": "product expertise",
    "speaks_language": "language",
    "competitor_displaced": "competitor experience",
    "certification_fits": "certification",
    "technical_depth_fits": "technical depth",
    "covers_territory": "covers the territory",
    "deal_size_fits": "deal size range",
    "load_above_80": "load above 80 %",
}
EFFECT_DIMENSION: dict[str, int] = {
    "industry_tag": SKILLS,
    "product_tag": SKILLS,
    "speaks_language": SKILLS,
    "competitor_displaced": SKILLS,
    "certification_fits": SKILLS,
    "technical_depth_fits": SKILLS,
    "covers_territory": TERRITORY,
    "deal_size_fits": DEAL,
    "load_above_80": CAPACITY,
}


@dataclass(frozen=True)
class MatchModel:
    """A registered model. `effects` by column name; `base_log_odds` None where no win probability can be told."""

    number: int
    effects: Mapping[str, float]
    base_log_odds: float | None = None

    @classmethod
    def from_artifact(cls, number: int, artifact: Mapping[str, Any]) -> "MatchModel":
        """Raises ValueError for an artifact of another format or with an unknown effect."""
        if artifact.get("format") != 1:
            raise ValueError(f"model {number}: unknown artifact format {artifact.get('format')!r}")
        unknown = set(artifact["effects"]) - set(EFFECT_DIMENSION)
        if unknown:
            raise ValueError(f"model {number}: unknown effects {', '.join(sorted(unknown))}")
        return cls(number, dict(artifact["effects"]), artifact.get("base_log_odds"))

    @staticmethod
    def prior_artifact() -> dict[str, Any]:
        """The model without deals: declared skills only."""
        return {"format": 1, "effects": dict(PRIOR_EFFECTS), "base_log_odds": None}


@dataclass(frozen=True)
class Scores:
    """For n reps: `parts` n × 5 log-odds against the reference (they sum to `log_odds_ratio`), `score` 0 to 100;
    `effects` by column name (n), each against the reference, sums to the parts."""

    parts: Floats
    log_odds_ratio: Floats
    score: Floats
    win_probability: Floats | None
    effects: Mapping[str, Floats]


def columns(
    facts: OpportunityFacts, roster: Roster, state: RosterState, covers: Floats, default_language: str
) -> dict[str, Floats]:
    """The pair columns, one array of length n by effect name; a column that is 0 for everybody may be absent.

    `covers` is how far each rep covers the matched territory: 1 personally, .5 through the team, 0 not.
    """
    found: dict[str, Floats] = {"covers_territory": covers}
    if facts.industry:
        found["industry_tag"] = roster.skill("industry", facts.industry)
    if facts.product:
        found["product_tag"] = roster.skill("product", facts.product)
    if facts.language:
        found["speaks_language"] = speaks(roster, facts.language, default_language)
    if facts.competitors:
        found["competitor_displaced"] = np.maximum.reduce(
            [roster.skill("competitor", name) for name in facts.competitors]
        )
    if facts.complexity is not None and facts.complexity >= COMPLEX_FROM:
        found["technical_depth_fits"] = (roster.technical_depth >= facts.complexity).astype(float)
    found["certification_fits"] = certification_fits(roster, facts)
    if facts.value is not None:
        found["deal_size_fits"] = deal_size_fits(roster, facts.value)
    found["load_above_80"] = np.maximum(load_pct(state.load, roster.max_open) / 100 - TIRED_FROM, 0)
    return found


def speaks(roster: Roster, language: str, default_language: str) -> Floats:
    """How well each rep speaks it; reps who declare no language speak the organisation's, solidly."""
    declared = roster.skill("language", language)
    if language.strip().casefold() != default_language.strip().casefold():
        return declared
    return np.where(roster.states_language, declared, 1.0)


def certification_fits(roster: Roster, facts: OpportunityFacts) -> Floats:
    """1 where a certification's name holds the opportunity's product or industry ("Analytics Certified")."""
    wanted = [text.casefold() for text in (facts.product, facts.industry) if text]
    fitting = [
        roster.skill("certification", name)
        for name in sorted(roster.names_of("certification"))
        if any(text in name for text in wanted)
    ]
    return (np.maximum.reduce(fitting) > 0).astype(float) if fitting else np.zeros(len(roster))


def deal_size_fits(roster: Roster, value: float) -> Floats:
    """1 where a declared deal size range holds the value."""
    low, high, declared = roster.deal_size
    return (declared & (low <= value) & (value <= high)).astype(float)


def score(model: MatchModel, found: Mapping[str, Floats], reference: Mask) -> Scores:
    """Scores of all n reps from their columns. `reference` (n) marks the reps whose average is 50."""
    absolute = np.zeros(len(reference))
    parts = np.zeros((len(reference), len(DIMENSIONS)))
    effects: dict[str, Floats] = {}
    for name, effect in model.effects.items():
        if name not in found:
            continue
        column = effect * found[name]
        absolute += column
        effects[name] = column - (column[reference].mean() if reference.any() else 0.0)
        parts[:, EFFECT_DIMENSION[name]] += effects[name]
    ratio = np.round(parts.sum(axis=1), ROUNDING)
    probability = None if model.base_log_odds is None else logistic(model.base_log_odds + absolute)
    return Scores(parts, ratio, np.round(100 * logistic(2 * ratio), ROUNDING), probability, effects)


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(−x)), without overflow."""
    clipped = np.clip(x, -700, 700)
    return np.asarray(1 / (1 + np.exp(-clipped)))
