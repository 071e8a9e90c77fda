"""The page of policies: the draft in order, what is not published, and for how many leads each would have been."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm.engine.conditions import ConditionError, condition_fields
from crm.models import Opportunity
from crm.queries.conditions import patterns
from crm.queries.words import own_fields
from reps.queries import organisation
from routing.models import Policy
from routing.queries.changes import Change, changes_between
from routing.queries.configuration import live_version, policy_content, working_content
from routing.queries.readiness import load_readiness
from routing.queries.rules import Line, by_key
from routing.queries.sentences import Speaker, load_speaker

DAYS = 90


@dataclass(frozen=True)
class Reach:
    """For how many of the last 90 days' opportunities a policy would have been, and what is odd about that."""

    policy: Policy
    number: int
    warning: str = ""


def policies_page(now: datetime.datetime) -> dict[str, Any]:
    """In as many queries for one policy as for thirty."""
    version, working = live_version(), working_content()
    changes = changes_between(version.content, working)
    policies, zone = list(Policy.objects.all()), organisation().time_zone
    contents = [policy_content(one, zone) for one in policies]
    speaker = load_speaker(contents, working["custom_fields"])
    return {
        "version": version,
        "changes": changes,
        "policies": _lines(policies, contents, speaker, changes),
    }


def _lines(
    policies: Sequence[Policy],
    contents: Sequence[Mapping[str, Any]],
    speaker: Speaker,
    changes: Sequence[Change],
) -> list[Line]:
    """Behind an active policy for everything, no other one is asked."""
    changed, found, everything = by_key(changes, "policy"), [], ""
    for policy, content in zip(policies, contents, strict=True):
        warning = f"Never asked: “{everything}” takes everything before it." if everything else ""
        found.append(
            Line(
                "policy",
                policy,
                speaker.policy(content),
                state="" if policy.is_active else "off",
                warning=warning if policy.is_active else "",
                change=changed.get(policy.pk),
            )
        )
        if policy.is_active and not policy.condition and not everything:
            everything = policy.name
    return found


def policies_looked_at(now: datetime.datetime) -> dict[str, Any]:
    """What the page fetches after it is shown: numbers for its lines, and who could assign by itself."""
    return {"reach": load_reach(now), "readiness": load_readiness(now), "days": DAYS}


def load_reach(now: datetime.datetime) -> list[Reach]:
    """The first active policy that matches counts. All in one query; nothing where a condition cannot be used."""
    policies = list(Policy.objects.filter(is_active=True))
    recent = Opportunity.objects.filter(opened_at__gt=now - datetime.timedelta(days=DAYS), opened_at__lte=now)
    try:
        found = patterns([one.condition or {} for one in policies], condition_fields(own_fields()), recent)
    except ConditionError:
        return []
    first: Counter[int] = Counter()
    matched: Counter[int] = Counter()
    for pattern in found:
        matched.update(dict.fromkeys(pattern.matched, pattern.count))
        if pattern.matched:
            first[pattern.matched[0]] += pattern.count
    total = sum(pattern.count for pattern in found)
    return [
        Reach(one, first[place], _warning(matched[place], first[place], total))
        for place, one in enumerate(policies)
    ]


def _warning(matched: int, first: int, total: int) -> str:
    if first or not total:
        return ""
    if matched:
        return f"All {matched:,} that it would match in the last {DAYS} days are taken by policies before it."
    return f"It has matched nothing in the last {DAYS} days."
