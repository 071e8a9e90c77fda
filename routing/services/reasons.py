"""The reasons that people choose from when they decide otherwise: added, renamed, ordered, retired, never deleted.

Past overrides name their reason, so a new name is told of them too, and one that is retired stays with them.
"""

import datetime

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from reps.models import User
from reps.services.edits import lock_unchanged
from routing.models import OverrideReason

REASONS_LOCK = 0x72656173


def refusals(reason: OverrideReason) -> dict[str, str]:
    """Why the reason cannot be, by field; nothing where it can."""
    same = OverrideReason.objects.filter(label__iexact=reason.label).exclude(pk=reason.pk).first()
    if same is None:
        return {}
    return {
        "label": "There is this reason already."
        if same.is_active
        else "There was this reason; it is retired. Offer it again instead."
    }


@transaction.atomic
def save_reason(*, reason: OverrideReason, seen: datetime.datetime | None = None, by: User) -> OverrideReason:
    """Creates or changes a reason; a new one is offered last. Raises ValidationError by field, and EditConflict."""
    _lock_order()
    if wrong := refusals(reason):
        raise ValidationError(wrong)
    if reason._state.adding:
        reason.position = OverrideReason.objects.count()
    else:
        lock_unchanged(reason, seen=seen)
    reason.save()
    return reason


@transaction.atomic
def offer_reason(*, reason_id: int, offered: bool, by: User) -> OverrideReason:
    """Offers a reason, or offers it no more. Raises ValidationError where it is the last one that is offered."""
    _lock_order()
    reason = OverrideReason.objects.get(pk=reason_id)
    if not offered and not OverrideReason.objects.filter(is_active=True).exclude(pk=reason_id).exists():
        raise ValidationError("It is the last reason that is offered: add another one first.")
    reason.is_active = offered
    reason.save(update_fields=["is_active", "updated_at"])
    return reason


@transaction.atomic
def move_reason(*, reason_id: int, by_places: int, by: User) -> OverrideReason:
    """One up is -1, past those that are offered only. Who edits the reason meanwhile is in no conflict."""
    _lock_order()
    order = list(OverrideReason.objects.order_by("-is_active", "position", "label"))
    place = next(i for i, one in enumerate(order) if one.pk == reason_id)
    reason = order.pop(place)
    order.insert(max(0, place + by_places), reason)
    for position, one in enumerate(order):
        OverrideReason.objects.filter(pk=one.pk).update(position=position)
    return reason


def _lock_order() -> None:
    """Until the transaction ends, nobody else changes the list."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [REASONS_LOCK])
