"""A decision in sentences: why this rep, why not another, what would change it.

Takes what was stored (steps, effects, exits) and the names to say it with; says nothing that the data does not carry.
What it does not do: HTML, and looking names up.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from routing.engine.batch.plan import WhyNot as PlanWhyNot
from routing.engine.columns import CAPACITY, DEAL, DIMENSION_LABELS, DIMENSIONS, HISTORY, SKILLS
from routing.engine.columns import TERRITORY as TERRITORY_PART
from routing.engine.evidence import Known
from routing.engine.facts import OpportunityFacts
from routing.engine.model import EFFECT_DIMENSION
from routing.engine.phrases import SMALL, at_length, by_weight, helps, hinders, join, unexplained_record
from routing.engine.verdict import OF_ACCOUNT, OF_UNDECIDED, Exit


@dataclass(frozen=True)
class Names:
    """What ids are called. An id without a name is said as "somebody who has left"."""

    reps: Mapping[int, str] = field(default_factory=dict)
    teams: Mapping[int, str] = field(default_factory=dict)
    territories: Mapping[int, str] = field(default_factory=dict)
    rules: Mapping[int, str] = field(default_factory=dict)
    opportunities: Mapping[int, str] = field(default_factory=dict)

    def rep(self, rep_id: int | None) -> str:
        return self.reps.get(rep_id or 0, "somebody who has left")

    def team(self, team_id: int | None) -> str:
        return self.teams.get(team_id or 0, "no team")

    def rule(self, rule_id: int | None) -> str:
        return self.rules.get(rule_id or 0, "a deleted rule")

    def territory(self, territory_id: int | None) -> str:
        return self.territories.get(territory_id or 0, "a deleted territory")

    def opportunity(self, opportunity_id: int | None) -> str:
        name = self.opportunities.get(opportunity_id or 0)
        return f"“{name}”" if name else "a deleted opportunity"


@dataclass(frozen=True)
class RepMoment:
    """What the sentences need of a rep at the moment of the decision. `away_until` None: present, or without an end."""

    id: int
    load: int
    committed: int
    max_open: int
    week: int
    max_new_per_week: int
    is_away: bool = False
    away_until: datetime.datetime | None = None
    works_now: bool = True


@dataclass(frozen=True)
class Part:
    """One of the five dimensions: its share of the log-odds ratio as shown, and the sentence."""

    label: str
    value: float
    sentence: str


@dataclass(frozen=True)
class Line:
    """One step of the ladder as it is shown."""

    label: str
    sentence: str
    before: int
    after: int
    is_idle: bool


# --- why this rep -------------------------------------------------------------------------------------------------


def headline(facts: OpportunityFacts, via: str, trace: Mapping[str, Any], names: Names) -> str:
    """The one sentence of the queue: "won 9 of 14 Healthcare deals and speaks German"."""
    if via in _HEADLINES:
        return _HEADLINES[via](trace["steps"], names)
    if "archive" in trace:
        return f"its reasons are in the archive ({trace['archive']})"
    known = Known.from_trace(trace)
    good = [phrase for name, _ in by_weight(known.effects) if (phrase := helps(name, known, facts))]
    said = (
        join(list(dict.fromkeys(good))[:3])
        or "no one stands out for this one; reps are hard to tell apart here"
    )
    planned = _find(trace["steps"], "batch")
    if planned.get("rep") is not None and planned.get("best") not in (None, planned["rep"]):
        return (
            f"{said} (best for the whole batch; {names.rep(planned['best'])} is worth more to others of it)"
        )
    explored = _find(trace["steps"], "prediction").get("explored")
    return f"{said} (chosen at random among {explored['among']} who come close)" if explored else said


def _find(steps: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((step["found"] for step in reversed(steps) if step["name"] == name), {})
    return found


def _named(steps: Sequence[Mapping[str, Any]], names: Names) -> str:
    return "owns the account"


def _covering(steps: Sequence[Mapping[str, Any]], names: Names) -> str:
    return f"stands in for {names.rep(_find(steps, 'named_account').get('owner'))}, who owns the account and is away"


def _repeats(steps: Sequence[Mapping[str, Any]], names: Names) -> str:
    found = _find(steps, "duplicate")
    return f"repeats {names.opportunity(found['original'])}, which {names.rep(found['owner'])} works on"


def _covering_repeat(steps: Sequence[Mapping[str, Any]], names: Names) -> str:
    owner = names.rep(_find(steps, "duplicate").get("owner"))
    return f"{_repeats(steps, names)}; stands in for {owner}, who is away"


def _by_rule(steps: Sequence[Mapping[str, Any]], names: Names) -> str:
    routed = [
        step["found"]
        for step in steps
        if step["name"] == "rule" and step["found"]["action"] == "route_to_rep"
    ]
    return f"the rule “{names.rule(routed[0]['rule'] if routed else None)}” says so"


def _in_turn(steps: Sequence[Mapping[str, Any]], names: Names) -> str:
    prediction = _find(steps, "prediction")
    planned = _find(steps, "batch")
    why = (
        "nobody is a clear match"
        if prediction.get("why") == "not_confident"
        else f"in its batch {PlanWhyNot(planned['why_not']).label}"
        if planned
        else "those who can take it are near capacity"
    )
    return f"next in turn in {names.team(_find(steps, 'fallback').get('team'))}: {why}"


def _by_strategy(steps: Sequence[Mapping[str, Any]], names: Names) -> str:
    return f"next in turn, as the experiment “{_find(steps, 'experiment').get('name')}” has it for this one"


_HEADLINES = {
    "strategy": _by_strategy,
    "duplicate": _repeats,
    "duplicate_cover": _covering_repeat,
    "named_account": _named,
    "covering": _covering,
    "rule": _by_rule,
    "round_robin": _in_turn,
}


def parts(
    facts: OpportunityFacts, part_values: Sequence[float], known: Known, names: Names, has_history: bool
) -> list[Part]:
    """The five dimensions; the values shown add up to the shown sum (`shown_sum`)."""
    shown = round_to_sum(part_values, 2)
    return [
        Part(DIMENSION_LABELS[name], shown[i], _part_sentence(i, facts, known, names, has_history))
        for i, name in enumerate(DIMENSIONS)
    ]


def shown_sum(part_values: Sequence[float]) -> float:
    """The log-odds ratio as shown: two decimals, the sum of the parts as shown."""
    return round(sum(part_values), 2)


def round_to_sum(values: Sequence[float], decimals: int) -> list[float]:
    """Values rounded so that they add up to the rounded sum (largest remainder)."""
    unit = 10**decimals
    floors = [int(value * unit // 1) for value in values]
    missing = round(sum(values) * unit) - sum(floors)
    order = sorted(range(len(values)), key=lambda i: (floors[i] - values[i] * unit, i))
    for i in order[:missing]:
        floors[i] += 1
    return [value / unit for value in floors]


_NOTHING = {
    SKILLS: "nothing declared tells this rep from the others here",
    TERRITORY_PART: "the same for everybody who is left",
    CAPACITY: "load makes no difference here",
    HISTORY: "no deals of this kind tell this rep from the others",
    DEAL: "nothing about this deal tells this rep from the others",
}
NO_HISTORY = "nothing learned from past deals has entered this score"
HARDER_OR_EASIER = "from past deals, given how easy or hard their leads were"


def _part_sentence(part: int, facts: OpportunityFacts, known: Known, names: Names, has_history: bool) -> str:
    own = [name for name in known.effects if EFFECT_DIMENSION.get(name) == part]
    text = join(at_length(known, facts, names, own))
    if text or part != HISTORY:
        return text or _NOTHING[part]
    if not has_history:
        return NO_HISTORY
    return HARDER_OR_EASIER if unexplained_record(known) else _NOTHING[HISTORY]


# --- how it was decided -------------------------------------------------------------------------------------------


def ladder_lines(steps: Sequence[Mapping[str, Any]], names: Names) -> list[Line]:
    """The trace, a line for each step."""
    return [
        Line(
            label=_STEP_LABELS[step["name"]],
            sentence="nobody is left"
            if step["before"] == 0 and step["name"] in ("eligibility", "prediction")
            else _SENTENCES[step["name"]](step["found"], names),
            before=step["before"],
            after=step["after"],
            is_idle=step["before"] == step["after"],
        )
        for step in steps
    ]


_STEP_LABELS = {
    "locked": "Lock",
    "not_again": "Had it before",
    "duplicate": "Duplicate",
    "named_account": "Named account",
    "territory": "Territory",
    "rule": "Rule",
    "rule_skipped": "Rule skipped",
    "eligibility": "Eligible now",
    "ready": "Quick answer",
    "prediction": "Prediction",
    "batch": "Batch",
    "experiment": "Experiment",
    "strategy": "Strategy",
    "fallback": "Fallback",
}


TURNED = {
    "missed": "had it and did not touch it in time",
    "unanswered": "had it and did not answer in time",
    "declined": "had it and declined",
    "passed": "had it and passed",
}


def _say_not_again(found: Mapping[str, Any], names: Names) -> str:
    """Who is not offered it again, and why."""
    return (
        join([f"{names.rep(rep_id)} {TURNED[why]}" for rep_id, why in found["reps"]]) + ": not offered again"
    )


def _say_duplicate(found: Mapping[str, Any], names: Names) -> str:
    owner, repeats = names.rep(found.get("owner")), f"repeats {names.opportunity(found['original'])}"
    return {
        "undecided": f"{repeats}, which is not decided yet: goes to whoever gets that one",
        "owner_left": f"{repeats}, but its owner has left, so it is routed like any other",
        "owner": f"{repeats}, which {owner} works on: goes there whatever the load",
        "owner_away_covered": f"{repeats}; {owner} works on that and is away; {names.rep(found.get('covering'))} "
        "stands in",
        "owner_away": f"{repeats}; {owner} works on that and is away: stays in {names.team(found.get('team'))}",
        "owner_away_elsewhere": f"{repeats}; {owner} works on that, but is away and of another team",
        "owner_had_it": f"{repeats}; {owner} works on that, but had this one: routed like any other",
    }[found["why"]]


def _say_named_account(found: Mapping[str, Any], names: Names) -> str:
    owner = names.rep(found.get("owner"))
    return {
        "no_owner": "no rep owns the account",
        "owner_left": "the account's owner has left, so it counts as unowned",
        "owner": f"{owner} owns the account: goes there whatever the load",
        "owner_away_covered": f"{owner} owns the account and is away; {names.rep(found.get('covering'))} stands in",
        "owner_away": f"{owner} owns the account and is away: stays in {names.team(found.get('team'))}",
        "owner_away_elsewhere": f"{owner} owns the account, but is away and of another team",
        "owner_had_it": f"{owner} owns the account, but had this one: routed like any other",
    }[found["why"]]


def _say_territory(found: Mapping[str, Any], names: Names) -> str:
    if found["why"] == "not_used":
        return "no territories are set up"
    if found["why"] == "none":
        return "no territory matches: everybody stays in"
    text = names.territory(found["territory"])
    if found["coverage_of"] is None:
        return f"{text}: nobody covers it today"
    if found["coverage_of"] != found["territory"]:
        text += f", covered through {names.territory(found['coverage_of'])}"
    if found.get("tied_with"):
        text += f" (also inside {join([names.territory(t) for t in found['tied_with']])}: the territories overlap)"
    return text


def _say_rule(found: Mapping[str, Any], names: Names) -> str:
    verb = {
        "route_to_rep": "routes to a rep",
        "route_to_team": "routes to a team",
        "exclude_reps": "excludes reps",
        "require": "asks for something",
    }[found["action"]]
    return f"“{names.rule(found['rule'])}” {verb}"


def _say_rule_skipped(found: Mapping[str, Any], names: Names) -> str:
    why = (
        "it would leave nobody"
        if found["why"] == "would_leave_nobody"
        else "it asks for a field that this opportunity leaves empty"
    )
    return f"“{names.rule(found['rule'])}” matches, but {why}"


def _say_eligibility(found: Mapping[str, Any], names: Names) -> str:
    words = {
        "language": "without the language",
        "away": "away",
        "off_hours": "outside working hours",
        "at_capacity": "at capacity",
        "over_capacity": "over capacity",
        "weekly_cap": "at the weekly cap",
        "pipeline_cap": "at the pipeline cap",
    }
    out = [f"{count} {words[name]}" for name, count in found["out"].items()]
    text = join(out) if out else "everybody left can take it now"
    if found.get("nobody_speaks"):
        text += f"; nobody left speaks {found['nobody_speaks']}, so the language only counts in the score"
    return text


def _say_ready(found: Mapping[str, Any], names: Names) -> str:
    ready, of = found["ready"], found["of"]
    works = "works now and has room" if ready == 1 else "work now and have room"
    return (
        "needs a quick answer: "
        + {
            "among_them": f"{ready} of {of} {works}; chosen among them",
            "not_confident": f"{ready} of {of} {works}, but nobody of them is a clear match; chosen among all {of}",
            "nobody_ready": f"nobody of {of} works now and has room; chosen among all {of}",
        }[found["why"]]
    )


def _say_prediction(found: Mapping[str, Any], names: Names) -> str:
    if found["why"] == "rule_named_the_rep":
        return f"not asked: a rule named {names.rep(found['rep'])}"
    if found["why"] == "nobody_eligible":
        return f"nobody can take it (those near capacity only from a score of {found['high_match']:.0f})"
    best = f"{names.rep(found['rep'])} {found['score']:.0f}, threshold {found['threshold']:.0f}"
    if found["why"] != "best":
        return f"{best}: not confident enough"
    explored = found.get("explored")
    if not explored:
        return best
    within = f"within {explored['within']:g} points of the best"
    return f"{best}; chosen at random among {explored['among']} {within} (exploration)"


def _say_batch(found: Mapping[str, Any], names: Names) -> str:
    best, number = found.get("best"), found["batch"]
    if found["rep"] is None:
        return f"batch {number} has nobody for it: {PlanWhyNot(found['why_not']).label}"
    rep = f"{names.rep(found['rep'])} {found['score']:.0f}, chosen for all of batch {number} together"
    if best in (None, found["rep"]):
        return rep
    return f"{rep}; {names.rep(best)} ({found['best_score']:.0f}) is worth more to others of it"


CHOICES = {
    "predict": "the best match",
    "explore": "the best match, now and then one that comes close",
    "as_configured": "as another configuration version says",
    "turns": "the next in turn, all alike",
    "weighted_turns": "the next in turn, by the reps’ weights",
    "territory_turns": "the next in turn in the territory, without rules",
}


def _say_experiment(found: Mapping[str, Any], names: Names) -> str:
    if found.get("after"):
        return f"“{found['name']}” is over, and this strategy stays: {CHOICES[found['choice']]}"
    return f"“{found['name']}” compares strategies; here: {CHOICES[found['choice']]}"


def _say_strategy(found: Mapping[str, Any], names: Names) -> str:
    return f"{names.rep(found['rep'])} is next of {found['of']}"


def _say_fallback(found: Mapping[str, Any], names: Names) -> str:
    if found["why"] == "round_robin":
        ready = " who work now and have room" if found.get("ready") else ""
        return (
            f"round-robin in {names.team(found['team'])}: {names.rep(found['rep'])} is next of "
            f"{found['of']}{ready}"
        )
    if found["why"] == "manager":
        return f"to the manager of {names.team(found['team'])}"
    return "held in the queue until somebody can take it"


_SENTENCES = {
    "locked": lambda found, names: "locked: automation leaves it alone",
    "not_again": _say_not_again,
    "duplicate": _say_duplicate,
    "named_account": _say_named_account,
    "territory": _say_territory,
    "rule": _say_rule,
    "rule_skipped": _say_rule_skipped,
    "eligibility": _say_eligibility,
    "ready": _say_ready,
    "prediction": _say_prediction,
    "batch": _say_batch,
    "experiment": _say_experiment,
    "strategy": _say_strategy,
    "fallback": _say_fallback,
}


# --- why not another ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WhyNot:
    """Why a rep was not chosen, and what would have to change."""

    reason: str
    change: str


def why_not(
    code: Exit,
    moment: RepMoment,
    *,
    rule_name: str = "",
    chosen: str = "",
    gap: float | None = None,
    missing: Sequence[str] = (),
    penalties: Sequence[str] = (),
    near_up_to_pct: float = 90.0,
    high_match: float = 70.0,
    threshold: float = 50.0,
    owner_is_away: bool = False,
    about: int = OF_ACCOUNT,
    turned: str = "",
) -> WhyNot:
    """`chosen`: who was chosen, or came closest; `gap`: the priority by which that rep was ahead; `missing`: what this
    rep lacks, `penalties`: what lowers the priority and is no odds of winning, both in words; `about`: of what this rep
    is not the owner; `turned`: why this rep is not offered it again (a key of `TURNED`)."""
    if code is Exit.NOT_AGAIN:
        return WhyNot(TURNED[turned], "a person giving it by hand")
    if about != OF_ACCOUNT and code in (Exit.NOT_THE_OWNER, Exit.NOT_THE_COVERING_REP):
        return _not_of_original(code, about, owner_is_away)
    if code is Exit.AWAY:
        back = f"back on {moment.away_until:%d %b %H:%M}" if moment.away_until else "once marked as back"
        return WhyNot("is away", back)
    if code in (Exit.AT_CAPACITY, Exit.OVER_CAPACITY):
        return WhyNot(
            f"is at {100 * moment.committed / max(moment.max_open, 1):.0f} % of the maximum",
            f"{_closings(moment, near_up_to_pct)} fewer open or suggested",
        )
    if code is Exit.WEEKLY_CAP:
        return WhyNot(
            f"had {moment.week} of {moment.max_new_per_week} this week", "an assignment older than a week"
        )
    if code is Exit.LOWER_PRIORITY:
        ahead = f"{chosen} is ahead" + (f" by {gap:.2f}" if gap is not None and gap >= SMALL else "")
        lowered = f", lowered by {join(penalties)}" if penalties else ""
        reasons = [*missing, *(_WITHOUT_PENALTY[name] for name in penalties)]
        return WhyNot(ahead + lowered, join(reasons) or "a higher priority")
    if code is Exit.NOT_READY:
        return _not_ready(moment)
    if code is Exit.NOT_IN_PLAN:
        return WhyNot(
            "is worth more to others of the batch, or was full with them", "a slot more in the batch"
        )
    if code is Exit.NOT_THE_OWNER and owner_is_away:
        return WhyNot("is not in the team of the account’s owner, who is away", "being in that team")
    return _plain(code, rule_name=rule_name, chosen=chosen, high_match=high_match, threshold=threshold)


def _not_ready(moment: RepMoment) -> WhyNot:
    if moment.works_now:
        return WhyNot("is near capacity, and this needs a quick answer", "a lower load")
    return WhyNot("does not work now, and this needs a quick answer", "the working day’s begin")


def _not_of_original(code: Exit, about: int, owner_is_away: bool) -> WhyNot:
    """Who is not the owner of what the opportunity repeats."""
    if about == OF_UNDECIDED:
        return WhyNot("what it repeats is not decided yet", "getting what it repeats")
    if code is Exit.NOT_THE_COVERING_REP:
        return WhyNot("does not stand in for the owner of what it repeats", "being the covering rep")
    if owner_is_away:
        return WhyNot("is not in the team of the owner of what it repeats, who is away", "being in that team")
    return WhyNot("does not work on what it repeats", "working on what it repeats")


def _plain(code: Exit, *, rule_name: str, chosen: str, high_match: float, threshold: float) -> WhyNot:
    """The reasons that need no numbers of the moment."""
    reasons = {
        Exit.IN: ("was chosen", "–"),
        Exit.NOT_CONFIDENT: (
            f"came closest, but scores below the threshold of {threshold:.0f}",
            "a better fit",
        ),
        Exit.NOT_THE_TURN: (f"{chosen} was next in turn", "the next turn"),
        Exit.NOT_THE_OWNER: ("does not own the account", "owning the account"),
        Exit.NOT_THE_COVERING_REP: ("does not stand in for the owner", "being the covering rep"),
        Exit.OUTSIDE_TERRITORY: ("does not cover the territory", "covering the territory"),
        Exit.RULE: (f"left out by the rule “{rule_name}”", "another rule"),
        Exit.LANGUAGE: ("does not speak the language", "stating the language"),
        Exit.OTHER_ARM: ("works for the other arm of an experiment", "the end of the experiment"),
        Exit.ARM_FULL: ("has no slot left for this arm of an experiment", "fewer open ones of the arm"),
        Exit.OFF_HOURS: ("is outside working hours", "the working day's begin"),
        Exit.PIPELINE_CAP: ("would exceed the pipeline value cap", "a smaller pipeline or a higher cap"),
        Exit.NOT_HIGH_MATCH: (f"is near capacity and scores below {high_match:.0f}", "a lower load"),
    }
    reason, change = reasons[code]
    return WhyNot(reason, change)


_WITHOUT_PENALTY = {
    "near capacity": "a lower load",
    "assigned today": "fewer new ones today",
    "pipeline value": "a smaller pipeline",
    "absence ahead": "no absence ahead",
}


def _closings(moment: RepMoment, near_up_to_pct: float) -> int:
    """How many must go until the rep is no more than near capacity."""
    allowed = int(moment.max_open * near_up_to_pct / 100)
    return max(moment.committed - allowed, 1)


def missing_phrases(chosen: Known, other: Known, facts: OpportunityFacts) -> list[str]:
    """What the other lacks against the chosen one, the heaviest first."""
    gaps = {name: value - other.effects.get(name, 0.0) for name, value in chosen.effects.items()}
    gaps |= {name: -value for name, value in other.effects.items() if name not in chosen.effects}
    return [phrase for name, _ in by_weight(gaps) if (phrase := hinders(name, other, facts))][:2]
