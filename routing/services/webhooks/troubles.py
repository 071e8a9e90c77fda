"""What follows from each attempt: recorded, retried, given up after a day; a receiver that keeps failing is paused, and
ops are told once until it works again."""

import datetime

from django.db import transaction
from django.db.models import F
from django.urls import reverse

from routing.engine.notices import retry_after
from routing.models import Webhook, WebhookDelivery
from routing.services.outbox import tell
from routing.services.webhooks.posting import GONE, Result
from routing.services.webhooks.settings import give_up_waiting

TRIES = datetime.timedelta(days=1)
PAUSES_AFTER = 3  # failures in a row: it is the receiver, not the message
LONGEST_PAUSE = datetime.timedelta(minutes=5)
FAILING_AFTER = 8  # failures in a row, after some minutes: people should look
State = WebhookDelivery.State


@transaction.atomic
def record(delivery: WebhookDelivery, result: Result, *, at: datetime.datetime) -> bool:
    """Whether it arrived. Only while it waits: another worker may have settled it after our lease ran out."""
    webhook = Webhook.objects.select_for_update(no_key=True).filter(pk=delivery.webhook_id).first()
    if webhook is None:  # deleted meanwhile, with its messages
        return False
    if result.is_untried:
        _set(delivery, next_attempt_at=at, attempts=F("attempts") - 1)
        return False
    seen: dict[str, object] = {"sent": result.sent, "status": result.status, "answer": result.answer}
    if result.arrived:
        _set(delivery, state=State.DELIVERED, settled_at=at, last_error="", **seen)
        _works(webhook, at)
        return True
    error = result.error[:500]
    if at - delivery.planned_at >= TRIES or delivery.change_id is None:
        _set(delivery, state=State.DEAD, settled_at=at, last_error=error, **seen)  # a test is not repeated
    else:
        wait = retry_after(delivery.attempts, delivery.key)
        _set(delivery, next_attempt_at=at + wait, last_error=error, **seen)
    if result.status == GONE:
        _switch_off(webhook, at)
    elif delivery.change_id is not None:
        _fails(webhook, error, at)
    return False


def _set(delivery: WebhookDelivery, **values: object) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk, state=State.WAITING).update(**values)


def _works(webhook: Webhook, at: datetime.datetime) -> None:
    """What failed while it was away goes now and not when its time would have come."""
    if not webhook.failures:
        return
    if webhook.failures >= PAUSES_AFTER:
        WebhookDelivery.objects.filter(webhook=webhook, state=State.WAITING, next_attempt_at__gt=at).exclude(
            last_error=""
        ).update(next_attempt_at=at)
    webhook.failures = 0
    webhook.paused_until = webhook.failing_since = webhook.told_at = None
    webhook.save(update_fields=["failures", "paused_until", "failing_since", "told_at"])


def _fails(webhook: Webhook, error: str, at: datetime.datetime) -> None:
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or at
    if webhook.failures >= PAUSES_AFTER:
        doubled = datetime.timedelta(seconds=10) * 2 ** min(webhook.failures - PAUSES_AFTER, 10)
        webhook.paused_until = at + min(doubled, LONGEST_PAUSE)
    if webhook.failures >= FAILING_AFTER and webhook.told_at is None:
        webhook.told_at = at
        _tell(webhook, f"The webhook “{webhook}” does not take what we send: {error}", at)
    webhook.save(update_fields=["failures", "failing_since", "paused_until", "told_at"])


def _switch_off(webhook: Webhook, at: datetime.datetime) -> None:
    if not webhook.is_active:
        return
    webhook.is_active, webhook.switched_off = False, "The receiver said that it is gone for good (410)."
    webhook.save(update_fields=["is_active", "switched_off", "updated_at"])
    give_up_waiting(webhook, at=at, why=webhook.switched_off)
    _tell(
        webhook, f"The webhook “{webhook}” was switched off: its receiver says that it is gone for good.", at
    )


def _tell(webhook: Webhook, text: str, at: datetime.datetime) -> None:
    tell("webhook.failing", {"text": text, "path": reverse("webhook", args=[webhook.pk])}, at=at)
