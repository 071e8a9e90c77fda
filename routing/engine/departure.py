"""A configuration without somebody who leaves: his rules and territories go to somebody else, or go.

What it does not do: judge whether what remains is enough. A rule that routed to him alone is left out where nobody
takes it over; an exclusion of nobody is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class WithoutRep:
    """The content without the rep, and the names of what changed: rules that routed to him, rules that excluded him,
    territories that he covered."""

    content: dict[str, Any]
    routes: tuple[str, ...]
    exclusions: tuple[str, ...]
    territories: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return bool(self.routes or self.exclusions or self.territories)


def without_rep(
    content: Row, rep_id: int, *, rules_to: int | None = None, territories_to: int | None = None
) -> WithoutRep:
    """The content of a version (`routing.queries.configuration.working_content`) in which nothing names the rep."""
    rules: list[Row] = []
    routes: list[str] = []
    exclusions: list[str] = []
    for row in content.get("rules", ()):
        if not names_rep(row, rep_id):
            rules.append(row)
            continue
        (routes if row.get("rep_id") == rep_id else exclusions).append(row["name"])
        left = _rule_without(row, rep_id, rules_to)
        if left is not None:
            rules.append(left)
    territories, named_territories = [], []
    for row in content.get("territories", ()):
        covers = row.get("coverage", ())
        if any(cover.get("rep_id") == rep_id for cover in covers):
            named_territories.append(row["name"])
            territories.append({**row, "coverage": coverage_without(covers, rep_id, territories_to)})
        else:
            territories.append(row)
    return WithoutRep(
        {**content, "rules": rules, "territories": territories},
        tuple(routes),
        tuple(exclusions),
        tuple(named_territories),
    )


def names_rep(rule: Row, rep_id: int) -> bool:
    return rule.get("rep_id") == rep_id or rep_id in rule.get("excluded", ())


def _rule_without(rule: Row, rep_id: int, to: int | None) -> Row | None:
    """None where nothing is left of it."""
    excluded = [one for one in rule.get("excluded", ()) if one != rep_id]
    if rule.get("rep_id") == rep_id:
        return None if to is None else {**rule, "rep_id": to, "excluded": excluded}
    return {**rule, "excluded": excluded} if excluded or rule.get("rep_id") else None


def coverage_without(covers: Sequence[Row], rep_id: int, to: int | None) -> list[Row]:
    """Who takes over covers from the same day to the same day; who covers in those days already stays once."""
    kept = [cover for cover in covers if cover.get("rep_id") != rep_id]
    if to is not None:
        for cover in covers:
            over = {**cover, "rep_id": to}
            if cover.get("rep_id") == rep_id and over not in kept:
                kept.append(over)
    return kept
