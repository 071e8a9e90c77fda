"""Writing policies of the draft: saved, switched on and off. Their order and undo are `ordered`'s."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.queries.condition_words import condition_problem
from reps.models import User
from reps.services.edits import lock_unchanged, set_active
from routing.models import CapacitySettings, Policy
from routing.services import ordered
from routing.services.presets import Preset

MOST_MINUTES = 60 * 24 * 90
MOST_TIMES = 24
MOST_HOURS = 24 * 30


def refusals(policy: Policy) -> dict[str, str]:
    """Why the policy cannot be, by field; nothing where it can."""
    found: dict[str, str] = {}
    if Policy.objects.filter(name__iexact=policy.name).exclude(pk=policy.pk).exists():
        found["name"] = (
            "There is a policy of this name. Decisions name the policy they follow: choose another."
        )
    if policy.first_touch_target_minutes is not None and policy.first_touch_target_minutes > MOST_MINUTES:
        found["first_touch_target_minutes"] = "At most 90 days."
    found |= _clock_refusals(policy)
    if problem := condition_problem(policy.condition):
        found["condition"] = problem
    if policy.mode == Policy.Mode.BATCH:
        found |= _batch_refusals(policy)
    return found


def _clock_refusals(policy: Policy) -> dict[str, str]:
    """What counts from the target needs one; a time to answer that is longer than the target would never count."""
    found: dict[str, str] = {}
    target, answer = policy.first_touch_target_minutes, policy.accept_within_minutes
    reacts = {
        "clock_remind_pct": policy.clock_remind_pct is not None,
        "clock_escalates": policy.clock_escalates,
        "clock_reroute_after_minutes": policy.clock_reroute_after_minutes is not None,
    }
    if target is None:
        needs = "Give “First touch within” as well: this counts from it."
        found |= {name: needs for name, is_set in reacts.items() if is_set}
    for name in ("clock_reroute_after_minutes", "accept_within_minutes"):
        if (getattr(policy, name) or 0) > MOST_MINUTES:
            found[name] = "At most 90 days."
    if target is not None and answer is not None and answer > target:
        found["accept_within_minutes"] = "Not longer than the time for the first touch."
    return found


def _batch_refusals(policy: Policy) -> dict[str, str]:
    found: dict[str, str] = {}
    times = len(policy.batch_times)
    if policy.batch_cadence == Policy.Cadence.TWICE_DAILY and times != 2:
        found["batch_times"] = "Twice a day takes two times."
    elif policy.batch_cadence == Policy.Cadence.DAILY and not 1 <= times <= MOST_TIMES:
        found["batch_times"] = f"Say at which times of the day it runs, at most {MOST_TIMES}."
    if policy.batch_expiry_hours is not None and not 1 <= policy.batch_expiry_hours <= MOST_HOURS:
        found["batch_expiry_hours"] = f"Between an hour and {MOST_HOURS} hours, or empty."
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


@transaction.atomic
def add_preset(*, preset: Preset, by: User) -> Policy:
    """A policy that starts from the preset, under a free name. An exception comes first, others before those for
    everything."""
    ordered.lock_order(Policy)
    policy = preset.policy()
    if Policy.objects.filter(name__iexact=policy.name).exists():
        policy.name = ordered.free_name(Policy, policy.name)
    save_policy(policy=policy, by=by)
    if preset.is_exception:
        ordered.move(Policy, pk=policy.pk, to=1)
    policy.refresh_from_db()
    return policy


@transaction.atomic
def let_assign(*, policy_id: int, by: User) -> Policy:
    """The policy assigns instead of suggesting, in the draft. Raises the model's DoesNotExist."""
    policy = Policy.objects.select_for_update().get(pk=policy_id)
    policy.application = Policy.Application.ASSIGN
    policy.save()
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
