"""What a line of the log belongs to: request or job, opportunity, decision. Bound once, on every line after."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bind_contextvars, bound_contextvars, unbind_contextvars

REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{5,63}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
OF_A_DECISION = ("opportunity_id", "decision_id")


def request_id(given: str, traceparent: str) -> str:
    """The caller's own id where it has the form of one; else the id of the caller's trace; else a new one."""
    if REQUEST_ID.fullmatch(given):
        return given
    found = TRACEPARENT.fullmatch(traceparent)
    if found is not None and found.group(1).strip("0"):
        return found.group(1)
    return uuid.uuid4().hex


def note_decision(opportunity_id: int, decision_id: int | None) -> None:
    """From here on every line of this request or job says which opportunity and decision it was about."""
    bind_contextvars(opportunity_id=opportunity_id, decision_id=decision_id)


def forget_decision() -> None:
    unbind_contextvars(*OF_A_DECISION)


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Every line within names these; what was bound within is forgotten after it."""
    try:
        with bound_contextvars(**ids):
            yield
    finally:
        forget_decision()
