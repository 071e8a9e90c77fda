"""Policies in shadow: what the router decided is hidden until a person has chosen, then shown beside the choice.

Whoever knows the router's choice cannot be compared with it any more. So pages and API ask `is_blind` before they tell
of a decision in shadow.
"""

from crm.models import Assignment
from routing.models import Decision

HEADLINE = "the policy decides and logs only: choose first, then see whom the router would have chosen"
# Steps that tell whom it would have been.
TELLING = frozenset({"ready", "prediction", "fallback"})


def is_blind(decision: Decision) -> bool:
    """Whether a person has still to choose."""
    if decision.outcome != Decision.Outcome.SHADOW:
        return False
    return decision.opportunity.owner_id is None and decision.opportunity.is_open


def first_choice(decision: Decision) -> Assignment | None:
    """Whom a person gave it to after the decision."""
    chosen = Assignment.objects.filter(
        opportunity=decision.opportunity_id,
        source=Assignment.Source.PERSON,
        assigned_at__gte=decision.made_at,
    )
    return chosen.select_related("rep", "assigned_by").order_by("pk").first()


def shadow_words(decision: Decision, *, who: str = "") -> str:
    """ "Ben chose Bo; the router would have chosen Ana (71)."; "" where there is nothing to compare."""
    choice = None if decision.outcome != Decision.Outcome.SHADOW else first_choice(decision)
    if choice is None:
        return ""
    who = who or (choice.assigned_by.name if choice.assigned_by else "Somebody")
    score = "" if decision.score is None else f" ({decision.score:.0f})"
    if choice.rep_id == decision.rep_id:
        return f"{who} chose {choice.rep.name}, as the router would have{score}."
    router_chose = decision.rep.name if decision.rep else "nobody"
    return f"{who} chose {choice.rep.name}; the router would have chosen {router_chose}{score}."
