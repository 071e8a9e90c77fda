"""Messages out: what waits, what failed and why, and how the mail server does."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from reps.models import User
from reps.permissions import may
from routing.models import Delivery, OutboxMessage

State, Channel = Delivery.State, Delivery.Channel

TOPICS = {
    "opportunity.assigned": "An opportunity was assigned",
    "opportunity.repeated": "Somebody asks again",
    "touch.due": "A first touch is due",
    "touch.taken": "Not touched in time: it goes to somebody else",
    "touch.missed": "A first touch was missed, or nobody answered",
    "queue.waiting": "Something waits in the queue",
    "rep.over_capacity": "A rep is over capacity",
    "rep.away": "A rep is away or has left: decide anew",
    "capacity.freed": "There is room again: try what is held",
    "calendar.state_changed": "A calendar broke or works again",
    "accounts.given": "Named accounts were given",
    "opportunities.given": "Opportunities of somebody who left were given",
    "accounts.transfer_failed": "A transfer of accounts was not done",
    "tags.suggested": "Tags are suggested",
    "profile.proposed": "A change to a profile is proposed",
    "profile.decided": "A proposed change is decided",
    "profile.review_due": "A profile is due for review",
    "webhook.failing": "A webhook fails, or was switched off",
    "report.daily": "A daily report",
    "report.weekly": "A weekly report",
    "alarm.lift": "An alarm: lift",
    "alarm.drift": "An alarm: drift",
    "alarm.target": "An alarm: a target is missed",
    "alarm.operations": "An alarm: something does not run as it should",
}


@dataclass(frozen=True)
class MessageSearch:
    channel: str = ""
    state: str = ""
    kind: str = ""


def deliveries(search: MessageSearch) -> QuerySet[Delivery]:
    """With what a list names of them. `failing` are those that wait after a failure."""
    found = Delivery.objects.select_related("user", "notification", "digest", "chat_channel", "message")
    if search.channel:
        found = found.filter(channel=search.channel)
    if search.kind:
        found = found.filter(kind="" if search.kind == "digest" else search.kind)
    if search.state == "failing":
        return found.filter(state=State.WAITING).exclude(last_error="")
    return found.filter(state=search.state) if search.state else found


def events(state: str, topic: str) -> QuerySet[OutboxMessage]:
    """Events of the outbox that are not worked on yet: waiting ones, or those that were given up."""
    found = OutboxMessage.objects.filter(delivered_at__isnull=True)
    if topic:
        found = found.filter(topic=topic)
    return found.filter(dead_at__isnull=state != "dead") if state else found


def dead_events() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(delivered_at__isnull=True, dead_at__isnull=False)


def dead_for(user: User) -> QuerySet[Any] | None:
    """Messages and events that were given up, for the number in the navigation."""
    if not may(user, "edit_organisation"):
        return None
    given_up: QuerySet[Any] = Delivery.objects.filter(state=State.DEAD).order_by().values("pk")
    return given_up.union(dead_events().order_by().values("pk"), all=True)


@dataclass(frozen=True)
class ChannelState:
    """Of one way out: what waits and failed, when something arrived last, and the last failure with its words."""

    channel: Delivery.Channel
    waiting: int
    failing: int
    dead: int
    last_delivered_at: datetime.datetime | None
    last_failure: Delivery | None

    @property
    def is_set_up(self) -> bool:
        return self.channel != Channel.EMAIL or bool(settings.MAIL_URL)


def channel_states() -> list[ChannelState]:
    """A fixed number of queries, each by an index."""
    waits, failed = Q(state=State.WAITING), ~Q(last_error="")
    counts: dict[str, dict[str, Any]] = {
        row["channel"]: dict(row)
        for row in Delivery.objects.filter(state__in=[State.WAITING, State.DEAD])
        .order_by()
        .values("channel")
        .annotate(
            waiting=Count("pk", filter=waits),
            failing=Count("pk", filter=waits & failed),
            dead=Count("pk", filter=Q(state=State.DEAD)),
        )
    }
    found = []
    for channel in Channel:
        row: dict[str, Any] = counts.get(channel, {})
        of_it = Delivery.objects.filter(channel=channel)
        arrived = (
            of_it.filter(state=State.DELIVERED).order_by("-settled_at").values_list("settled_at", flat=True)
        )
        wrong = of_it.filter(state__in=[State.WAITING, State.DEAD]).exclude(last_error="").order_by("-pk")
        found.append(
            ChannelState(
                channel,
                waiting=row.get("waiting", 0),
                failing=row.get("failing", 0),
                dead=row.get("dead", 0),
                last_delivered_at=arrived.first(),
                last_failure=wrong.first(),
            )
        )
    return found


def event_counts() -> dict[str, int]:
    """Of the outbox: waiting, failing, given up."""
    waiting = Q(dead_at__isnull=True)
    counts: dict[str, int] = OutboxMessage.objects.filter(delivered_at__isnull=True).aggregate(
        waiting=Count("pk", filter=waiting),
        failing=Count("pk", filter=waiting & ~Q(last_error="")),
        dead=Count("pk", filter=~waiting),
    )
    return counts
