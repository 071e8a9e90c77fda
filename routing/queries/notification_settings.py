"""How users want to be told, and the channels of teams."""

from collections.abc import Collection

from django.db.models import QuerySet

from reps.models import Rep, User
from reps.permissions import may
from routing.models import ChatChannel, Notification, NotificationSettings

Kind = Notification.Kind
NEEDS = {
    Kind.WAITING: "see_queue",
    Kind.CAPACITY: "decide_queue",
    Kind.WEBHOOKS: "edit_integrations",
    Kind.REPORTS: "see_analytics",
    Kind.ALARMS: "answer_alarms",
}
FOR_REPS = {Kind.ASSIGNED, Kind.ASKED_AGAIN}


def settings_of(user: User) -> NotificationSettings:
    """The user's own, or the defaults, unsaved."""
    found = NotificationSettings.objects.filter(user=user).first() or NotificationSettings()
    found.user = user
    return found


def settings_of_many(users: Collection[User]) -> dict[int, NotificationSettings]:
    """The same of many, by user; one query."""
    own = {found.user_id: found for found in NotificationSettings.objects.filter(user__in=users)}
    wishes = {user.pk: own.get(user.pk) or NotificationSettings() for user in users}
    for user in users:
        wishes[user.pk].user = user
    return wishes


def kinds_for(user: User) -> list[Kind]:
    """Those that may ever reach this user: by the role, and by being a rep."""
    is_rep = Rep.objects.filter(user=user).exists()
    return [
        kind
        for kind in Kind
        if may(user, NEEDS.get(kind, "see_records")) and (is_rep or kind not in FOR_REPS)
    ]


# What a team may read together: the others are between the product and one person.
CHANNEL_KINDS = (Kind.ASSIGNED, Kind.ASKED_AGAIN, Kind.WAITING, Kind.CAPACITY, Kind.ACCOUNTS, Kind.CALENDARS)


def chat_channels() -> QuerySet[ChatChannel]:
    return ChatChannel.objects.prefetch_related("teams")
