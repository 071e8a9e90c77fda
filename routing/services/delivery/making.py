"""From a delivery that is due to what goes over the wire, or why nothing does: checked at the last moment, since people
leave, roles change and addresses are taken away while a message waits."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from reps.models import User
from reps.services.calendars.sealing import SealBroken, unseal
from routing.models import Delivery
from routing.queries.notification_settings import settings_of
from routing.services.delivery import texts
from routing.services.delivery.chat import BadAddress, ChatAddress, Post, read_address
from routing.services.delivery.mail import Letter, MailMisconfigured, MailServer
from routing.services.delivery.outcome import NotSent, Refused
from routing.services.delivery.planning import due_at

MAIL_LANE = "mail"


@dataclass(frozen=True)
class Withheld:
    """Nothing is sent, for good."""

    why: str


@dataclass(frozen=True)
class Later:
    """Not now: quiet hours."""

    at: datetime.datetime


@dataclass(frozen=True)
class Outgoing:
    """What to send, and the lane that it goes in: one after the other to one server."""

    delivery_id: int
    lane: str
    content: Letter | Post


def make(delivery: Delivery, *, at: datetime.datetime) -> Outgoing | Withheld | Later:
    """Raises NotSent, Refused."""
    if delivery.channel == Delivery.Channel.TEAM:
        return _for_channel(delivery)
    user = delivery.user
    assert user is not None
    if not is_here(user):
        return Withheld(f"{user} does not work here any more.")
    if delivery.digest is not None:
        return _digest(delivery, user)
    wishes = settings_of(user)
    due = due_at(wishes, delivery.kind, at)
    if due > at:
        return Later(due)
    notification = delivery.notification
    assert notification is not None
    if not texts.may_be_told(notification, user):
        return Withheld(f"{user} may not see any more what it is about.")
    if delivery.channel == Delivery.Channel.EMAIL:
        return _letter(delivery, user, *texts.email_of(delivery, notification, user))
    if not wishes.chat_sealed:
        return Withheld(f"{user} has taken the chat address away.")
    return _post(delivery, wishes.chat_sealed, lambda: texts.chat_of(delivery, notification, user))


def is_here(user: User) -> bool:
    rep = getattr(user, "rep", None)
    return user.is_active and not (user.role == User.Role.REP and rep is not None and rep.left_at is not None)


def _digest(delivery: Delivery, user: User) -> Outgoing | Withheld:
    assert delivery.digest is not None
    told = texts.digest_of(delivery.digest, user)
    if told is None:
        return Withheld(f"{user} may not see any more what it is about.")
    return _letter(delivery, user, *told)


def _for_channel(delivery: Delivery) -> Outgoing | Withheld:
    channel, message = delivery.chat_channel, delivery.message
    assert channel is not None
    assert message is not None
    if not channel.is_active:
        return Withheld(f"{channel} is switched off.")
    return _post(delivery, channel.sealed, lambda: texts.team_post_of(delivery, message))


def _letter(delivery: Delivery, user: User, subject: str, body: str) -> Outgoing:
    return Outgoing(delivery.pk, MAIL_LANE, Letter(delivery.key, user.email, user.name, subject, body))


def _post(delivery: Delivery, sealed: bytes | memoryview, text: Callable[[], str]) -> Outgoing:
    address = opened(sealed)
    return Outgoing(delivery.pk, address.lane, Post(delivery.key, address, text()))


def opened(sealed: bytes | memoryview) -> ChatAddress:
    """Raises Refused."""
    try:
        return read_address(unseal(sealed)["address"], allows_private=settings.CHAT_ALLOW_PRIVATE)
    except (SealBroken, KeyError):
        raise Refused("This installation has another SECRET_KEY now. Give the chat address again.") from None
    except BadAddress as error:
        raise Refused(str(error)) from None


def mail_server() -> MailServer:
    """Raises NotSent where none is set, or what is set is none."""
    try:
        server = MailServer.from_url(settings.MAIL_URL)
    except MailMisconfigured as error:
        raise NotSent(str(error), is_unreachable=True) from None
    if server is None:
        raise NotSent("No mail server is set (MAIL_URL).", is_unreachable=True)
    return server
