"""Rules and policies stand in an order: positions are 1 to n without gaps, and what is deleted can be brought back.

Whoever changes positions holds one lock for each model, so that two people who move at once do not meet in one place.
Moving leaves `updated_at` as it is: who edits a rule while another one moves is not in a conflict.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.dateparse import parse_datetime

from routing.models import Policy, Rule

Ordered = Rule | Policy
LOCKS: dict[type[Ordered], int] = {Rule: 0x72756C65, Policy: 0x706F6C69}
LONGEST_NAME = 120
MOMENTS = ("starts_at", "ends_at")


def lock_order(model: type[Ordered]) -> None:
    """Until the transaction ends, nobody else changes positions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCKS[model]])


def last_place(model: type[Ordered]) -> int:
    """The position of one that is added."""
    return int(model._default_manager.count()) + 1


@transaction.atomic
def move(model: type[Ordered], *, pk: int, to: int) -> int:
    """Moves it to this place, 1 being the first; the others close up. Returns the place it has now."""
    lock_order(model)
    order = _moved(model, pk, to)
    _renumber(model, order)
    return order.index(pk) + 1


@transaction.atomic
def step(model: type[Ordered], *, pk: int, by_places: int) -> int:
    """One up is -1. Returns the place it has now. Raises the model's DoesNotExist."""
    lock_order(model)
    position = model._default_manager.values_list("position", flat=True).get(pk=pk)
    return move(model, pk=pk, to=position + by_places)


def free_name(model: type[Ordered], name: str) -> str:
    """ "Big ones (copy)", or with a number where there is one already."""
    taken = {one.casefold() for one in model._default_manager.values_list("name", flat=True)}
    for number in range(1, len(taken) + 2):
        suffix = " (copy)" if number == 1 else f" (copy {number})"
        found = name[: LONGEST_NAME - len(suffix)] + suffix
        if found.casefold() not in taken:
            break
    return found


@transaction.atomic
def copy(model: type[Ordered], *, pk: int) -> Ordered:
    """The same again right behind it, switched off, under a name of its own."""
    lock_order(model)
    made = model._default_manager.get(pk=pk)
    excluded = list(made.excluded.all()) if isinstance(made, Rule) else []
    place = made.position + 1
    made.pk, made.is_active, made.name = None, False, free_name(model, made.name)
    made.position = last_place(model)
    made.save(force_insert=True)
    if isinstance(made, Rule):
        made.excluded.set(excluded)
    move(model, pk=made.pk, to=place)
    return made


@transaction.atomic
def delete(model: type[Ordered], *, pk: int) -> dict[str, Any] | None:
    """Deletes it and returns what `bring_back` restores it from; None where it is gone already."""
    lock_order(model)
    record = model._default_manager.filter(pk=pk).first()
    if record is None:
        return None
    kept = {
        field.attname: getattr(record, field.attname)
        for field in model._meta.concrete_fields
        if field.name != "updated_at"
    }
    kept |= {name: kept[name].isoformat() for name in MOMENTS if kept.get(name)}
    if isinstance(record, Rule):
        kept["excluded"] = [rep.pk for rep in record.excluded.all()]
    record.delete()
    _renumber(model, _order(model))
    return kept


@transaction.atomic
def bring_back(model: type[Ordered], *, kept: dict[str, Any]) -> Ordered:
    """Undoes a deletion: the same again, under its id and in its place. Raises ValidationError."""
    lock_order(model)
    word = str(model._meta.verbose_name)
    values = {name: value for name, value in kept.items() if name not in ("excluded", "position")}
    values |= {name: parse_datetime(values[name]) for name in MOMENTS if values.get(name)}
    found = model._default_manager
    if found.filter(pk=values["id"]).exists():
        raise ValidationError(f"The {word} is back already.")
    if found.filter(name__iexact=values["name"]).exists():
        raise ValidationError(f"There is a {word} of this name now.")
    record = model(**values, position=last_place(model))
    record.save(force_insert=True)
    if isinstance(record, Rule):
        record.excluded.set(kept["excluded"])
    _renumber(model, _moved(model, record.pk, kept["position"]))
    return record


def _order(model: type[Ordered]) -> list[int]:
    return list(model._default_manager.order_by("position", "pk").values_list("pk", flat=True))


def _moved(model: type[Ordered], pk: int, to: int) -> list[int]:
    order = [one for one in _order(model) if one != pk]
    order.insert(max(0, min(to - 1, len(order))), pk)
    return order


def _renumber(model: type[Ordered], order: Sequence[int]) -> None:
    places = {pk: place for place, pk in enumerate(order, 1)}
    found: Any = model._default_manager  # of the one model or the other
    moved = [one for one in found.filter(pk__in=order) if one.position != places[one.pk]]
    for record in moved:
        record.position = places[record.pk]
    found.bulk_update(moved, ["position"])
