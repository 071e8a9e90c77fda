"""What a message outside says: what happened and why, a link to it, and where its reader changes what is sent."""

import uuid

from django.conf import settings
from django.urls import reverse

from crm.queries.opportunities import opportunities_visible_to
from reps.models import Rep, User
from reps.permissions import may
from reps.queries.people import reps_visible_to
from routing.models import ByEmail, Delivery, Digest, Notification, OutboxMessage

SUBJECT_LETTERS = 120
SEEN_BY = {
    Notification.Kind.WAITING: "see_queue",
    Notification.Kind.CAPACITY: "decide_queue",
    Notification.Kind.REPORTS: "see_analytics",
    Notification.Kind.ALARMS: "answer_alarms",
}


def address(path: str, key: uuid.UUID | None = None) -> str:
    """An absolute one; with the key a receiver can tell a repeat where the text alone is posted."""
    told = "" if key is None else f"{'&' if '?' in path else '?'}told={key}"
    return f"{settings.BASE_URL}{path}{told}"


def path_of(notification: Notification, user: User) -> str:
    """The page that it is about, as far as the user may see it."""
    if notification.account_transfer_id:
        if may(user, "see_configuration"):
            return reverse("account_transfer", args=[notification.account_transfer_id])
        return reverse("accounts")
    if notification.opportunity_id:
        return reverse("opportunity", args=[notification.opportunity_id])
    return notification.path or reverse("my_work")


def may_be_told(notification: Notification, user: User) -> bool:
    """Whether the user may still see what it is about: records move on, and roles change."""
    if not may(user, SEEN_BY.get(notification.kind, "see_records")):  # type: ignore[call-overload]
        return False
    if notification.opportunity_id:
        return opportunities_visible_to(user).filter(pk=notification.opportunity_id).exists()
    if notification.about_rep_id:
        return reps_visible_to(user).filter(pk=notification.about_rep_id).exists()
    return True


def subject_of(text: str) -> str:
    """What happened, without the reason."""
    head = text.partition(": ")[0].rstrip(".")
    return head if len(head) <= SUBJECT_LETTERS else f"{head[: SUBJECT_LETTERS - 1]}…"


def email_of(delivery: Delivery, notification: Notification, user: User) -> tuple[str, str]:
    """Subject and body."""
    kind = Notification.Kind(notification.kind).label if notification.kind else "This"
    more = f"{notification.body}\n\n" if notification.body else ""
    body = (
        f"{notification.text}\n\n{more}{address(path_of(notification, user))}\n\n-- \n"
        f"“{kind}” comes to you by email {ByEmail.AT_ONCE.label.lower()}. "
        f"Change it: {address(reverse('notification_settings'))}\n"
    )
    return subject_of(notification.text), body


def digest_of(digest: Digest, user: User) -> tuple[str, str] | None:
    """Subject and body, grouped by kind; None where the user may see nothing of it any more."""
    lines: dict[str, list[str]] = {}
    for line in digest.notifications.order_by("created_at", "pk"):
        if may_be_told(line, user):
            lines.setdefault(line.kind, []).append(f"- {line.text}\n  {address(path_of(line, user))}")
    if not lines:
        return None
    labels = dict(Notification.Kind.choices)
    groups = [
        f"{labels.get(kind, 'Else')}\n\n" + "\n".join(lines[kind])
        for kind in [*Notification.Kind.values, ""]
        if kind in lines
    ]
    number = sum(len(group) for group in lines.values())
    subject = f"{number} notification{'' if number == 1 else 's'}, {digest.day:%-d %b}"
    end = f"-- \nYour digest. Change it: {address(reverse('notification_settings'))}\n"
    return subject, "\n\n".join([*groups, end])


def chat_of(delivery: Delivery, notification: Notification, user: User) -> str:
    return f"{notification.text}\n{address(path_of(notification, user), delivery.key)}"


FOR_THE_REP = {"opportunity.assigned", "opportunities.given", "opportunity.repeated", "accounts.given"}


def team_post_of(delivery: Delivery, message: OutboxMessage) -> str:
    """What a whole team reads: "yours" needs a name."""
    payload, text = message.payload, message.payload["text"]
    if message.topic in FOR_THE_REP:
        name = Rep.objects.filter(pk=payload.get("rep_id")).values_list("name", flat=True).first()
        text = f"For {name or 'somebody who has left'}: {text}"
    path = payload.get("path", "")
    if payload.get("opportunity_id"):
        path = reverse("opportunity", args=[payload["opportunity_id"]])
    elif payload.get("transfer_id"):
        path = reverse("account_transfer", args=[payload["transfer_id"]])
    return f"{text}\n{address(path or reverse('home'), delivery.key)}"
