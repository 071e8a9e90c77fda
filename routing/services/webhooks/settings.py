"""Webhooks made, changed, rotated and switched. Whoever may: `edit_integrations`."""

import datetime
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings as project
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from reps.models import User
from reps.permissions import may
from reps.services.calendars.fetching import FetchError, split
from reps.services.calendars.sealing import SealBroken, seal, unseal
from reps.services.edits import lock_unchanged
from routing.models import Webhook, WebhookDelivery
from routing.services.changes import number_all
from routing.services.webhooks.planning import SENDER

MOST_WEBHOOKS = 20  # each has a thread of its own while messages are sent
BOTH_VALID = datetime.timedelta(days=1)
State = WebhookDelivery.State


@dataclass(frozen=True)
class WebhookInput:
    """What a person gave."""

    name: str
    address: str
    events: Collection[str]
    is_active: bool


@transaction.atomic
def save_webhook(
    *,
    given: WebhookInput,
    by: User,
    at: datetime.datetime,
    webhook: Webhook | None = None,
    seen: datetime.datetime | None = None,
) -> tuple[Webhook, str]:
    """Adds or changes one; a new one's secret with it, which nobody can read again. What changed while it was switched
    off is not sent afterwards. Raises ValidationError, EditConflict."""
    check(by)
    check_address(given.address)
    secret = ""
    if webhook is None:
        if Webhook.objects.count() >= MOST_WEBHOOKS:
            raise ValidationError(
                f"At most {MOST_WEBHOOKS} webhooks. Delete one that is not needed any more."
            )
        found, secret = Webhook(), new_secret()
        found.sealed = seal({"secret": secret})
    else:
        found = lock_unchanged(webhook, seen=seen)
    begins = given.is_active and (webhook is None or not found.is_active)
    if begins:
        found.planned_until = number_all().last
        _forget_troubles(found)
    elif not given.is_active and found.is_active and found.pk:
        give_up_waiting(found, at=at, why="The webhook was switched off.")
    if found.address != given.address:
        _forget_troubles(found)
    found.name, found.address = given.name, given.address
    found.events, found.is_active = list(given.events), given.is_active
    found.save()
    return found, secret


def _forget_troubles(webhook: Webhook) -> None:
    webhook.failures, webhook.switched_off = 0, ""
    webhook.paused_until = webhook.failing_since = webhook.told_at = None


def check_address(address: str) -> None:
    """Raises ValidationError. Asks no network: where the name leads is looked at with each message."""
    if (
        not address.strip().lower().startswith(("https://", "http://"))
    ):  # `split` is for calendars, which have webcal
        raise ValidationError({"address": "The address must begin with https://."})
    try:
        parts = split(address)
    except FetchError as error:
        raise ValidationError({"address": str(error)}) from None
    if parts.scheme != "https" and not project.WEBHOOK_ALLOW_PRIVATE:
        raise ValidationError({"address": "Use https://, so that nobody can read along."})


@transaction.atomic
def rotate_secret(*, webhook: Webhook, by: User, at: datetime.datetime) -> str:
    """A new secret; the one before signs as well for a day."""
    check(by)
    found = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
    secret, before = new_secret(), secrets_of(found, at=at)
    found.sealed = seal({"secret": secret} | ({"before": before[0]} if before else {}))
    found.old_until = at + BOTH_VALID if before else None
    found.save()
    return secret


def new_secret() -> str:
    return "whsec_" + secrets.token_urlsafe(32)


def secrets_of(webhook: Webhook, *, at: datetime.datetime) -> list[str]:
    """Those that sign now, the newest first; none where they cannot be opened any more."""
    try:
        values = unseal(webhook.sealed)
    except SealBroken:
        return []
    old = [values["before"]] if webhook.old_until and at < webhook.old_until and "before" in values else []
    return [values["secret"], *old]


@transaction.atomic
def delete_webhook(*, webhook: Webhook, by: User) -> None:
    """With its messages, sent or not."""
    check(by)
    webhook.delete()


@transaction.atomic
def send_test(*, webhook: Webhook, by: User, at: datetime.datetime) -> WebhookDelivery:
    """An event that says that it is a test goes the way that every other goes."""
    check(by)
    made = WebhookDelivery.objects.create(webhook=webhook, planned_at=at, next_attempt_at=at)
    Webhook.objects.filter(pk=webhook.pk).update(paused_until=None)
    SENDER.wake_after_commit()
    return made


@transaction.atomic
def send_again(
    *, webhook: Webhook, by: User, at: datetime.datetime, ids: Collection[int] | None = None
) -> int:
    """Puts messages back among those that wait, under their key: those given up, or these whatever became of them."""
    check(by)
    found = webhook.deliveries.exclude(state=State.WAITING)
    found = found.filter(state=State.DEAD) if ids is None else found.filter(pk__in=ids)
    number = found.update(
        state=State.WAITING, attempts=0, planned_at=at, next_attempt_at=at, settled_at=None, last_error=""
    )
    if number:
        Webhook.objects.filter(pk=webhook.pk).update(paused_until=None)
        SENDER.wake_after_commit()
    return number


def give_up_waiting(webhook: Webhook, *, at: datetime.datetime, why: str) -> int:
    waiting = webhook.deliveries.filter(state=State.WAITING)
    return waiting.update(state=State.DEAD, settled_at=at, last_error=why[:500])


def check(by: User) -> None:
    if not may(by, "edit_integrations"):
        raise PermissionDenied("Webhooks are for those who look after integrations.")
