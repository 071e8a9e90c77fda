"""How people are told outside the page: a user's own choices and chat address, and the channels of teams."""

import datetime
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field

from django.conf import settings as project
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from reps.models import Team, User
from reps.permissions import may
from reps.services.calendars.sealing import seal
from reps.services.edits import lock_unchanged
from routing.models import ByEmail, ChatChannel, Delivery, Notification, NotificationSettings
from routing.services.delivery import sending
from routing.services.delivery.chat import BadAddress, ChatAddress, Post, read_address
from routing.services.delivery.mail import Letter
from routing.services.delivery.making import MAIL_LANE, Outgoing, opened
from routing.services.delivery.outcome import NotSent
from routing.services.delivery.planning import SENDER
from routing.services.delivery.texts import address as absolute

TEST_TEXT = "A test from Predictive Routing: this is where your notifications arrive."
ADDRESS = "address"


@transaction.atomic
def save_wishes(
    *, wishes: NotificationSettings, at: datetime.datetime, seen: datetime.datetime | None = None
) -> NotificationSettings:
    """What already waits follows the new choices. Raises EditConflict."""
    _lock(wishes.user)
    if wishes.pk:
        lock_unchanged(wishes, seen=seen)
    stored = NotificationSettings.objects.filter(user=wishes.user).first()
    if stored is not None:  # a chat address may have come meanwhile
        wishes.pk, wishes.chat_sealed = stored.pk, stored.chat_sealed
        wishes.chat_service, wishes.chat_hint = stored.chat_service, stored.chat_hint
    wishes.save()
    no_digest = [kind for kind in Notification.Kind if wishes.by_email(kind) != ByEmail.DIGEST]
    Notification.objects.filter(user=wishes.user, awaits_digest=True, kind__in=no_digest).update(
        awaits_digest=False
    )
    # What waits for the end of quiet hours is looked at again under the new ones.
    held = Delivery.objects.filter(user=wishes.user, state=Delivery.State.WAITING, attempts=0)
    if held.update(next_attempt_at=at):
        SENDER.wake_after_commit()
    return wishes


@transaction.atomic
def set_chat(*, user: User, address: str) -> NotificationSettings:
    """The user's own chat address; an empty one takes it away. Raises ValidationError."""
    _lock(user)
    wishes = NotificationSettings.objects.filter(user=user).first() or NotificationSettings(user=user)
    if address:
        found = _read(address)
        wishes.chat_sealed = seal({ADDRESS: found.url})
        wishes.chat_service, wishes.chat_hint = found.service, found.hint
    else:
        wishes.chat_sealed, wishes.chat_service, wishes.chat_hint = b"", "", ""
    wishes.save()
    return wishes


def _lock(user: User) -> None:
    """So that two first saves make one row."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _read(address: str) -> ChatAddress:
    try:
        return read_address(address, allows_private=project.CHAT_ALLOW_PRIVATE)
    except BadAddress as error:
        raise ValidationError({ADDRESS: str(error)}) from None


@dataclass(frozen=True)
class ChannelInput:
    """What a person gave. An empty address keeps the one that is stored."""

    name: str
    kinds: Collection[str]
    teams: Collection[Team]
    is_active: bool
    address: str = field(default="", repr=False)


@transaction.atomic
def save_channel(
    *,
    given: ChannelInput,
    by: User,
    channel: ChatChannel | None = None,
    seen: datetime.datetime | None = None,
) -> ChatChannel:
    """Adds or changes a channel. Raises ValidationError, EditConflict."""
    _check(by)
    found = lock_unchanged(channel, seen=seen) if channel is not None else ChatChannel()
    if given.address:
        address = _read(given.address)
        found.sealed = seal({ADDRESS: address.url})
        found.service, found.hint = address.service, address.hint
    elif not found.sealed:
        raise ValidationError({ADDRESS: "Give the channel's address."})
    found.name, found.kinds, found.is_active = given.name, list(given.kinds), given.is_active
    found.save()
    found.teams.set(given.teams)
    return found


@transaction.atomic
def delete_channel(*, channel: ChatChannel, by: User) -> None:
    """With what still waits for it."""
    _check(by)
    channel.delete()


def _check(by: User) -> None:
    if not may(by, "edit_organisation"):
        raise PermissionDenied("Team channels are for those who edit the organisation's settings.")


# --- trying ----------------------------------------------------------------------------------------------------


def try_email(*, user: User, path: str) -> NotSent | None:
    """A letter to the user's own address, now; what was wrong, if anything."""
    body = f"{TEST_TEXT}\n\n{absolute(path)}\n"
    letter = Letter(uuid.uuid4(), user.email, user.name, "A test message", body)
    return sending.send_now(Outgoing(0, MAIL_LANE, letter))


def try_chat(*, sealed: bytes | memoryview, path: str) -> NotSent | None:
    """The same for a chat address."""
    try:
        address = opened(sealed)
    except NotSent as error:
        return error
    return sending.send_now(
        Outgoing(0, address.lane, Post(uuid.uuid4(), address, f"{TEST_TEXT}\n{absolute(path)}"))
    )
