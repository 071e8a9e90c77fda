"""Writing rules of the draft: saved, copied, switched on and off. Their order and undo are `ordered`'s."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.queries.condition_words import condition_problem
from reps.models import Rep, User
from reps.services.edits import lock_unchanged, set_active
from routing.engine.configuration import ConfigurationError, check_requirement
from routing.models import Rule
from routing.services import ordered

DEEPEST = 5
# Requirements whose values the model knows; of all others any word may be asked for.
CLOSED: dict[str, list[tuple[Any, Any]]] = {
    "tier": list(Rep.Tier.choices),
    "selling_style": list(Rep.SellingStyle.choices),
    "seniority": list(Rep.Seniority.choices),
}


# --- what cannot be --------------------------------------------------------------------------------------------------


def refusals(rule: Rule, excluded: Iterable[Rep]) -> dict[str, str]:
    """Why the rule cannot be, by field; nothing where it can."""
    found = _wrong_action(rule, list(excluded))
    if rule.starts_at and rule.ends_at and rule.starts_at >= rule.ends_at:
        found["ends_at"] = "The rule would end before it starts."
    if Rule.objects.filter(name__iexact=rule.name).exclude(pk=rule.pk).exists():
        found["name"] = (
            "There is a rule of this name. Decisions name the rule that made them: choose another."
        )
    if problem := condition_problem(rule.condition):
        found["condition"] = problem
    return found


def _wrong_action(rule: Rule, excluded: list[Rep]) -> dict[str, str]:
    if rule.action == Rule.Action.ROUTE_TO_REP:
        if rule.rep is None:
            return {"rep": "Say to whom."}
        return {} if rule.rep.is_active else {"rep": f"{rule.rep} has left: nothing could be routed there."}
    if rule.action == Rule.Action.ROUTE_TO_TEAM:
        if rule.team is None:
            return {"team": "Say to which team."}
        has_reps = rule.team.reps.filter(left_at__isnull=True).exists()
        return (
            {} if has_reps else {"team": f"{rule.team} has no reps: nobody could get what the rule matches."}
        )
    if rule.action == Rule.Action.EXCLUDE_REPS:
        return {} if excluded else {"excluded": "Say who is excluded."}
    return _wrong_requirement(rule.required_field, rule.required_value)


def _wrong_requirement(name: str, value: str) -> dict[str, str]:
    if not name:
        return {"required_field": "Say what is required."}
    try:
        check_requirement("", name, value)
    except ConfigurationError as error:
        return {"required_value": f"{error.message[:1].upper()}{error.message[1:]}."}
    if name == "deal_size" and value:
        return {
            "required_value": "Leave this empty: the rep’s deal sizes have to cover the opportunity’s value."
        }
    if name == "technical_depth" and int(value) > DEEPEST:
        return {"required_value": f"Technical depth goes up to {DEEPEST}."}
    if name in CLOSED and value not in {str(one) for one, _ in CLOSED[name]}:
        words = ", ".join(str(label) for _, label in CLOSED[name])
        return {"required_value": f"“{value}” is no {name.replace('_', ' ')}: use one of {words}."}
    return {}


def _settled(rule: Rule, excluded: Sequence[Rep]) -> list[Rep]:
    """What belongs to another action than the rule's is dropped; returns whom it excludes."""
    if rule.action != Rule.Action.ROUTE_TO_REP:
        rule.rep = None
    if rule.action != Rule.Action.ROUTE_TO_TEAM:
        rule.team = None
    if rule.action != Rule.Action.REQUIRE:
        rule.required_field = rule.required_value = ""
    return list(excluded) if rule.action == Rule.Action.EXCLUDE_REPS else []


# --- saving -------------------------------------------------------------------------------------------------------


@transaction.atomic
def save_rule(
    *, rule: Rule, excluded: Sequence[Rep] = (), seen: datetime.datetime | None = None, by: User
) -> Rule:
    """Create (last) or change a rule. Raises ValidationError by field, and EditConflict."""
    ordered.lock_order(Rule)
    if rule.pk:
        rule.position = lock_unchanged(rule, seen=seen).position
    else:
        rule.position = ordered.last_place(Rule)
    excluded = _settled(rule, excluded)
    wrong = refusals(rule, excluded)
    if wrong:
        raise ValidationError(wrong)
    rule.save()
    rule.excluded.set(excluded)
    return rule


# --- switch ---------------------------------------------------------------------------------------------------------


def set_rule_active(*, rule_id: int, active: bool, by: User) -> Rule:
    """Raises ValidationError where a rule that cannot be would be switched on."""
    return set_active(
        Rule, pk=rule_id, active=active, refusals=lambda rule: refusals(rule, rule.excluded.all())
    )
