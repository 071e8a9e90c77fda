"""What the page of routing rules shows: the ladder of the draft, and how it differs from what is live."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from reps.models import Skill, Team
from routing.models import Rule
from routing.queries.configuration import capacity_settings, live_version, unpublished_changes
from routing.queries.sentences import (
    named_account_counts,
    policies_in_sentences,
    rules_in_sentences,
    territories_in_sentences,
)


@dataclass(frozen=True)
class RuleLine:
    """A rule on the ladder. `warning` says why it does nothing, where that can be seen without any lead."""

    rule: Rule
    sentence: str
    state: str
    until: datetime.datetime | None
    warning: str


def rules_page(now: datetime.datetime) -> dict[str, Any]:
    """The four steps, in as many queries for one rule as for thirty."""
    named, left = named_account_counts()
    return {
        "version": live_version(),
        "changes": unpublished_changes(),
        "named_accounts": named,
        "owners_left": left,
        "territories": territories_in_sentences(),
        "rules": rule_lines(now),
        "policies": policies_in_sentences(),
        "capacity": capacity_settings(),
    }


def requirement_words() -> list[tuple[str, str]]:
    """What reps' profiles hold, with its kind, offered while somebody says what is required. One query."""
    kinds = dict(Skill.Kind.choices)
    held = Skill.objects.filter(rep__left_at__isnull=True).order_by("kind", "name")
    return [(name, kinds.get(kind, "")) for kind, name in held.values_list("kind", "name").distinct()[:800]]


def rule_lines(now: datetime.datetime) -> list[RuleLine]:
    staffed = set(
        Team.objects.annotate(active=Count("reps", filter=Q(reps__left_at__isnull=True)))
        .filter(active__gt=0)
        .values_list("pk", flat=True)
    )
    return [_line(rule, sentence, now, staffed) for rule, sentence in rules_in_sentences()]


def _line(rule: Rule, sentence: str, now: datetime.datetime, staffed: set[int]) -> RuleLine:
    state, moment = "", None
    if not rule.is_active:
        state = "off"
    elif rule.ends_at and rule.ends_at <= now:
        state, moment = "ended", rule.ends_at
    elif rule.starts_at and rule.starts_at > now:
        state, moment = "from", rule.starts_at
    elif rule.ends_at:
        state, moment = "until", rule.ends_at
    return RuleLine(rule, sentence, state, moment, _warning(rule, staffed))


def _warning(rule: Rule, staffed: set[int]) -> str:
    if rule.rep is not None and not rule.rep.is_active:
        return f"{rule.rep} has left: the rule is skipped."
    if rule.team is not None and rule.team.pk not in staffed:
        return f"{rule.team} has no reps: the rule is skipped."
    return ""
