"""Two people, one record: the second to save is told, and decides with both versions in view."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model

Record = TypeVar("Record", bound=Model)


class EditConflict(Exception):
    """The record was saved by somebody else since the form was opened. `current` is what is stored now."""

    def __init__(self, current: Model) -> None:
        super().__init__(f"{current} has changed since you opened it.")
        self.current = current


def lock_unchanged(record: Record, *, seen: datetime | None) -> Record:
    """The stored row, locked for the transaction. Raises EditConflict when it was saved after `seen`."""
    current = type(record)._default_manager.select_for_update(no_key=True, of=("self",)).get(pk=record.pk)
    if seen is not None and current.updated_at != seen:  # type: ignore[attr-defined]
        raise EditConflict(current)
    return current


@transaction.atomic
def set_active(
    model: type[Record], *, pk: int, active: bool, refusals: Callable[[Record], Mapping[str, str]]
) -> Record:
    """Switches a record on or off. Raises ValidationError where one that cannot be would be switched on."""
    record: Any = model._default_manager.select_for_update(no_key=True).get(pk=pk)
    if active and (wrong := refusals(record)):
        raise ValidationError([f"{record} cannot be switched on. {text}" for text in wrong.values()])
    record.is_active = active
    record.save(update_fields=["is_active", "updated_at"])
    return cast(Record, record)
