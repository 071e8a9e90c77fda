"""Decisions without the person's words, that still replay to the same numbers.

What stands in a decision and could be a person's: free texts of the organisation's own fields, and names in texts of
rules, policies and experiments. A condition may ask for such a text, so it cannot simply go: another text takes its
place for which everything holds that held before (one of those that the conditions name). Then the decision is made
again, and it is proved that it comes out the same, to the last bit of the scores.
"""

import copy
import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q

from privacy.engine.identity import Crowd
from privacy.queries.catalogue.mentions import as_said
from privacy.queries.elsewhere import Erased
from privacy.services.erasing.opportunities import kept_custom
from routing.engine.ladder import decide
from routing.engine.trace import digest, pack_columns
from routing.models import ConfigurationVersion, Decision
from routing.queries.inputs import stored_inputs

CHANGED = "decisions that replay otherwise"


@dataclasses.dataclass(frozen=True)
class Scrubbed:
    """What a decision says now. `is_proved`: made again, it comes out the same."""

    facts: dict[str, Any]
    trace: dict[str, Any]
    policy_name: str
    result_digest: str
    is_proved: bool


def erase_in_decisions(erased: Erased, counts: Counter[str]) -> None:
    wanted, rows = Q(opportunity__in=erased.opportunity_ids), Decision.objects.all()
    if erased.crowd.query:
        rows = rows.alias(said_facts=as_said("facts"), said_trace=as_said("trace"))
        for name in ("said_facts", "said_trace", "policy_name"):
            wanted |= Q(**{f"{name}__iregex": erased.crowd.query})
    for pk in list(rows.filter(wanted).order_by("pk").values_list("pk", flat=True)):
        decision = Decision.objects.get(pk=pk)
        if (said := scrub(decision, erased)) is not None:
            counts[CHANGED] += not said.is_proved and not decision.archive and replays(decision)
            counts["routing.Decision"] += Decision.objects.filter(pk=pk).update(
                facts=said.facts,
                trace=said.trace,
                policy_name=said.policy_name,
                result_digest=said.result_digest,
            )


def scrub(decision: Decision, erased: Erased) -> Scrubbed | None:
    """Without the words; None: it has none of them. Of the line that is left of an archived decision nothing can be
    proved: what the archive says of its file takes its place afterwards."""
    custom = decision.facts.get("custom") or {}
    kept = dict(custom)
    if decision.opportunity_id in erased.opportunities:
        kept = kept_custom(custom, erased.opportunity_ids, erased.keys)
    lost = {key: value for key, value in custom.items() if key not in kept}
    facts = erased.crowd.scrubbed(decision.facts | {"custom": kept} if custom else decision.facts)
    trace, policy = erased.crowd.scrubbed(decision.trace), erased.crowd.scrubbed(decision.policy_name)
    if (facts, trace, policy) == (decision.facts, decision.trace, decision.policy_name):
        return None
    found = None if decision.archive else _proved(decision, facts, trace, lost, erased)
    said = found or (_without(facts, lost), decision.result_digest)
    return Scrubbed(said[0], trace, policy, said[1], found is not None)


def replays(decision: Decision) -> bool:
    """Whether deciding again gives the same, to the last bit. One of an older ladder may not."""
    verdict = decide(stored_inputs(decision))
    return digest(verdict) == decision.result_digest and pack_columns(verdict) == bytes(decision.columns)


def _proved(
    decision: Decision, facts: dict[str, Any], trace: Any, lost: Mapping[str, Any], erased: Erased
) -> tuple[dict[str, Any], str] | None:
    """Facts that give the same verdict, and its digest. None: there are none."""
    for candidate in _candidates(
        facts, lost, erased.contents.get(decision.configuration_id) or {}, erased.crowd
    ):
        tried = copy.copy(decision)
        tried.facts, tried.trace = candidate, trace
        verdict = decide(stored_inputs(tried))
        made = (verdict.outcome, verdict.via, verdict.rep_id, verdict.team_id)
        steps = json.loads(json.dumps([step.to_json() for step in verdict.steps]))
        if (
            made == (decision.outcome, decision.via, decision.rep_id, decision.team_id)
            and steps == trace["steps"]
            and pack_columns(verdict) == bytes(decision.columns)
        ):
            return candidate, digest(verdict)
    return None


def _without(facts: dict[str, Any], lost: Mapping[str, Any]) -> dict[str, Any]:
    custom = {key: value for key, value in (facts.get("custom") or {}).items() if key not in lost}
    bare = {name: value for name, value in facts.items() if name != "custom"}
    return bare | ({"custom": custom} if custom else {})


def _candidates(
    facts: dict[str, Any], lost: Mapping[str, Any], content: Mapping[str, Any], crowd: Crowd
) -> Iterator[dict[str, Any]]:
    """Without the texts; with words of the conditions that ask for them, first those that the text said; with a word
    that says nothing."""
    yield _without(facts, lost)
    choices = {key: list(_words_for(key, str(value), content)) for key, value in lost.items()}
    most = max((len(words) for words in choices.values()), default=0)
    for place in range(most):
        stand_in = {key: crowd.scrubbed(words[min(place, len(words) - 1)]) for key, words in choices.items()}
        yield facts | {"custom": (facts.get("custom") or {}) | stand_in}


def _words_for(key: str, value: str, content: Mapping[str, Any]) -> Iterator[str]:
    named = [str(word) for word in _asked(content, f"custom.{key}")]
    said = [word for word in named if word.casefold() in value.casefold()]
    if said:
        yield " ".join(said)
        yield from said
    yield "erased"
    yield from (word for word in named if word not in said)


def _asked(node: Any, name: str) -> Iterator[Any]:
    """What tests on the field compare it with."""
    if isinstance(node, dict):
        if node.get("field") == name and "value" in node:
            value = node["value"]
            yield from value if isinstance(value, list) else [value]
        for inner in node.values():
            yield from _asked(inner, name)
    elif isinstance(node, list):
        for inner in node:
            yield from _asked(inner, name)


def contents_of(ids: list[int]) -> dict[int, Any]:
    """The versions that these opportunities were decided by."""
    used = Decision.objects.filter(opportunity__in=ids).order_by().values("configuration").distinct()
    return dict(ConfigurationVersion.objects.filter(pk__in=used).values_list("pk", "content"))
