"""Effects in words. A phrase is said only where the data carries it: a tag that the rep has, deals that were closed,
a record that is in fact better (or worse) than the rest of the team's. Otherwise the effect stays without words.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from routing.engine.columns import COLUMNS, STYLES
from routing.engine.evidence import Evidence, Known
from routing.engine.facts import OpportunityFacts
from routing.engine.model import REP

SMALL = 0.005  # an effect below this, in log-odds, is not worth a word
FEW_DEALS = 5  # a record of fewer is an accident as likely as not
MOST_RECORDS = 3


class TeamNames(Protocol):
    """Who can say what a team is called."""

    def team(self, team_id: int | None) -> str: ...


def by_weight(effects: Mapping[str, float]) -> list[tuple[str, float]]:
    """Effects that help, the strongest first; ties by name."""
    return sorted(((n, v) for n, v in effects.items() if v > SMALL), key=lambda item: (-item[1], item[0]))


def helps(name: str, known: Known, facts: OpportunityFacts) -> str:
    """What a positive effect says of the rep, in a few words; "" where there is nothing to say."""
    if name in _RECORDS:
        evidence = known.evidence.get(name)
        return (
            record(name, evidence) if evidence and evidence.closed >= FEW_DEALS and evidence.is_ahead else ""
        )
    if name == "load_above_80":
        return "has more room than others"
    if name not in known.has:
        return ""
    if name in _STYLES:
        return f"has a {_STYLES[name]} style, which has worked here"
    return _HELPS[name](facts) if name in _HELPS else ""


def hinders(name: str, known: Known, facts: OpportunityFacts) -> str:
    """What a negative effect says of the rep."""
    if name in _RECORDS:
        evidence = known.evidence.get(name)
        return (
            record(name, evidence) if evidence and evidence.closed >= FEW_DEALS and evidence.is_behind else ""
        )
    if name == "load_above_80":
        return "is loaded above 80 %" if name in known.has else ""
    if name in _STYLES:
        return f"has a {_STYLES[name]} style, which has worked less well here" if name in known.has else ""
    if name in known.has and name not in _GRADED:
        return f"{COLUMNS[name].label} has not shown in wins here" if name in _LACKS else ""
    return _LACKS[name](facts) if name in _LACKS else ""


def record(name: str, evidence: Evidence) -> str:
    """ "won 9 of 14 Healthcare deals"."""
    return f"won {evidence.won} of {evidence.closed} {_RECORDS[name](evidence.level)}"


def record_at_length(name: str, evidence: Evidence, names: TeamNames, *, is_first: bool = True) -> str:
    """The same with the rest of the team; the first one says whose and in how many months."""
    others = f"{evidence.team_won} of {evidence.team_closed}"
    if not is_first:
        return record(name, evidence) + (f" (they {others})" if evidence.team_closed else "")
    said = f"{record(name, evidence)} in {evidence.months} months"
    if not evidence.team_closed:
        return said
    return f"{said} (the rest of {names.team(evidence.team_id)} {others})"


def at_length(known: Known, facts: OpportunityFacts, names: TeamNames, effects: Sequence[str]) -> list[str]:
    """What the named effects say, the helpful ones first; of records the strongest few, with the deals behind them."""
    own = {name: known.effects[name] for name in effects if name in known.effects}
    helpful = [(name, helps(name, known, facts)) for name, _ in by_weight(own)]
    against = sorted((value, name) for name, value in own.items() if value < -SMALL)
    hindering = [(name, hinders(name, known, facts)) for _, name in against]
    said: list[str] = []
    records = 0
    for name, phrase in (*helpful, *hindering):
        if not phrase or phrase in said:
            continue
        if name not in _RECORDS:
            said.append(phrase)
        elif records < MOST_RECORDS:
            said.append(record_at_length(name, known.evidence[name], names, is_first=not records))
            records += 1
    return said


def unexplained_record(known: Known) -> bool:
    """Whether what was learned of the rep moves the score though the plain record does not show it: the leads were
    easier or harder than the team's."""
    total = sum(value for name, value in known.effects.items() if name in _RECORDS)
    return abs(total) > SMALL


_GRADED = {"covers_territory"}  # less of it than others is a lack too
_STYLES = {
    name: style for style in STYLES for name in COLUMNS if name.startswith(f"style_{style}_")
}  # effect → style
_RECORDS: dict[str, Callable[[str], str]] = {
    REP: lambda level: "deals",
    "rep_industry": lambda level: f"{level} deals",
    "rep_product": lambda level: f"{level} deals",
    "rep_source": lambda level: f"deals from {level}",
    "rep_size": lambda level: f"deals with companies of {level}",
    "rep_competitor": lambda level: (
        "deals without a competitor" if level == "none" else f"deals against {level}"
    ),
}
_HELPS: dict[str, Callable[[OpportunityFacts], str]] = {
    "industry_tag": lambda facts: f"knows {facts.industry}",
    "product_tag": lambda facts: f"sells {facts.product}",
    "speaks_language": lambda facts: f"speaks {facts.language}",
    "competitor_displaced": lambda facts: f"has won against {join(facts.competitors)}",
    "certification_fits": lambda facts: "holds a fitting certificate",
    "technical_depth_fits": lambda facts: f"is technical enough for complexity {facts.complexity}",
    "covers_territory": lambda facts: "covers this territory",
    "deal_size_fits": lambda facts: "is at home with deals of this size",
    "seniority": lambda facts: "has a seniority that wins more",
    "seniority_complexity": lambda facts: f"fits complexity {facts.complexity} by seniority",
    "seniority_value": lambda facts: "fits a deal of this size by seniority",
}
_LACKS: dict[str, Callable[[OpportunityFacts], str]] = {
    "industry_tag": lambda facts: f"has no {facts.industry} tag",
    "product_tag": lambda facts: f"is not certified on {facts.product}",
    "speaks_language": lambda facts: f"does not state {facts.language}",
    "competitor_displaced": lambda facts: f"has not displaced {join(facts.competitors)}",
    "certification_fits": lambda facts: "holds no fitting certificate",
    "technical_depth_fits": lambda facts: (
        f"has less technical depth than complexity {facts.complexity} asks for"
    ),
    "covers_territory": lambda facts: "covers this territory less directly than others",
    "deal_size_fits": lambda facts: "this size is outside the declared range",
}


def join(phrases: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    items = [phrase for phrase in phrases if phrase]
    if len(items) <= 1:
        return items[0] if items else ""
    return f"{', '.join(items[:-1])} and {items[-1]}"
