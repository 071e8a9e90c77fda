"""When trouble begins and when it is over. Each bound has two values: a figure must pass the first for an alarm to
begin, and fall below the second for it to end; and it must stay there for some minutes. So one that moves about its
bound is one episode, told once.

What is looked at are figures that carry their own duration (the age of what waits longest, five minutes of requests),
so a single look suffices to begin.
"""

import datetime
from dataclasses import dataclass

QUIET_FOR = datetime.timedelta(minutes=5)  # without cause, before an episode is over


@dataclass(frozen=True)
class Bound:
    """`begins` is passed upwards; `ends` is not above it."""

    begins: float
    ends: float

    def holds(self, value: float, *, is_on: bool) -> bool:
        return value > (self.ends if is_on else self.begins)


OUTBOX_SECONDS = Bound(300, 60)
WORKER_SECONDS = Bound(60, 30)
JOB_SECONDS = Bound(900, 300)  # with a living worker, whose hands may be full of a training or a batch
FAILED_SHARE = Bound(0.05, 0.01)
FEWEST_FAILED = 3  # of one or two failures nothing follows
UNDECIDED = Bound(0, 0)
CALENDAR_SHARE = Bound(0.1, 0.05)
DISK_FULL_SHARE = Bound(0.95, 0.92)
DAYS_TO_FULL = Bound(-30, -40)  # the fewer the worse, so turned round


def intake_fails(requests: int, failed: int, *, is_on: bool) -> bool:
    """`failed` of `requests` in five minutes were answered with an error of ours."""
    if requests == 0 or (failed < FEWEST_FAILED and not is_on):
        return False
    return FAILED_SHARE.holds(failed / requests, is_on=is_on)


def is_over(last_seen_at: datetime.datetime, at: datetime.datetime) -> bool:
    return at - last_seen_at >= QUIET_FOR
