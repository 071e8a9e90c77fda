"""What stands in the database afterwards: `python -m benchmarks.chaos.verdict prepare|waiting|verdict` < input."""

import json
import os
import sys
from typing import Any

import django


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(
        json.dumps(
            {"prepare": prepare, "waiting": waiting, "verdict": verdict}[sys.argv[1]](sys.stdin.read())
        )
    )
    return 0


def prepare(port: str) -> dict[str, Any]:
    """A channel that hears of every assignment."""
    from reps.models import User
    from routing.models import Notification
    from routing.services.notification_settings import ChannelInput, save_channel

    save_channel(
        given=ChannelInput(
            name="Receiver",
            address=f"mmost://127.0.0.1:{port}/abcdefghijklmnopqrstuvwx",
            teams=[],
            kinds=[Notification.Kind.ASSIGNED],
            is_active=True,
        ),
        by=User.objects.get(email="form@benchmark.example"),
    )
    return {}


def waiting(_: str) -> dict[str, Any]:
    """How much is still to be decided or delivered."""
    from crm.models import Opportunity
    from routing.models import Delivery, OutboxMessage

    undecided = Opportunity.objects.filter(routing=Opportunity.Routing.WAITING)
    messages = OutboxMessage.objects.filter(delivered_at__isnull=True, dead_at__isnull=True)
    deliveries = Delivery.objects.filter(state=Delivery.State.WAITING)
    return {"waiting": undecided.count() + messages.count() + deliveries.count()}


def verdict(acknowledged_json: str) -> dict[str, Any]:
    """Of what was acknowledged, what is lost or decided twice; broken limits; notifications."""
    from django.db.models import Count, Exists, OuterRef

    from crm.models import Assignment, Opportunity
    from routing.models import Decision, Delivery, Notification, OutboxMessage
    from routing.queries.invariants import check_invariants

    acknowledged: dict[str, int] = json.loads(acknowledged_json)
    stored = dict(Opportunity.objects.filter(external_id__isnull=False).values_list("external_id", "pk"))
    decided = set(Decision.objects.values_list("opportunity_id", flat=True))
    lost = [key for key, pk in acknowledged.items() if stored.get(key) != pk or pk not in decided]
    twice = (
        Assignment.objects.filter(source=Assignment.Source.AUTOMATION)
        .values("opportunity")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
    )
    findings = check_invariants()
    told = OutboxMessage.objects.filter(topic="opportunity.assigned")
    noted = Notification.objects.filter(key=OuterRef("key"))
    return {
        "lost": len(lost),
        "decided_twice": twice.count(),
        "assigned": Assignment.objects.filter(source=Assignment.Source.AUTOMATION).count(),
        "over_limit": sum("limit" in violation.guarantee for violation in findings.violations),
        "violations": len(findings.violations),
        "notifications_missing": told.exclude(Exists(noted)).count()
        + Assignment.objects.filter(source=Assignment.Source.AUTOMATION).count()
        - told.count(),
        "dead": OutboxMessage.objects.filter(dead_at__isnull=False).count()
        + Delivery.objects.filter(state=Delivery.State.DEAD).count(),
        "posts": [str(key) for key in Delivery.objects.values_list("key", flat=True)],
    }


if __name__ == "__main__":
    sys.exit(main())
