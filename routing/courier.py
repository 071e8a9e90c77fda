"""The courier: waits until a transaction that wrote something to be told is committed, and delivers it at once; what
webhooks are to be told it plans.

It listens to PostgreSQL's own notifications, so that a message is on its way within milliseconds and nothing is asked
for in between. Several couriers may run: a message is claimed by its row's lock. One that stands still costs a minute,
until the sweep delivers.
"""

import logging
import threading

import psycopg
from django.db import connection, connections
from django.utils import timezone

from reps.queries.listening import address
from routing.services import outbox
from routing.services.webhooks.planning import plan_deliveries

log = logging.getLogger(__name__)
GATHERS_SECONDS = (
    0.25  # what is committed meanwhile goes out in the same round: each costs as much for one as for many
)
LOOKS_SECONDS = 5.0  # also without a notification: what is due again after a failure
LONGEST_PAUSE_SECONDS = 30.0


def carry(stop: threading.Event) -> None:
    """Delivers until it is told to stop; a database that is away is waited for."""
    pause = 0.5
    while not stop.is_set():
        try:
            _listen(stop)
            pause = 0.5
        except Exception:  # the database is away, or a delivery failed as none should: try again, for ever
            log.exception("the courier lost its connection; the next try follows in %.1f s", pause)
            connections.close_all()
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _listen(stop: threading.Event) -> None:
    with psycopg.connect(**address()) as listening:
        listening.execute(f"LISTEN {outbox.CHANNEL}")
        while not stop.is_set():
            outbox.deliver_due(at=timezone.now())
            plan_deliveries(at=timezone.now())
            if any(True for _ in listening.notifies(timeout=LOOKS_SECONDS, stop_after=1)):
                stop.wait(GATHERS_SECONDS)
                for _ in listening.notifies(timeout=0):
                    pass  # told while gathering
            else:
                connection.close()  # none idles in this thread; while there is work, opening one costs more than it
