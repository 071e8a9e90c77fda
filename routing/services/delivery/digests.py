"""The digest: once for each user and day whatever the number of workers, late where none ran at its hour."""

import datetime

from django.db import transaction
from django.db.models import Min

from reps.models import User
from routing.engine.notices import Slot, last_slot
from routing.models import Delivery, Digest, Notification
from routing.queries.notification_settings import settings_of
from routing.services.delivery.planning import SENDER


def make_due(*, at: datetime.datetime) -> int:
    """Makes the digests whose hour has come, of what was told before that hour; returns how many."""
    waiting = Notification.objects.filter(awaits_digest=True, user__is_active=True)
    oldest = dict(waiting.order_by().values_list("user").annotate(Min("created_at")))
    made = 0
    for user in User.objects.filter(pk__in=oldest).order_by("pk"):
        wishes = settings_of(user)
        slot = last_slot(at, wishes.zone, wishes.digest_at, wishes.digest_days)
        if slot is not None and oldest[user.pk] <= slot.at:
            made += _make(user, slot, at)
    return made


@transaction.atomic
def _make(user: User, slot: Slot, at: datetime.datetime) -> bool:
    """The row for user and day is what makes it once: a second worker waits for the first one's commit, and finds it.
    What a day's digest missed (its hour was changed) waits for the next day's."""
    digest, is_new = Digest.objects.get_or_create(user=user, day=slot.day, defaults={"created_at": at})
    if not is_new:
        return False
    waiting = Notification.objects.filter(user=user, awaits_digest=True, created_at__lte=slot.at)
    if not waiting.update(awaits_digest=False, digest=digest):
        digest.delete()
        return False
    Delivery.objects.create(
        channel=Delivery.Channel.EMAIL, user=user, digest=digest, created_at=at, next_attempt_at=at
    )
    SENDER.wake_after_commit()
    return True
