"""What every sender of messages does alike: woken after a commit, one run at a time, old rows forgotten in parts."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction
from django_q.tasks import async_task

log = logging.getLogger(__name__)
CHUNK = 5_000  # rows deleted in one statement


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """Whether nobody else holds the lock now; it is held until the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        is_ours = bool(cursor.fetchone()[0])
        try:
            yield is_ours
        finally:
            if is_ours:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [lock])


@dataclass(frozen=True)
class Sender:
    """A job that sends, and the lock by which one run of it does at a time, so that slow servers occupy one worker."""

    job: str
    group: str
    lock: int

    def wake(self) -> None:
        """Asks a worker to send. Failing must not fail the caller: the sweep asks again."""
        try:
            async_task(self.job, group=self.group)
        except Exception:
            log.exception("could not wake the sender of %s; the sweep will", self.group)

    def wake_after_commit(self) -> None:
        """Once the transaction is committed; once is enough for a transaction."""
        if not any(entry[1] == self.wake for entry in connection.run_on_commit):
            transaction.on_commit(self.wake)

    def run(self, send: Callable[[float], None], *, while_due: Callable[[], bool], seconds: float) -> None:
        """Lets `send` work for the seconds that are left until nothing is due. What becomes due while another run is at
        its end is seen by the look after the lock is given back."""
        ends = time.monotonic() + seconds
        while while_due():
            if time.monotonic() > ends:
                self.wake()
                return
            with alone(self.lock) as is_ours:
                if not is_ours:
                    return
                send(max(ends - time.monotonic(), 1))


def delete_in_parts(rows: models.QuerySet[Any]) -> int:
    """So that no statement locks for long; returns how many rows went."""
    gone = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        gone += rows.model._default_manager.filter(pk__in=ids).delete()[0]
    return gone
