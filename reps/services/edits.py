"""Two people, one record: the second to save is told, and decides with both versions in view."""

from datetime import datetime
from typing import TypeVar

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
