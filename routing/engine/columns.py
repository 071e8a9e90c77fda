"""What is known of a pairing before it is made: one column for each effect, in one definition.

A column depends on the opportunity through a small key only ("Healthcare"), and gives one value for each rep. So one
opportunity against a roster takes one vector for each column, and many opportunities take one row for each *different*
key, whatever their number (`Factored`). Decision, training and batch all come here.

Each column carries its prior: mean and standard deviation of its effect in log-odds before any deal is known (recipe in
docs/model.md). Nothing that becomes known after the assignment is a column.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routing.engine.facts import OpportunityFacts
from routing.engine.roster import Floats, Ints, Roster

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
TYPICAL_SENIORITY = 2.3
TYPICAL_LOG_VALUE, LOG_VALUE_SPREAD = 9.5, 2.0
STYLES = ("consultative", "transactional", "technical")
KINDS = ("lead", "deal")


@dataclass(frozen=True)
class Prior:
    """What is believed of an effect before any deal: mean and sd, in log-odds."""

    mean: float
    sd: float


@dataclass(frozen=True)
class PairColumn:
    """`key` what of the opportunity it depends on, None where the column is 0 for everybody; `values` (n) by rep.

    Columns without `values` come from outside the two: the territory that matched, and the load at that moment.
    """

    dimension: int
    label: str
    prior: Prior
    key: Callable[[OpportunityFacts], Hashable] | None = None
    values: Callable[[Roster, Hashable, str], Floats] | None = None


# --- the single columns ---------------------------------------------------------------------------------------------


def speaks(roster: Roster, language: str, default_language: str) -> Floats:
    """How well each rep speaks it; reps who declare no language speak the organisation's, solidly."""
    declared = roster.skill("language", language)
    if language.strip().casefold() != default_language.strip().casefold():
        return declared
    return np.where(roster.states_language, declared, 1.0)


def _certified(roster: Roster, key: Hashable, default_language: str) -> Floats:
    """1 where a certification's name holds the opportunity's product or industry ("Analytics Certified")."""
    assert isinstance(key, tuple)
    fitting = [
        roster.skill("certification", name)
        for name in sorted(roster.names_of("certification"))
        if any(text in name for text in key)
    ]
    return (np.maximum.reduce(fitting) > 0).astype(float) if fitting else np.zeros(len(roster))


def _deal_size_fits(roster: Roster, key: Hashable, default_language: str) -> Floats:
    """1 where a declared deal size range holds the value."""
    assert isinstance(key, float)
    low, high, declared = roster.deal_size
    return (declared & (low <= key) & (key <= high)).astype(float)


def _displaced(roster: Roster, key: Hashable, default_language: str) -> Floats:
    assert isinstance(key, tuple)
    return np.asarray(np.maximum.reduce([roster.skill("competitor", name) for name in key]))


def _deep_enough(roster: Roster, key: Hashable, default_language: str) -> Floats:
    assert isinstance(key, int)
    return (roster.technical_depth >= key).astype(float)


def _has_skill(kind: str) -> Callable[[Roster, Hashable, str], Floats]:
    return lambda roster, key, default_language: roster.skill(kind, str(key))


def _seniority(roster: Roster) -> Floats:
    return np.asarray(roster.seniority - TYPICAL_SENIORITY)


def _times_seniority(roster: Roster, key: Hashable, default_language: str) -> Floats:
    assert isinstance(key, float)
    return key * _seniority(roster)


def _style(style: str) -> Callable[[Roster, Hashable, str], Floats]:
    def values(roster: Roster, key: Hashable, default_language: str) -> Floats:
        assert isinstance(key, float)
        return np.where(roster.attribute("selling_style", style), key, 0.0)

    return values


def centred_complexity(facts: OpportunityFacts) -> float | None:
    """−1 to 1; None where unknown."""
    return None if facts.complexity is None else (facts.complexity - 3) / 2


def log_value(facts: OpportunityFacts) -> float | None:
    """The value in units of about two log-odds around a typical deal; None where unknown or not positive."""
    if facts.value is None or facts.value <= 0:
        return None
    return (math.log(facts.value) - TYPICAL_LOG_VALUE) / LOG_VALUE_SPREAD


def _wanted_certificates(facts: OpportunityFacts) -> Hashable:
    return tuple(text.casefold() for text in (facts.product, facts.industry) if text) or None


def _asks_for_depth(facts: OpportunityFacts) -> Hashable:
    return facts.complexity if facts.complexity is not None and facts.complexity >= COMPLEX_FROM else None


def _style_columns() -> dict[str, PairColumn]:
    """Selling style × kind and × complexity: small, and nothing is believed beforehand."""
    found: dict[str, PairColumn] = {}
    for style in STYLES:
        for kind in KINDS:
            found[f"style_{style}_{kind}"] = PairColumn(
                DEAL,
                f"{style} style with {kind}s",
                Prior(0.0, 0.2),
                lambda facts, kind=kind: 1.0 if facts.kind == kind else None,  # type: ignore[misc]
                _style(style),
            )
        found[f"style_{style}_complexity"] = PairColumn(
            DEAL, f"{style} style with complex deals", Prior(0.0, 0.2), centred_complexity, _style(style)
        )
    return found


COLUMNS: dict[str, PairColumn] = {
    "industry_tag": PairColumn(
        SKILLS,
        "industry expertise",
        Prior(0.2, 0.3),
        lambda facts: facts.industry or None,
        _has_skill("industry"),
    ),
    "product_tag": PairColumn(
        SKILLS,
        "product expertise",
        Prior(0.2, 0.3),
        lambda facts: facts.product or None,
        _has_skill("product"),
    ),
    "speaks_language": PairColumn(
        SKILLS,
        "language",
        Prior(0.15, 0.3),
        lambda facts: facts.language or None,
        lambda roster, key, default_language: speaks(roster, str(key), default_language),
    ),
    "competitor_displaced": PairColumn(
        SKILLS, "competitor experience", Prior(0.15, 0.3), lambda facts: facts.competitors or None, _displaced
    ),
    "certification_fits": PairColumn(
        SKILLS, "certification", Prior(0.15, 0.3), _wanted_certificates, _certified
    ),
    "technical_depth_fits": PairColumn(
        SKILLS, "technical depth", Prior(0.15, 0.3), _asks_for_depth, _deep_enough
    ),
    "covers_territory": PairColumn(TERRITORY, "covers the territory", Prior(0.15, 0.3)),
    "deal_size_fits": PairColumn(
        DEAL, "deal size range", Prior(0.15, 0.3), lambda facts: facts.value, _deal_size_fits
    ),
    "load_above_80": PairColumn(CAPACITY, "load above 80 %", Prior(-0.3, 0.5)),
    "seniority": PairColumn(DEAL, "seniority", Prior(0.0, 0.2), lambda facts: 1.0, _times_seniority),
    "seniority_complexity": PairColumn(
        DEAL, "seniority with complex deals", Prior(0.0, 0.15), centred_complexity, _times_seniority
    ),
    "seniority_value": PairColumn(
        DEAL, "seniority with large deals", Prior(0.0, 0.15), log_value, _times_seniority
    ),
} | _style_columns()


# --- one against the roster, and many -------------------------------------------------------------------------------


def columns(
    facts: OpportunityFacts,
    roster: Roster,
    *,
    covers: Floats,
    load_share: Floats,
    default_language: str,
    only: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    """One array of length n by effect name; a column that is 0 for everybody may be absent.

    `covers` is how far each rep covers the matched territory: 1 personally, .5 through the team, 0 not; `load_share`
    open opportunities over the maximum. `only` leaves out effects that a model does not have.
    """
    found: dict[str, Floats] = {}
    for name, column in COLUMNS.items():
        if only is not None and name not in only:
            continue
        if name == "covers_territory":
            found[name] = covers
        elif name == "load_above_80":
            found[name] = tiredness(load_share)
        elif column.key is not None and column.values is not None:
            key = column.key(facts)
            if key is not None:
                found[name] = column.values(roster, key, default_language)
    return found


def tiredness(load_share: Floats) -> Floats:
    """How far the load lies above 80 % of the maximum."""
    return np.asarray(np.maximum(load_share - TIRED_FROM, 0.0))


@dataclass(frozen=True)
class Factored:
    """A column of m opportunities against n reps: `table` u × n, its last row zeros, and `code` (m) into its rows."""

    code: Ints
    table: Floats

    def own(self, rep: Ints) -> Floats:
        """m values, each with one rep; `rep` indexes the roster, −1 gives 0."""
        return np.asarray(np.where(rep >= 0, self.table[self.code, np.maximum(rep, 0)], 0.0))

    def all_pairs(self) -> Floats:
        """m × n values."""
        return np.asarray(self.table[self.code])


def factored_columns(
    opportunities: Sequence[OpportunityFacts], roster: Roster, default_language: str
) -> Iterator[tuple[str, Factored]]:
    """The columns that follow from opportunity and profile, of many opportunities, one after another: a column whose
    key is the value holds up to m × n numbers."""
    for name, column in COLUMNS.items():
        if column.key is None or column.values is None:
            continue
        keys = [column.key(facts) for facts in opportunities]
        different = {key: i for i, key in enumerate(dict.fromkeys(key for key in keys if key is not None))}
        rows = [column.values(roster, key, default_language) for key in different]
        table = np.vstack([*rows, np.zeros(len(roster))])
        code = np.array([len(different) if key is None else different[key] for key in keys], dtype=np.int64)
        yield name, Factored(code, table)
