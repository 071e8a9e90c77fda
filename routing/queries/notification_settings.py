"""How users want to be told, and the channels of teams."""

from django.db.models import QuerySet

from reps.models import User
from reps.permissions import may
from routing.models import ChatChannel, Notification, NotificationSettings

Kind = Notification.Kind
NEEDS = {Kind.WAITING: "see_queue", Kind.CAPACITY: "decide_queue"}


def settings_of(user: User) -> NotificationSettings:
    """The user's own, or the defaults, unsaved."""
    found = NotificationSettings.objects.filter(user=user).first() or NotificationSettings()
    found.user = user
    return found


def kinds_for(user: User) -> list[Kind]:
    """Those that may ever reach somebody of this role."""
    return [kind for kind in Kind if may(user, NEEDS.get(kind, "see_records"))]


# What a team may read together: the others are between the product and one person.
CHANNEL_KINDS = (Kind.ASSIGNED, Kind.ASKED_AGAIN, Kind.WAITING, Kind.CAPACITY, Kind.ACCOUNTS, Kind.CALENDARS)


def chat_channels() -> QuerySet[ChatChannel]:
    return ChatChannel.objects.prefetch_related("teams")
