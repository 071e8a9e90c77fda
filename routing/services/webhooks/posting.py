"""One request to a webhook: its body, its headers, and what the receiver said. Without the database but for `posts`."""

import datetime
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reps.services.calendars.fetching import Fetcher, FetchError
from routing.engine.signatures import signatures
from routing.models import Webhook, WebhookDelivery
from routing.queries.told_changes import told
from routing.services.webhooks.settings import secrets_of

log = logging.getLogger(__name__)
TEST = "test"
PATIENCE_SECONDS = 10.0
MOST_ANSWER = 2**20
GONE = 410
EXCERPT_SENT, EXCERPT_ANSWER = 2000, 500


@dataclass(frozen=True)
class Post:
    """A message ready to go; signed when it goes, since the time is part of the signature."""

    delivery_id: int
    address: str
    key: str
    event: str
    number: int | None
    body: bytes
    secrets: Sequence[str] = field(repr=False)


@dataclass(frozen=True)
class Result:
    """What became of one attempt. `is_untried`: its turn did not come."""

    delivery_id: int
    status: int | None = None
    error: str = ""
    sent: str = ""
    answer: str = ""
    is_untried: bool = False

    @property
    def arrived(self) -> bool:
        return not self.is_untried and not self.error


def posts(webhook: Webhook, deliveries: Sequence[WebhookDelivery], *, at: datetime.datetime) -> list[Post]:
    """In their order; a fixed number of queries."""
    changes = [delivery.change for delivery in deliveries if delivery.change is not None]
    by_change = {row["number"]: row for row in told(changes)} if changes else {}
    valid = secrets_of(webhook, at=at)
    made = []
    for delivery in deliveries:
        change = delivery.change
        content: dict[str, Any] = {"number": None, "event": TEST, "at": at.isoformat()}
        if change is not None:
            content = by_change[change.number]
        body = json.dumps({"delivery": str(delivery.key), **content}).encode()
        made.append(
            Post(
                delivery.pk, webhook.address, str(delivery.key), content["event"], content["number"], body, valid
            )
        )  # fmt: skip
    return made


def send(post: Post, *, clock: Callable[[], datetime.datetime], allows_private: bool) -> Result:
    """Never raises."""
    sent = post.body.decode()[:EXCERPT_SENT]
    try:
        if not post.secrets:
            raise FetchError("Its secret cannot be opened (SECRET_KEY has changed). Give it a new one.")
        fetcher = Fetcher(
            time.monotonic() + PATIENCE_SECONDS, allows_private=allows_private, most_bytes=MOST_ANSWER,
            most_redirects=0, identifies_as="PredictiveRouting-Webhook/1", opened_by="WEBHOOK_ALLOW_PRIVATE",
        )  # fmt: skip
        headers = _headers(post, int(clock().timestamp()))
        answer = fetcher.fetch(post.address, method="POST", body=post.body, headers=headers)
    except FetchError as error:
        return Result(post.delivery_id, error=str(error), sent=sent)
    except Exception as error:
        log.exception("webhook delivery %s failed as none should", post.key)
        return Result(post.delivery_id, error=f"Something unexpected went wrong ({type(error).__name__}).")
    text = answer.body[: 4 * EXCERPT_ANSWER].decode(errors="replace").replace("\x00", "�")[:EXCERPT_ANSWER]
    wrong = "" if 200 <= answer.status < 300 else _words(answer.status)
    return Result(post.delivery_id, answer.status, wrong, sent, text)


def _headers(post: Post, timestamp: int) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-Routing-Event": post.event,
        "X-Routing-Delivery": post.key,
        "X-Routing-Timestamp": str(timestamp),
        "X-Routing-Signature": signatures(post.secrets, timestamp, post.body),
    } | ({} if post.number is None else {"X-Routing-Number": str(post.number)})


def _words(status: int) -> str:
    if 300 <= status < 400:
        return (
            f"The receiver sends us elsewhere ({status}). Redirects are not followed: give the final address."
        )
    if status == GONE:
        return "The receiver says that it is gone for good (410)."
    return f"The receiver answered with {status}."
