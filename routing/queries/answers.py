"""What the API answers about an opportunity and its decision: plain data, the reasons in words."""

from collections.abc import Collection, Sequence
from typing import Any

from crm.models import DuplicateLink, Opportunity
from crm.queries.account_matches import match_answer
from routing.engine.explain import Names, headline, ladder_lines
from routing.engine.facts import OpportunityFacts
from routing.models import Decision
from routing.queries.configuration import compiled
from routing.queries.inputs import match_model
from routing.queries.names import load_names
from routing.queries.shadow import HEADLINE, TELLING, is_blind


def opportunity_answer(
    opportunity: Opportunity,
    decision: Decision | None,
    names: Names | None = None,
    *,
    link: DuplicateLink | None,
) -> dict[str, Any]:
    """The answer to an intake: where the opportunity stands and why. Wants `owner`, `account` and `account_match`;
    `link`: what it repeats, if it does."""
    if decision is not None:
        decision.opportunity = opportunity  # known already
    return {
        "id": opportunity.pk,
        "external_id": opportunity.external_id,
        "name": opportunity.name,
        "kind": opportunity.kind,
        "stage": opportunity.stage,
        "routing": opportunity.routing,
        "is_locked": opportunity.is_locked,
        "owner": None if opportunity.owner is None else _rep(opportunity.owner_id, opportunity.owner),
        "flags": opportunity.flags,
        "duplicate_of": None if link is None else _duplicate_of(link),
        "account": match_answer(opportunity, getattr(opportunity, "account_match", None)),
        "decision": None if decision is None else decision_answer(decision, names or load_names([decision])),
    }


def _duplicate_of(link: DuplicateLink) -> dict[str, Any]:
    return {
        "id": link.original_id,
        "name": link.original.name,
        "confidence": link.confidence,
        "why": link.why,
    }


def _rep(rep_id: int | None, rep: Any) -> dict[str, Any]:
    return {"id": rep_id, "external_id": rep.external_id, "name": rep.name, "email": rep.email}


def decision_answer(decision: Decision, names: Names) -> dict[str, Any]:
    """A decision in the API's words; of one in shadow only what does not give it away, until a person has chosen."""
    if is_blind(decision):
        return _told(decision, _blind(decision), names, without=TELLING)
    told = {
        "rep": None
        if decision.rep_id is None
        else {"id": decision.rep_id, "name": names.rep(decision.rep_id)},
        "score": None if decision.score is None else round(decision.score, 1),
        "win_probability": decision.win_probability,
        "win_probability_low": decision.win_probability_low,
        "reason": _reason(decision, names),
    }
    return _told(decision, told, names)


def decision_reason(decision: Decision, names: Names) -> str:
    """Why it went where it went, in one sentence; of one in shadow nothing that gives it away."""
    return HEADLINE if is_blind(decision) else _reason(decision, names)


def _reason(decision: Decision, names: Names) -> str:
    if decision.rep_id is None:
        return _why_nobody(decision.trace["steps"], names)
    return headline(OpportunityFacts.from_json(decision.facts), decision.via, decision.trace, names)


def _blind(decision: Decision) -> dict[str, Any]:
    return dict.fromkeys(("rep", "score", "win_probability", "win_probability_low")) | {"reason": HEADLINE}


def _told(
    decision: Decision, told: dict[str, Any], names: Names, *, without: Collection[str] = ()
) -> dict[str, Any]:
    steps = [step for step in decision.trace["steps"] if step["name"] not in without]
    return {
        "id": decision.pk,
        "made_at": decision.made_at,
        "outcome": decision.outcome,
        "via": decision.via,
        **told,
        "policy": decision.policy_name,
        "configuration": compiled(decision.configuration_id).number,
        "model": match_model(decision.model_id).number,  # not the row: its artifact is megabytes
        "steps": [f"{line.label}: {line.sentence}" for line in ladder_lines(steps, names)],
    }


def _why_nobody(steps: Sequence[dict[str, Any]], names: Names) -> str:
    return ladder_lines(steps, names)[-1].sentence
