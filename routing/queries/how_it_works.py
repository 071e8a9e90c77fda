"""“How routing works here”: the live rules, policies, limits and model told in sentences, and what of it names the
reader. Made from what decides at this moment, so it is never out of date.
"""

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm.engine.spoken import Said
from crm.models import Account
from reps.models import Rep, User
from routing.engine.configuration import Capacity
from routing.models import ConfigurationVersion, ModelVersion, Policy
from routing.queries.configuration import compiled, live_version
from routing.queries.model_beliefs import Belief, declared, effects
from routing.queries.model_words import listed, words_of
from routing.queries.models import champion_version
from routing.queries.sentences import Sentence, Speaker, load_speaker

SHOWN_EFFECTS = 6
ADVICE = (
    "Keep your profile current: what it states is where the matching starts from.",
    "Mark yourself as away before you go, and say who stands in.",
    "Log the first call, email or meeting: the clock stops with it.",
    "Say it when a lead does not fit: reasons of overrides are learned from.",
)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One step: what it is called, what it does, and the live settings of it as sentences."""

    title: str
    text: str
    lines: Sequence[tuple[str, Sentence]] = ()
    closing: str = ""


@dataclass(frozen=True)
class About:
    """What of it names one rep."""

    rep: Rep
    lines: Sequence[Sentence] = ()


@dataclass(frozen=True)
class HowItWorks:
    version: ConfigurationVersion
    model: ModelVersion
    parts: Sequence[Part]
    about: About | None = None
    advice: Sequence[str] = ADVICE


def how_it_works(user: User, now: datetime.datetime) -> HowItWorks:
    """A fixed number of queries, whatever the number of rules."""
    version, model = live_version(), champion_version()
    content, configuration = version.content, compiled(version.pk)
    rows = [*content["territories"], *content["rules"], *content["policies"]]
    speaker = load_speaker(rows, content.get("custom_fields"))
    parts = [
        _named_accounts(),
        _territories(content, speaker),
        _rules(content, speaker, now),
        _who_can(configuration.capacity, content),
        _prediction(model),
        _priority(configuration.capacity),
        _policies(content, speaker),
        _turns(content),
        _people(),
    ]
    rep = Rep.objects.select_related("team", "role_template").filter(user=user, left_at__isnull=True).first()
    about = None if rep is None else _about(rep, content, speaker)
    return HowItWorks(version, model, parts, about)


def number(value: float) -> str:
    return f"{value:,.10g}"


def _named_accounts() -> Part:
    owned = Account.objects.filter(owner__isnull=False, owner__left_at__isnull=True).count()
    what = "1 account has" if owned == 1 else f"{owned:,} accounts have"
    return Part(
        "Named accounts come first",
        f"{what} an owner. What comes in for such an account goes to its owner, whatever the owner’s load. While the "
        "owner is away it goes to whoever stands in, else it goes on within the owner’s team. What repeats an open "
        "opportunity goes to whoever works on that one.",
    )


def _territories(content: Row, speaker: Speaker) -> Part:
    rows = content["territories"]
    by_id = {row["id"]: row for row in rows}
    parents = {row["parent_id"] for row in rows}
    lines = []
    for row in rows:
        above = by_id.get(row["parent_id"])
        inside = above["name"] if above else ""
        said = speaker.territory(row, inside=inside, around_others=row["id"] in parents)
        lines.append((row["name"], said))
    if not lines:
        return Part("Territories", "There are none: everybody may get everything.")
    return Part(
        "Territories are walls",
        "Nothing below leaves the territory that an opportunity falls into. Where several match, the most specific one "
        "counts.",
        lines,
    )


def _rules(content: Row, speaker: Speaker, now: datetime.datetime) -> Part:
    lines = [(row["name"], speaker.rule(row)) for row in content["rules"] if not _is_over(row, now)]
    if not lines:
        return Part("Rules", "There are none beyond the territories.")
    return Part(
        "Rules, from the top",
        "The first rule that routes to a rep or a team counts; exclusions and requirements all apply.",
        lines,
        "A rule that would leave nobody at all is skipped. One that leaves only people who are full or away leads to "
        "what is said below for that case, never to somebody else.",
    )


def _is_over(row: Row, now: datetime.datetime) -> bool:
    ends: str | None = row.get("ends_at")
    return ends is not None and datetime.datetime.fromisoformat(ends) <= now


def _who_can(capacity: Capacity, content: Row) -> Part:
    bounds = capacity.bounds
    high = (
        f"the best {number(100 * capacity.high_match_top_share)} % of recent matches"
        if capacity.high_match_top_share
        else f"matches of {number(capacity.high_match_score)} or more"
    )
    return Part(
        "Who can take it",
        f"Nobody gets anything new while away. Up to {number(bounds.available_up_to)} % of the own maximum of open "
        f"opportunities a rep is available; above, up to {number(bounds.near_up_to)} %, only {high} come; above that "
        f"nothing is assigned automatically, and above {number(bounds.at_up_to)} % the manager is told. What is "
        "suggested and not decided yet counts as open. The maximum of new ones in seven days and of pipeline value "
        "hold as well. Where a language is required, only those who speak it are asked, as long as somebody does; "
        f"who states none speaks {content.get('default_language', 'English')}.",
    )


def _prediction(model: ModelVersion) -> Part:
    if model.kind == ModelVersion.Kind.RULES:
        text = (
            "Among those who are left, the best match is searched by what the profiles state: there are too few closed "
            "deals to learn from yet."
        )
    else:
        trained = model.report.get("trained_on", {})
        deals = trained.get("deals") or trained.get("closed")
        since = f" from {deals:,} closed deals" if isinstance(deals, int) else ""
        text = (
            f"Among those who are left, model {model.number} searches the best match. It has learned{since}: who won "
            "what, with recent deals counting more and few deals counting little. What the profiles state is where it "
            "starts from."
        )
    return Part(
        "The best match",
        f"{text} The match score says how much better a rep’s odds are than the average rep’s: 50 is as good, 69 is "
        "one and a half times, 80 is twice the odds. Load and absence today do not change it.",
        [(belief.name, (Said(belief.sentence),)) for belief in _strongest(model)],
    )


def _strongest(model: ModelVersion) -> list[Belief]:
    """What weighs most in a pairing, as far as it is clear."""
    names = words_of(model.artifact, {})
    if model.kind == ModelVersion.Kind.RULES:
        return declared(model.artifact, names)[:SHOWN_EFFECTS]
    return [one for one in effects(model.report, names, "pair") if one.is_clear][:SHOWN_EFFECTS]


def _priority(capacity: Capacity) -> Part:
    def as_odds(log_odds: float) -> str:
        return f"{100 * (1 - math.exp(-log_odds)):.0f} %"

    reasons = [
        f"near capacity, as if the odds were {as_odds(capacity.near_capacity_penalty)} lower",
        f"each new one today beyond the comfortable number, {as_odds(capacity.assigned_today_penalty)}",
        f"pipeline at twice the peers’ value, {as_odds(capacity.pipeline_penalty)}",
        f"an absence within {number(capacity.absence_horizon_hours)} hours, "
        f"{as_odds(capacity.absence_ahead_penalty)}",
    ]
    return Part(
        "What lowers priority",
        f"It is given to whoever has the highest score after these: {'; '.join(reasons)}.",
    )


def _policies(content: Row, speaker: Speaker) -> Part:
    lines = [(row["name"], speaker.policy(row)) for row in content["policies"]]
    assigns = any(row["application"] == Policy.Application.ASSIGN for row in content["policies"])
    who = (
        "Where a policy assigns, it is yours at once; where it suggests, a manager confirms."
        if assigns
        else "Everything is suggested: a manager confirms before anything is anybody’s."
    )
    return Part(
        "Suggested or assigned",
        f"{who} The first policy that matches counts. The threshold is the least match score that counts as confident; "
        "below it, or where everybody is full, comes what stands after “else”.",
        lines,
    )


def _turns(content: Row) -> Part:
    goes_round = any("round_robin" in row.get("fallback", ()) for row in content["policies"])
    if not goes_round:
        return Part("Turns", "Nothing goes round-robin here.")
    return Part(
        "Turns",
        "Round-robin goes by turns kept for each rep: equal shares, or as many as the share of turns in the profile "
        "says. Who is away loses no turn that was due and gets no burst afterwards: missed rounds are forgotten. Those "
        "available come before those near capacity.",
    )


def _people() -> Part:
    return Part(
        "People decide",
        "Managers and ops can give anything to anybody, and say why; that teaches the model. What is locked is never "
        "moved by automation, and nobody’s choice is undone by it. Every decision keeps who was in, who went out and "
        "why: “Why me?” on each lead shows it.",
    )


# --- what names the reader -------------------------------------------------------------------------------------------


def _about(rep: Rep, content: Row, speaker: Speaker) -> About:
    mine = _covered(rep, content)
    owned = Account.objects.filter(owner=rep).count()
    lines: list[Sentence] = [
        (
            Said("At most "), Said(f"{rep.max_open:,}", True), Said(" open at a time and "),
            Said(f"{rep.max_new_per_week:,}", True), Said(f" new in seven days ({rep.role_template}). You have "),
            Said(f"{rep.load:,}", True), Said(" open."),
        )
    ]  # fmt: skip
    if owned:
        what = "named account" if owned == 1 else "named accounts"
        lines.append((Said("You own "), Said(f"{owned:,} {what}", True), Said(".")))
    if mine:
        lines.append((Said("You cover "), Said(listed(mine), True), Said(".")))
    for row in content["rules"]:
        if row.get("rep_id") == rep.pk or row.get("team_id") == rep.team_id:
            lines.append((Said(f"“{row['name']}”: "), *speaker.rule(row), Said(".")))
        elif rep.pk in row.get("excluded", ()):
            lines.append((Said(f"“{row['name']}” leaves you out: "), *speaker.condition(row), Said(".")))
    return About(rep, lines)


def _covered(rep: Rep, content: Row) -> list[str]:
    names = []
    for row in content["territories"]:
        covers = row["coverage"]
        if any(cover["rep_id"] == rep.pk for cover in covers):
            names.append(row["name"])
        elif any(cover["team_id"] == rep.team_id for cover in covers):
            names.append(f"{row['name']} (with your team)")
    return names
