"""What each process counts, for Prometheus. Names after its conventions; labels take few values, never an id.

A process counts its own: each web process is scraped by itself and the sums are made there. What all share (the queue,
the outbox, jobs) is read from the database when it is asked for (`operations.metrics`).
"""

import threading
import time
from collections import deque

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

REQUEST_SECONDS = Histogram(
    "routing_http_request_seconds",
    "Time until a request was answered, by the name of its page or endpoint.",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
INTAKE = Counter(
    "routing_intake_leads",
    "Leads that came in, by way and by what became of them. A request that was refused as a whole counts as one.",
    ["way", "result"],
    registry=REGISTRY,
)
DECISIONS = Counter(
    "routing_decisions",
    "Decisions that this process made, by outcome and by what they rest on.",
    ["outcome", "via"],
    registry=REGISTRY,
)
DECISION_SECONDS = Histogram(
    "routing_decision_seconds",
    "Time from asking for a decision to having stored it.",
    ["path"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=REGISTRY,
)
# Children are kept: looking one up takes longer than counting.
ONE_DECISION = DECISION_SECONDS.labels("one")
WAVE_DECISIONS = DECISION_SECONDS.labels("wave")


def count_decision(outcome: str, via: str) -> None:
    DECISIONS.labels(outcome, via).inc()


class Recent:
    """How many of a kind there were within the last minutes, and how many of these failed. Of this process."""

    def __init__(self, seconds: float = 300.0) -> None:
        self.seconds = seconds
        self._noted: deque[tuple[float, bool]] = deque(maxlen=100_000)
        self._lock = threading.Lock()

    def note(self, *, failed: bool, now: float | None = None) -> None:
        with self._lock:
            self._noted.append((time.monotonic() if now is None else now, failed))

    def counts(self, now: float | None = None) -> tuple[int, int]:
        """All, and the failed ones."""
        since = (time.monotonic() if now is None else now) - self.seconds
        with self._lock:
            while self._noted and self._noted[0][0] < since:
                self._noted.popleft()
            return len(self._noted), sum(failed for _, failed in self._noted)


recent_intake = Recent()
