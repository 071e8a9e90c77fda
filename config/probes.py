"""What machines ask of a process: whether it answers, whether it is ready, what it counts.

Answered before everything else, so that neither a name of a host nor a redirect nor a sign-in stands in the way. They
say nothing that a stranger could use: no version, no name, no reason beyond a word.

    /health/    the process answers. No database, no thread
    /ready/     the database answers and is migrated for this code, and nobody stops the process; else 503
    /metrics    for Prometheus, with METRICS_TOKEN or from METRICS_ALLOW; else 404
"""

import hmac
import ipaddress
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import psycopg
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from config.stopping import stopping
from operations.metrics import exposition
from reps.queries.listening import address

KEEP_SECONDS = 1.0
CONNECT_SECONDS = 2
_lock = threading.Lock()
_kept: tuple[float, str] = (0.0, "")


class Probes:
    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._later(request)
        probe = PROBES.get(request.path_info)
        return winding_down(probe(request) if probe else self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        if probe is health:
            return winding_down(health(request))
        if probe is not None:
            return winding_down(await sync_to_async(probe, thread_sensitive=False)(request))
        return winding_down(await self.get_response(request))


def winding_down(answer: HttpResponseBase) -> HttpResponseBase:
    """While the process stops no connection is kept for a next request, which would find it closed."""
    if stopping.is_set():
        answer["Connection"] = "close"
    return answer


def health(request: HttpRequest) -> HttpResponse:
    return answered({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    state = "stopping" if stopping.is_set() else kept_state()
    return answered({"status": state}, 200 if state == "ready" else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    if not may_scrape(request):
        return answered({"status": "not found"}, 404)
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def answered(body: Mapping[str, str], status: int = 200) -> HttpResponse:
    answer = JsonResponse(body, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


PROBES: Mapping[str, Callable[[HttpRequest], HttpResponse]] = {
    "/health/": health,
    "/health": health,
    "/ready/": ready,
    "/ready": ready,
    "/metrics": metrics,
    "/metrics/": metrics,
}


def may_scrape(request: HttpRequest) -> bool:
    """By the token, or by the address that the connection comes from. A user's session opens nothing, and what a proxy
    says of an address is not asked: a scrape comes directly."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        expected = f"Bearer {settings.METRICS_TOKEN}"
        if hmac.compare_digest(given.encode(), expected.encode()):
            return True
    try:
        asking = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(asking in ipaddress.ip_network(allowed) for allowed in settings.METRICS_ALLOW)


# --- ready -----------------------------------------------------------------------------------------------------------


def kept_state() -> str:
    """Looked at once a second at most, whoever asks how often."""
    global _kept
    with _lock:
        looked, state = _kept
        if not state or time.monotonic() - looked > KEEP_SECONDS:
            state = look()
            _kept = (time.monotonic(), state)
        return state


def forget_state() -> None:
    global _kept
    _kept = (0.0, "")


def look() -> str:
    """Over a connection of its own: one that waits for a free place in the pool would call a busy process broken."""
    try:
        with psycopg.connect(**address(), connect_timeout=CONNECT_SECONDS) as asking:
            applied = asking.execute("SELECT app, name FROM django_migrations").fetchall()
    except psycopg.errors.UndefinedTable:
        return "migrations missing"
    except psycopg.Error:
        return "database unreachable"
    return "ready" if newest_migrations() <= set(applied) else "migrations missing"


@cache
def newest_migrations() -> frozenset[tuple[str, str]]:
    """What this code's last migrations are called; whoever has these has those before them."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())
