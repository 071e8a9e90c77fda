"""What the page of routing rules shows: the ladder of the draft, and how it differs from what is live."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from reps.models import Skill, Team
from routing.engine.configuration import Configuration, ConfigurationError
from routing.models import Policy, Rule
from routing.queries.changes import Change, changes_between
from routing.queries.configuration import (
    capacity_settings,
    content_hash,
    live_version,
    rule_content,
    working_content,
)
from routing.queries.sentences import Sentence, Speaker, load_speaker, named_account_counts
from routing.queries.territories import territory_counts


@dataclass(frozen=True)
class Line:
    """A rule or a policy on the ladder. `state` and `moment` say since or until when it holds; `warning` why it does
    nothing, where that can be seen without any lead; `change` how the draft differs from what is live."""

    word: str
    record: Rule | Policy
    sentence: Sentence
    state: str = ""
    moment: datetime.datetime | None = None
    warning: str = ""
    change: Change | None = None

    @property
    def is_off(self) -> bool:
        return not self.record.is_active or self.state == "ended"


def rules_page(now: datetime.datetime) -> dict[str, Any]:
    """The four steps, in as many queries for one rule as for thirty."""
    named, left = named_account_counts()
    version, working = live_version(), working_content()
    changes = changes_between(version.content, working)
    rules = list(Rule.objects.select_related("rep", "team").prefetch_related("excluded"))
    speaker = load_speaker([rule_content(rule) for rule in rules], working["custom_fields"])
    return {
        "version": version,
        "changes": changes,
        "named_accounts": named,
        "owners_left": left,
        "territories": territory_counts(),
        "rules": _rule_lines(rules, speaker, changes, now),
        "policies": [policy["name"] for policy in working["policies"]],
        "capacity": capacity_settings(),
        "capacity_change": next((one for one in changes if one.part == "capacity"), None),
    }


def publish_page() -> dict[str, Any]:
    """What the draft changes against the live version, with the hash of what was compared."""
    version, working = live_version(), working_content()
    return {
        "version": version,
        "changes": changes_between(version.content, working),
        "digest": content_hash(working),
        "problem": _unusable(working),
    }


def _unusable(content: dict[str, Any]) -> str:
    try:
        Configuration.from_content(0, content)
    except ConfigurationError as error:
        return str(error)
    return ""


def requirement_words() -> list[tuple[str, str]]:
    """What reps' profiles hold, with its kind, offered while somebody says what is required. One query."""
    kinds = dict(Skill.Kind.choices)
    held = Skill.objects.filter(rep__left_at__isnull=True).order_by("kind", "name")
    return [(name, kinds.get(kind, "")) for kind, name in held.values_list("kind", "name").distinct()[:800]]


def staffed_teams() -> set[int]:
    """The teams that somebody is in who has not left."""
    here = Count("reps", filter=Q(reps__left_at__isnull=True))
    return set(Team.objects.annotate(here=here).filter(here__gt=0).values_list("pk", flat=True))


def _rule_lines(
    rules: Sequence[Rule], speaker: Speaker, changes: Sequence[Change], now: datetime.datetime
) -> list[Line]:
    staffed, changed = staffed_teams(), by_key(changes, "rule")
    return [
        Line(
            "rule",
            rule,
            speaker.rule(rule_content(rule)),
            *_state(rule, now),
            warning=people_warning(rule, staffed),
            change=changed.get(rule.pk),
        )
        for rule in rules
    ]


def by_key(changes: Sequence[Change], part: str) -> dict[int, Change]:
    """The changes of rules or policies by the id of what changed."""
    return {one.key: one for one in changes if one.part == part and one.key is not None}


def _state(rule: Rule, now: datetime.datetime) -> tuple[str, datetime.datetime | None]:
    if not rule.is_active:
        return "off", None
    if rule.ends_at and rule.ends_at <= now:
        return "ended", rule.ends_at
    if rule.starts_at and rule.starts_at > now:
        return "from", rule.starts_at
    return ("until", rule.ends_at) if rule.ends_at else ("", None)


def people_warning(rule: Rule, staffed: set[int]) -> str:
    """Whom it names is gone; "" where that is not so."""
    if rule.rep is not None and not rule.rep.is_active:
        return f"{rule.rep} has left: the rule is skipped."
    if rule.team is not None and rule.team.pk not in staffed:
        return f"{rule.team} has no reps: the rule is skipped."
    return ""
