"""What can be said of one rep about one opportunity: effects, what the rep has, and the deals behind it.

Made once with the decision and stored in its trace, so that a list of a hundred reasons needs no model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routing.engine.facts import OpportunityFacts
from routing.engine.model import REP, Learned, Scores
from routing.engine.roster import Roster

LEAST_SAID = 0.0001  # effects that round to nothing are not stored


@dataclass(frozen=True)
class Evidence:
    """`won` of `closed` deals of a level (as people write it) in `months`; the rest of the rep's team beside it."""

    level: str
    won: int
    closed: int
    team_id: int
    team_won: int
    team_closed: int
    months: int

    @property
    def is_ahead(self) -> bool:
        """Whether the rep won a larger share than the rest of the team (of half, where the team has none)."""
        return self._against_team > 0

    @property
    def is_behind(self) -> bool:
        return self._against_team < 0

    @property
    def _against_team(self) -> float:
        if not self.closed or not self.team_closed:
            return 0.0
        return self.won / self.closed - self.team_won / self.team_closed


@dataclass(frozen=True)
class Known:
    """Of one rep: `effects` in log-odds against the reference by effect name, `has` the columns that are not 0."""

    effects: Mapping[str, float] = field(default_factory=dict)
    has: frozenset[str] = frozenset()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)

    @classmethod
    def of(
        cls, scores: Scores, learned: Learned | None, facts: OpportunityFacts, roster: Roster, rep: int
    ) -> "Known":
        """From the scores of a verdict; `rep` is the place in the roster."""
        rounded = {name: round(float(column[rep]), 4) for name, column in scores.effects.items()}
        return cls(
            effects={name: value for name, value in rounded.items() if abs(value) >= LEAST_SAID},
            has=frozenset(name for name in scores.effects if name in scores.has and scores.has[name][rep]),
            evidence={} if learned is None else evidence_of(learned, facts, roster, rep),
        )

    @classmethod
    def from_trace(cls, trace: Mapping[str, Any]) -> "Known":
        """As stored. Traces from before deals were learned from say only what helped."""
        effects = trace.get("effects", {})
        has = trace.get("has", [name for name, value in effects.items() if value > 0])
        evidence = {name: Evidence(*row) for name, row in trace.get("evidence", {}).items()}
        return cls(effects, frozenset(has), evidence)

    def to_trace(self) -> dict[str, Any]:
        found: dict[str, Any] = {"effects": dict(self.effects), "has": sorted(self.has)}
        if self.evidence:
            found["evidence"] = {
                name: [e.level, e.won, e.closed, e.team_id, e.team_won, e.team_closed, e.months]
                for name, e in self.evidence.items()
            }
        return found


def evidence_of(learned: Learned, facts: OpportunityFacts, roster: Roster, rep: int) -> dict[str, Evidence]:
    """Effect name → the deals behind it, where the rep has any."""
    found: dict[str, Evidence] = {}
    levels = learned.levels.of(facts)
    me = roster.reps[rep]
    team = [other for other in roster.members[me.team_id] if other != me.id]
    for name, by_level in learned.tallies.items():
        level = "" if name == REP else levels.get(name, "")
        by_rep = by_level.get(level, {})
        if me.id not in by_rep:
            continue
        won, closed = by_rep[me.id]
        others = [by_rep[other] for other in team if other in by_rep]
        found[REP if name == REP else f"rep_{name}"] = Evidence(
            level=learned.levels.label(name, level) if level else "",
            won=won,
            closed=closed,
            team_id=me.team_id,
            team_won=sum(pair[0] for pair in others),
            team_closed=sum(pair[1] for pair in others),
            months=learned.months,
        )
    return found
