"""Whom a rule leaves, and which rules together leave nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routing.engine.columns import speaks
from routing.engine.configuration import SKILL_REQUIREMENTS, Rule
from routing.engine.facts import OpportunityFacts
from routing.engine.roster import Floats, Mask, Roster

ROUTES = ("route_to_rep", "route_to_team")


def kept_by(rule: Rule, roster: Roster, facts: OpportunityFacts, default_language: str) -> Mask | None:
    """The reps a rule leaves (n); None where it asks for the opportunity's own value and there is none."""
    if rule.action == "route_to_rep":
        return np.asarray(roster.ids == rule.rep_id)
    if rule.action == "route_to_team":
        return np.asarray(roster.team_ids == rule.team_id)
    if rule.action == "exclude_reps":
        return roster.without(tuple(rule.excluded))
    return _meeting(rule, roster, facts, default_language)


def _meeting(rule: Rule, roster: Roster, facts: OpportunityFacts, default_language: str) -> Mask | None:
    name, value = rule.required_field, rule.required_value
    if name == "deal_size":
        low, high, declared = roster.deal_size
        amount = facts.value
        return None if amount is None else declared & (low <= amount) & (amount <= high)
    if name in SKILL_REQUIREMENTS:
        wanted = (value,) if value else _own_values(name, facts)
        if not wanted:
            return None
        held = [_has_skill(roster, name, item, default_language) for item in wanted]
        return np.asarray(np.maximum.reduce(held) > 0)
    if name in ("seniority", "technical_depth"):
        return np.asarray(getattr(roster, name) >= int(value))
    return roster.attribute(name, value)


def _own_values(name: str, facts: OpportunityFacts) -> tuple[str, ...]:
    if name == "competitor":
        return facts.competitors
    own = str(getattr(facts, name, ""))
    return (own,) if own else ()


def _has_skill(roster: Roster, kind: str, name: str, default_language: str) -> Floats:
    if kind == "language":
        return speaks(roster, name, default_language)
    return roster.skill(kind, name)


@dataclass(frozen=True)
class Deadlock:
    """At `rule` (its place), nobody is left of those whom `before` (places) left."""

    rule: int
    before: tuple[int, ...]


def deadlocks(matching: Sequence[tuple[int, Rule]], roster: Roster, default_language: str) -> list[Deadlock]:
    """Rules that leave nobody, of those that match one opportunity, given with their places in rising order.

    What asks for the opportunity's own value is passed over, and so is a rule that leaves nobody even alone: its own
    warning says so.
    """
    nothing = OpportunityFacts(0)
    mask = np.ones(len(roster), dtype=bool)
    narrowed: list[int] = []
    found: list[Deadlock] = []
    routed = False
    for place, rule in matching:
        if rule.action in ROUTES and routed:
            continue
        keep = kept_by(rule, roster, nothing, default_language)
        if keep is None or not keep.any():
            continue
        if not (mask & keep).any():
            found.append(Deadlock(place, tuple(narrowed)))
            continue
        routed = routed or rule.action in ROUTES
        if not (keep | ~mask).all():
            narrowed.append(place)
        mask = mask & keep
    return found
