"""Writing rules of the draft: saved, moved, switched on and off, deleted and brought back. Published elsewhere.

Positions are 1 to n without gaps; whoever changes them holds one lock, so that two people who move at once do not
meet in the same place.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.dateparse import parse_datetime

from crm.engine.conditions import ConditionError, compile_condition
from crm.queries.words import custom_fields
from reps.models import Rep, User
from reps.services.edits import lock_unchanged
from routing.engine.configuration import ConfigurationError, check_requirement, condition_fields
from routing.models import Rule

ORDER_LOCK = 0x72756C65
LONGEST_NAME = 120
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
    fields = condition_fields(list(custom_fields().values("key", "label", "type", "choices")))
    try:
        compile_condition(rule.condition, fields)
    except ConditionError as error:
        found["condition"] = error.message
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


# --- saving and deleting ---------------------------------------------------------------------------------------------


@transaction.atomic
def save_rule(
    *, rule: Rule, excluded: Sequence[Rep] = (), seen: datetime.datetime | None = None, by: User
) -> Rule:
    """Create (last) or change a rule. Raises ValidationError by field, and EditConflict."""
    _lock_order()
    if rule.pk:
        rule.position = lock_unchanged(rule, seen=seen).position
    else:
        rule.position = Rule.objects.count() + 1
    excluded = _settled(rule, excluded)
    wrong = refusals(rule, excluded)
    if wrong:
        raise ValidationError(wrong)
    rule.save()
    rule.excluded.set(excluded)
    return rule


@transaction.atomic
def copy_rule(*, rule: Rule, by: User) -> Rule:
    """The same again right behind it, switched off, under a name of its own."""
    _lock_order()
    excluded = list(rule.excluded.all())
    copy = Rule.objects.get(pk=rule.pk)
    copy.pk, copy.is_active, copy.name = None, False, _free_name(rule.name)
    copy.position = Rule.objects.count() + 1
    copy.save(force_insert=True)
    copy.excluded.set(excluded)
    _renumber(_moved(copy.pk, Rule.objects.get(pk=rule.pk).position + 1))
    return copy


def _free_name(name: str) -> str:
    taken = {one.casefold() for one in Rule.objects.values_list("name", flat=True)}
    for number in range(1, len(taken) + 2):
        suffix = " (copy)" if number == 1 else f" (copy {number})"
        found = name[: LONGEST_NAME - len(suffix)] + suffix
        if found.casefold() not in taken:
            break
    return found


@transaction.atomic
def delete_rule(*, rule_id: int, by: User) -> dict[str, Any] | None:
    """Deletes it and returns what `restore_rule` brings it back from; None where it is gone already."""
    _lock_order()
    rule = Rule.objects.filter(pk=rule_id).first()
    if rule is None:
        return None
    kept = {
        field.attname: getattr(rule, field.attname)
        for field in Rule._meta.concrete_fields
        if field.name != "updated_at"
    }
    for name in ("starts_at", "ends_at"):
        kept[name] = kept[name].isoformat() if kept[name] else None
    kept["excluded"] = [rep.pk for rep in rule.excluded.all()]
    rule.delete()
    _renumber(_order())
    return kept


@transaction.atomic
def restore_rule(*, kept: dict[str, Any], by: User) -> Rule:
    """Undoes a deletion: the same rule, under its id and in its place. Raises ValidationError."""
    _lock_order()
    values = {name: value for name, value in kept.items() if name != "excluded"}
    for name in ("starts_at", "ends_at"):
        values[name] = parse_datetime(values[name]) if values[name] else None
    if Rule.objects.filter(pk=values["id"]).exists():
        raise ValidationError("The rule is back already.")
    if Rule.objects.filter(name__iexact=values["name"]).exists():
        raise ValidationError("There is a rule of this name now.")
    place = values.pop("position")
    rule = Rule(**values, position=Rule.objects.count() + 1)
    rule.save(force_insert=True)
    rule.excluded.set(kept["excluded"])
    _renumber(_moved(rule.pk, place))
    return rule


# --- order and switch ------------------------------------------------------------------------------------------------


@transaction.atomic
def move_rule(*, rule_id: int, to: int, by: User) -> int:
    """Moves the rule to this place, 1 being the first; the others close up. Returns the place it has now."""
    _lock_order()
    order = _moved(rule_id, to)
    _renumber(order)
    return order.index(rule_id) + 1


@transaction.atomic
def step_rule(*, rule_id: int, by_places: int, by: User) -> int:
    """One up is -1. Returns the place it has now."""
    _lock_order()
    rule = Rule.objects.get(pk=rule_id)
    return move_rule(rule_id=rule_id, to=rule.position + by_places, by=by)


@transaction.atomic
def set_rule_active(*, rule_id: int, active: bool, by: User) -> Rule:
    """Raises ValidationError where a rule that cannot be would be switched on."""
    rule = Rule.objects.select_for_update(no_key=True).get(pk=rule_id)
    if active:
        wrong = refusals(rule, rule.excluded.all())
        if wrong:
            raise ValidationError([f"{rule.name} cannot be switched on. {text}" for text in wrong.values()])
    rule.is_active = active
    rule.save(update_fields=["is_active", "updated_at"])
    return rule


def _lock_order() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ORDER_LOCK])


def _order() -> list[int]:
    return list(Rule.objects.order_by("position", "pk").values_list("pk", flat=True))


def _moved(rule_id: int, to: int) -> list[int]:
    order = [pk for pk in _order() if pk != rule_id]
    order.insert(max(0, min(to - 1, len(order))), rule_id)
    return order


def _renumber(order: Sequence[int]) -> None:
    """`updated_at` stays: who edits a rule while another one moves is not in a conflict."""
    places = {pk: place for place, pk in enumerate(order, 1)}
    moved = [rule for rule in Rule.objects.filter(pk__in=order) if rule.position != places[rule.pk]]
    for rule in moved:
        rule.position = places[rule.pk]
    Rule.objects.bulk_update(moved, ["position"])
