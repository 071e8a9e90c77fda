"""Around every request: its id, its line in the log, its time, its span.

The id is the caller's own where it sends a valid one (X-Request-ID, or a trace's), and goes back in the answer, so that
somebody who reports a trouble can name it. The line is written once the answer is ready, that of a stream as it begins.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty
from structlog.contextvars import bind_contextvars, clear_contextvars

from telemetry import context, metrics
from telemetry.logs import shown_path
from telemetry.traces import request_span

log = logging.getLogger("requests")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Where leads come in, by the names of the addresses. What services count is what was taken in.
INTAKE_WAYS = {
    "api-opportunity-list": "api",
    "api-opportunity-bulk": "bulk",
    "web_form_submit": "web_form",
    "opportunity_new": "page",
}


@dataclass
class Watched:
    """A request under way. `answer` is what it will be answered with."""

    request: HttpRequest
    request_id: str
    started: float
    answer: HttpResponseBase | None = None

    def route(self) -> str:
        found = getattr(self.request, "resolver_match", None)
        return "unmatched" if found is None else found.view_name or "unnamed"


class RequestLog:
    """First of all middleware, in both of Django's ways."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._later(request)
        with watching(request) as watched:
            watched.answer = answer = self.get_response(request)
        return named(answer, watched)

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        with watching(request) as watched:
            watched.answer = answer = await self.get_response(request)
        return named(answer, watched)


def named(answer: HttpResponseBase, watched: Watched) -> HttpResponseBase:
    answer["X-Request-ID"] = watched.request_id
    # What says nothing of caches may be somebody's data: no browser and no proxy keeps it. Static files say something.
    answer.headers.setdefault("Cache-Control", "private, no-store")
    return answer


@contextmanager
def watching(request: HttpRequest) -> Iterator[Watched]:
    headers = request.headers
    found = context.request_id(headers.get("X-Request-ID", ""), headers.get("traceparent", ""))
    clear_contextvars()
    bind_contextvars(request_id=found)
    watched = Watched(request, found, time.perf_counter())
    method = request.method if request.method in METHODS else "OTHER"
    # The ids stay bound, for what Django logs of an answer after all middleware; each request is a task of its own.
    with request_span(f"{method}", headers) as span:
        yield watched
        note(watched, str(method), span)


def note(watched: Watched, method: str, span: Any) -> None:
    """Counts the request and writes its line."""
    answer = watched.answer
    assert answer is not None
    seconds, route, status = time.perf_counter() - watched.started, watched.route(), answer.status_code
    if not getattr(answer, "streaming", False):
        metrics.REQUEST_SECONDS.labels(route, method, f"{status // 100}xx").observe(seconds)
    if method == "POST" and route in INTAKE_WAYS:
        note_intake(INTAKE_WAYS[route], status)
    if span is not None:
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})
    if log.isEnabledFor(logging.INFO):
        told = {
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "user_id": user_id(watched.request),
        }
        log.info("%s %s", method, shown_path(watched.request.path), extra=told)


def note_intake(way: str, status: int) -> None:
    failed = status >= 500
    metrics.recent_intake.note(failed=failed)
    if status >= 400:
        metrics.INTAKE.labels(way, "failed" if failed else "refused").inc()


def user_id(request: HttpRequest) -> int | None:
    """Who asked, where that is known already: nobody is looked up for a line."""
    user = request.__dict__.get("user")
    if isinstance(user, LazyObject):
        user = None if user._wrapped is empty else user
    return getattr(user, "pk", None)
