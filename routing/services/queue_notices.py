"""Managers are told what waits in the queue: all that is new of a team in one line, and not more often than every
quarter of an hour, since those who are at it see the queue itself."""

import datetime

from django.db import transaction
from django.db.models import QuerySet

from routing.models import QueueItem
from routing.services.outbox import tell

SETTLES = datetime.timedelta(minutes=1)  # what is approved at once need not be told
AT_MOST_EVERY = datetime.timedelta(minutes=15)
QUEUE = "/queue/"
Kind = QueueItem.Kind


@transaction.atomic
def tell_of_waiting(*, at: datetime.datetime) -> int:
    """Returns how many teams were told."""
    recently = QueueItem.objects.filter(told_at__gt=at - AT_MOST_EVERY).order_by()
    told = set(recently.values_list("team_id", flat=True).distinct())
    by_team: dict[int | None, list[QueueItem]] = {}
    for item in _untold(at):
        if item.team_id not in told:
            by_team.setdefault(item.team_id, []).append(item)
    for team_id, items in by_team.items():
        tell("queue.waiting", {"team_id": team_id, "path": QUEUE, "text": waiting_words(items)}, at=at)
        QueueItem.objects.filter(pk__in=[item.pk for item in items]).update(told_at=at)
    return len(by_team)


def _untold(at: datetime.datetime) -> QuerySet[QueueItem]:
    untold = QueueItem.objects.filter(
        state=QueueItem.State.PENDING, told_at__isnull=True, created_at__lte=at - SETTLES
    )
    locked = untold.select_for_update(skip_locked=True, of=("self",), no_key=True)
    return locked.select_related("opportunity").order_by("created_at", "pk")[:2000]


def waiting_words(items: list[QueueItem]) -> str:
    """`3 wait in the queue: 2 suggestions to approve, 1 for the manager to give out.`"""
    names = {
        Kind.SUGGESTION: ("suggestion to approve", "suggestions to approve"),
        Kind.MANAGER: ("for the manager to give out", "for the manager to give out"),
        Kind.HELD: ("held, since nobody can take it", "held, since nobody can take them"),
    }
    parts = []
    for kind, (one, many) in names.items():
        number = sum(item.kind == kind for item in items)
        if number:
            parts.append(f"{number:,} {one if number == 1 else many}")
    if len(items) == 1:
        return f"{items[0].opportunity.name} waits in the queue: {parts[0]}."
    return f"{len(items):,} wait in the queue: {'; '.join(parts)}."
