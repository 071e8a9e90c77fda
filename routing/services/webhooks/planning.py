"""Which change goes to which webhook: planned once for each, in the order of the numbers."""

import datetime

from django.db import transaction

from routing.models import Change, Webhook, WebhookDelivery
from routing.services.changes import AT_ONCE, number_changes
from routing.services.senders import Sender

SENDER = Sender("routing.jobs.send_webhooks", "webhooks", 0x686F6F6B)


def plan_deliveries(*, at: datetime.datetime) -> int:
    """Numbers what has no number yet and plans a message for each webhook that wants it; returns how many are new."""
    planned = 0
    if not Webhook.objects.filter(is_active=True).exists():
        return 0
    last = number_changes().last
    for pk in Webhook.objects.filter(is_active=True, planned_until__lt=last).values_list("pk", flat=True):
        planned += _plan(pk, last, at)
    return planned


@transaction.atomic
def _plan(webhook_id: int, last: int, at: datetime.datetime) -> int:
    """Under the webhook's lock, so that two workers plan nothing twice and none passes over anything.

    Where something untried waits already, a sender was woken for it and is not woken again: it records what it has sent
    under the same lock, so it looks for more after our commit. Else each lead would queue a job."""
    webhook = Webhook.objects.select_for_update(no_key=True).filter(pk=webhook_id, is_active=True).first()
    if webhook is None or webhook.planned_until >= last:
        return 0
    until = min(last, webhook.planned_until + AT_ONCE)
    wanted = Change.objects.filter(
        number__gt=webhook.planned_until, number__lte=until, event__in=webhook.events
    ).order_by("number")
    untried = webhook.deliveries.filter(state=WebhookDelivery.State.WAITING, attempts=0)
    is_awake = untried.exists()
    made = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=webhook, change_id=pk, planned_at=at, next_attempt_at=at)
        for pk in wanted.values_list("pk", flat=True)
    )
    webhook.planned_until = until
    webhook.save(update_fields=["planned_until"])
    if (made and not is_awake) or until < last:
        SENDER.wake_after_commit()
    return len(made)
