"""Writing policies of the draft: saved, switched on and off. Their order and undo are `ordered`'s."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.queries.condition_words import condition_problem
from reps.models import User
from reps.services.edits import lock_unchanged, set_active
from routing.models import CapacitySettings, Policy
from routing.services import ordered

MOST_MINUTES = 60 * 24 * 90


def refusals(policy: Policy) -> dict[str, str]:
    """Why the policy cannot be, by field; nothing where it can."""
    found: dict[str, str] = {}
    if Policy.objects.filter(name__iexact=policy.name).exclude(pk=policy.pk).exists():
        found["name"] = (
            "There is a policy of this name. Decisions name the policy they follow: choose another."
        )
    if policy.first_touch_target_minutes is not None and policy.first_touch_target_minutes > MOST_MINUTES:
        found["first_touch_target_minutes"] = "At most 90 days."
    if problem := condition_problem(policy.condition):
        found["condition"] = problem
    return found


@transaction.atomic
def save_policy(*, policy: Policy, seen: datetime.datetime | None = None, by: User) -> Policy:
    """Create or change a policy. A new one comes before those for everything, which would leave it nothing.

    Raises ValidationError by field, and EditConflict.
    """
    ordered.lock_order(Policy)
    is_new = policy.pk is None
    policy.position = ordered.last_place(Policy) if is_new else lock_unchanged(policy, seen=seen).position
    if wrong := refusals(policy):
        raise ValidationError(wrong)
    policy.save()
    if is_new and policy.condition:
        everything = Policy.objects.filter(condition={}, is_active=True).order_by("position").first()
        if everything is not None:
            ordered.move(Policy, pk=policy.pk, to=everything.position)
    return policy


def set_policy_active(*, policy_id: int, active: bool, by: User) -> Policy:
    """Raises ValidationError where a policy that cannot be would be switched on."""
    return set_active(Policy, pk=policy_id, active=active, refusals=refusals)


@transaction.atomic
def save_capacity(
    *, settings: CapacitySettings, seen: datetime.datetime | None, by: User
) -> CapacitySettings:
    """The bounds of the bands and the penalties of the draft. Raises EditConflict."""
    lock_unchanged(settings, seen=seen)
    settings.save()
    return settings
