"""Webhooks and what was sent to each."""

from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from reps.models import User
from reps.permissions import may
from routing.models import Webhook, WebhookDelivery

State = WebhookDelivery.State


def webhooks() -> QuerySet[Webhook]:
    """With what waits, what was given up, and when something arrived last."""
    return Webhook.objects.annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state=State.WAITING)),
        dead=Count("deliveries", filter=Q(deliveries__state=State.DEAD)),
        arrived_at=Max("deliveries__settled_at", filter=Q(deliveries__state=State.DELIVERED)),
    ).order_by("name")


def deliveries_of(webhook: Webhook, state: str = "") -> QuerySet[WebhookDelivery]:
    found = webhook.deliveries.select_related("change__opportunity")
    return found.filter(state=state) if state else found


def dead_webhook_deliveries(user: User) -> QuerySet[Any] | None:
    """What was given up, for the number in the navigation."""
    if not may(user, "edit_integrations"):
        return None
    return WebhookDelivery.objects.filter(state=State.DEAD)
