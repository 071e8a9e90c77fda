"""Sending to webhooks, at least once, in the order of the numbers as long as nothing fails.

Each webhook has a lane of its own: a thread that posts a handful of messages that were claimed for it under a lease,
while this thread alone speaks to the database, records each result and claims the next handful for whoever is done. So
a receiver that does not answer holds up no other. One that fails several times in a row is paused, a little longer each
time: it costs a request every few minutes, however much waits for it, and gets all that waits once it answers again.
"""

import datetime
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from routing.models import Webhook, WebhookDelivery
from routing.services.webhooks import posting, troubles
from routing.services.webhooks.planning import SENDER, plan_deliveries
from routing.services.webhooks.settings import MOST_WEBHOOKS

log = logging.getLogger(__name__)
LEASE = datetime.timedelta(minutes=5)  # longer than a handful may take
HANDFUL = 20
RUN_SECONDS = 45.0  # then the worker is given back
State = WebhookDelivery.State
Clock = Callable[[], datetime.datetime]


def run_sender() -> int:
    """Sends until nothing is due, one run at a time; returns how many arrived."""
    arrived: list[int] = []
    plan_deliveries(at=timezone.now())
    SENDER.run(
        lambda seconds: arrived.append(send_due(seconds=seconds)),
        while_due=lambda: due_webhooks(timezone.now()).exists(),
        seconds=RUN_SECONDS,
    )
    return sum(arrived)


def wake_if_due(*, at: datetime.datetime) -> None:
    """What a wake-up did not reach, and what waited for its time."""
    if due_webhooks(at).exists():
        SENDER.wake()


def due_webhooks(at: datetime.datetime) -> QuerySet[Webhook]:
    """Those that can be spoken to now and for which something is due. A test reaches one that is switched off, too."""
    due = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), state=State.WAITING, next_attempt_at__lte=at)
    ready = Q(paused_until__isnull=True) | Q(paused_until__lte=at)
    return Webhook.objects.filter(ready, Exists(due)).order_by("pk")


@dataclass
class _Run:
    """What is under way: one claimed handful at most for each webhook."""

    clock: Clock
    ends: float
    results: SimpleQueue[posting.Result] = field(default_factory=SimpleQueue)
    claimed: dict[int, WebhookDelivery] = field(default_factory=dict)
    arrived: int = 0

    @property
    def busy(self) -> set[int]:
        return {delivery.webhook_id for delivery in self.claimed.values()}


def send_due(*, clock: Clock = timezone.now, seconds: float = RUN_SECONDS) -> int:
    """Sends what is due until nothing is, or the time is up; returns how many arrived."""
    run = _Run(clock, time.monotonic() + seconds)
    with ThreadPoolExecutor(MOST_WEBHOOKS, thread_name_prefix="webhooks") as pool:
        while True:
            if time.monotonic() < run.ends:
                _start_lanes(run, pool)
            if not run.claimed:
                return run.arrived
            _take_results(run)


def _start_lanes(run: _Run, pool: ThreadPoolExecutor) -> None:
    for webhook in due_webhooks(run.clock()).exclude(pk__in=run.busy)[:MOST_WEBHOOKS]:
        deliveries = _claim(webhook, run.clock())
        run.claimed |= {delivery.pk: delivery for delivery in deliveries}
        try:
            posts = posting.posts(webhook, deliveries, at=run.clock())
        except Exception as error:  # one that cannot be made out must not hold up other webhooks
            log.exception("messages to webhook %s could not be made", webhook.pk)
            text = f"Something unexpected went wrong here ({type(error).__name__})."
            for delivery in deliveries:
                run.results.put(posting.Result(delivery.pk, error=text))
            continue
        pool.submit(_post_each, posts, run)


def _take_results(run: _Run) -> None:
    """One at least is waited for; every one that is there is recorded."""
    try:
        while True:
            result = run.results.get(timeout=1.0)
            delivery = run.claimed.pop(result.delivery_id)
            run.arrived += troubles.record(delivery, result, at=run.clock())
            if run.results.empty():
                return
    except Empty:
        return


def _claim(webhook: Webhook, at: datetime.datetime) -> list[WebhookDelivery]:
    """The next in order; nobody else takes them until the lease is over."""
    with transaction.atomic():
        due = WebhookDelivery.objects.filter(webhook=webhook, state=State.WAITING, next_attempt_at__lte=at)
        due = due.order_by(F("change").asc(nulls_first=True), "pk")  # somebody waits for a test
        most = 1 if webhook.failures >= troubles.PAUSES_AFTER else HANDFUL
        ids = list(due.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)[:most])
        claimed = WebhookDelivery.objects.filter(pk__in=ids)
        claimed.update(next_attempt_at=at + LEASE, attempts=F("attempts") + 1)
    related = claimed.select_related("change__opportunity", "change__from_rep", "change__to_rep")
    return list(related.order_by(F("change").asc(nulls_first=True), "pk"))


def _post_each(posts: Sequence[posting.Post], run: _Run) -> None:
    """Without the database. Tells exactly one result of each; after several failures in a row the rest is not tried."""
    failed = 0
    for post in posts:
        if failed >= troubles.PAUSES_AFTER or time.monotonic() > run.ends:
            run.results.put(posting.Result(post.delivery_id, is_untried=True))
            continue
        result = posting.send(post, clock=run.clock, allows_private=settings.WEBHOOK_ALLOW_PRIVATE)
        failed = 0 if result.arrived else failed + 1
        run.results.put(result)
        if result.status == posting.GONE:
            failed = troubles.PAUSES_AFTER
