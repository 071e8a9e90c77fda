"""Sending what is due, at least once: claimed under a lease, sent outside of any transaction, recorded one by one.

A claim locks the rows for a moment and moves their next attempt ahead; whoever dies while sending leaves a lease that
runs out, and the message goes again under the same key. Messages to one server go one after the other in a lane of
their own, a few lanes side by side, so that a slow server holds up no other. Several workers may run it.
"""

import dataclasses
import datetime
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from routing.engine.notices import MOST_ATTEMPTS, retry_after
from routing.models import Delivery
from routing.services.delivery import chat
from routing.services.delivery.mail import Letter, MailLine
from routing.services.delivery.making import Later, Outgoing, Withheld, mail_server, make
from routing.services.delivery.outcome import NotSent, Refused
from routing.services.delivery.planning import SENDER
from telemetry.traces import span

log = logging.getLogger(__name__)
LEASE = datetime.timedelta(minutes=5)  # far longer than a batch may take
BATCH = 50
LANES = 8  # servers that are spoken to side by side
RUN_SECONDS = 45.0  # then the worker is given back, for what is shown in the page comes first
GIVES_UP_AFTER = 2  # a server that did not answer so often is not asked again in this batch
State = Delivery.State
Clock = Callable[[], datetime.datetime]


@dataclasses.dataclass
class Sent:
    """What became of a run, in numbers of deliveries."""

    delivered: int = 0
    failed: int = 0
    withheld: int = 0
    later: int = 0


@dataclasses.dataclass(frozen=True)
class Result:
    """None as error: it arrived. `is_untried`: the time was up before its turn."""

    delivery_id: int
    error: NotSent | None = None
    is_untried: bool = False


def run_sender() -> Sent:
    """Sends until nothing is due, one run at a time."""
    total = Sent()
    SENDER.run(
        lambda seconds: add(total, send_due(seconds=seconds)),
        while_due=lambda: due_deliveries(timezone.now()).exists(),
        seconds=RUN_SECONDS,
    )
    return total


def wake_if_due(*, at: datetime.datetime) -> None:
    """What a wake-up did not reach, and what waited for its time."""
    if due_deliveries(at).exists():
        SENDER.wake()


def due_deliveries(at: datetime.datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=State.WAITING, next_attempt_at__lte=at).order_by(
        "next_attempt_at", "id"
    )


def send_due(*, clock: Clock = timezone.now, seconds: float = RUN_SECONDS) -> Sent:
    """Sends what is due in batches until nothing is, or the time is up."""
    total, ends = Sent(), time.monotonic() + seconds
    while time.monotonic() < ends:
        claimed = _claim(clock())
        if not claimed:
            break
        with span("send deliveries", deliveries=len(claimed)):
            add(total, _send_batch(claimed, clock, ends))
    return total


def add(total: Sent, more: Sent) -> None:
    for name, number in dataclasses.asdict(more).items():
        setattr(total, name, getattr(total, name) + number)


def _claim(at: datetime.datetime) -> list[Delivery]:
    """The oldest that are due; nobody else takes them until the lease is over."""
    with transaction.atomic():
        ids = list(
            due_deliveries(at)
            .select_for_update(skip_locked=True, no_key=True)
            .values_list("pk", flat=True)[:BATCH]
        )
        claimed = Delivery.objects.filter(pk__in=ids)
        claimed.update(next_attempt_at=at + LEASE, attempts=F("attempts") + 1)
    related = claimed.select_related("user__rep", "notification", "digest", "chat_channel", "message")
    return list(related.order_by("pk"))


def _send_batch(claimed: Sequence[Delivery], clock: Clock, ends: float) -> Sent:
    counts = Sent()
    lanes: dict[str, list[Outgoing]] = {}
    by_id = {delivery.pk: delivery for delivery in claimed}
    for delivery in claimed:
        made = _made(delivery, clock())
        if isinstance(made, Outgoing):
            lanes.setdefault(made.lane, []).append(made)
        elif isinstance(made, Result):
            _record(delivery, made, clock())
            counts.failed += 1
        elif isinstance(made, Later):
            _set(delivery, next_attempt_at=made.at, attempts=F("attempts") - 1)
            counts.later += 1
        else:
            _set(delivery, state=State.WITHHELD, settled_at=clock(), last_error=made.why[:500])
            counts.withheld += 1
    for result in _sent(list(lanes.values()), ends):
        _record(by_id[result.delivery_id], result, clock())
        counts.delivered += result.error is None and not result.is_untried
        counts.failed += result.error is not None
    return counts


def _made(delivery: Delivery, at: datetime.datetime) -> Outgoing | Withheld | Later | Result:
    """One that cannot be made out must not hold up the others."""
    if delivery.attempts > MOST_ATTEMPTS:  # leases that ran out count as well
        return Result(delivery.pk, NotSent("Sending was begun again and again and never came to an end."))
    try:
        return make(delivery, at=at)
    except NotSent as error:
        return Result(delivery.pk, error)
    except Exception as error:
        log.exception("delivery %s could not be made", delivery.key)
        return Result(
            delivery.pk, NotSent(f"Something went wrong that we did not expect ({type(error).__name__}).")
        )


def _sent(lanes: Sequence[Sequence[Outgoing]], ends: float) -> Iterator[Result]:
    """The results as they come, so that each is recorded before the next one's is known."""
    results: SimpleQueue[Result] = SimpleQueue()
    with ThreadPoolExecutor(LANES, thread_name_prefix="deliveries") as pool:
        for lane in lanes:
            pool.submit(_send_lane, lane, ends, results.put)
        for _ in range(sum(len(lane) for lane in lanes)):
            yield results.get()


def _send_lane(lane: Sequence[Outgoing], ends: float, tell: Callable[[Result], None]) -> None:
    """Without the database. Tells exactly one result of each."""
    silent, error = 0, None
    with _Line() as line:
        for outgoing in lane:
            if time.monotonic() > ends:
                tell(Result(outgoing.delivery_id, is_untried=True))
                continue
            if silent < GIVES_UP_AFTER:
                error = line.send(outgoing)
                silent = silent + 1 if error is not None and error.is_unreachable else 0
            tell(Result(outgoing.delivery_id, error))


class _Line:
    """Sends letters over one connection to the mail server, and posts to chats."""

    def __init__(self) -> None:
        self.mail: MailLine | None = None

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_: object) -> None:
        if self.mail is not None:
            self.mail.__exit__()

    def send(self, outgoing: Outgoing) -> NotSent | None:
        """What was wrong, if anything."""
        try:
            if isinstance(outgoing.content, Letter):
                if self.mail is None:
                    self.mail = MailLine(mail_server())
                self.mail.send(outgoing.content)
            else:
                chat.post(outgoing.content, allows_private=settings.CHAT_ALLOW_PRIVATE)
        except NotSent as error:
            return error
        except Exception as error:
            # Without the traceback: its variables may show an address.
            log.error("delivery %s failed: %s", outgoing.content.key, type(error).__name__)
            return NotSent(f"Something went wrong that we did not expect ({type(error).__name__}).")
        return None


def _record(delivery: Delivery, result: Result, at: datetime.datetime) -> None:
    if result.is_untried:
        _set(delivery, next_attempt_at=at, attempts=F("attempts") - 1)
    elif result.error is None:
        _set(delivery, state=State.DELIVERED, settled_at=at, last_error="")
    elif isinstance(result.error, Refused) or delivery.attempts >= MOST_ATTEMPTS:
        _set(delivery, state=State.DEAD, settled_at=at, last_error=str(result.error)[:500])
    else:
        wait = retry_after(delivery.attempts, delivery.key)
        _set(delivery, next_attempt_at=at + wait, last_error=str(result.error)[:500])


def _set(delivery: Delivery, **values: object) -> None:
    """Only while it waits: another worker may have settled it after our lease ran out."""
    Delivery.objects.filter(pk=delivery.pk, state=State.WAITING).update(**values)


def send_now(outgoing: Outgoing) -> NotSent | None:
    """One message while somebody waits for the answer; nothing is kept of it."""
    with _Line() as line:
        return line.send(outgoing)
