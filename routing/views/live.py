"""The stream of live events, and what a page fetches when it hears one."""

import datetime
from functools import partial

from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_htmx.http import trigger_client_event

from reps.models import User
from reps.pages import is_id, show
from reps.permissions import SignedIn, may, requires
from routing.live import Event, Reader, hub
from routing.models import Notification
from routing.queries.live_events import missed_since
from routing.queries.queue import decided_of
from routing.services.queue import said_already

MOST_ROWS = 200


@requires("see_records")
def events(request: SignedIn) -> HttpResponseBase:
    """Server-sent events from the moment on at which the page was made (`since`, seconds of the epoch)."""
    if not isinstance(request, ASGIRequest):
        return HttpResponse(status=204)  # no stream here: the browser does not ask again
    reader = Reader(request.user.pk, may(request.user, "see_queue"))
    missed = partial(_missed, reader, request.user, _moment(request.GET.get("since", "")))
    connections.close_all()  # given back to the pool: the stream is open for minutes
    response = StreamingHttpResponse(hub.stream(reader, missed), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


def _missed(reader: Reader, user: User, since: datetime.datetime) -> list[Event]:
    try:
        notes = missed_since(user, since)
    finally:
        connections.close_all()
    queue_changed = reader.sees_queue and hub.has_queue_changed_since(since.timestamp())
    return [*notes, *([("queue", {})] if queue_changed else [])]


def _moment(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(float(text), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return timezone.now()


@requires("see_records")
def notice(request: SignedIn, pk: int) -> HttpResponse:
    """One notification of the reader's own, as a toast."""
    note = get_object_or_404(Notification.objects.filter(user=request.user), pk=pk)
    response = HttpResponse(status=204)
    return trigger_client_event(response, "toast", {"text": note.text, "tone": ""})


@requires("see_queue")
def gone(request: SignedIn) -> HttpResponse:
    """Which of the rows that a page shows have been decided meanwhile, and by whom."""
    asked = request.GET.get("items", "").split(",")[:MOST_ROWS]
    if not all(is_id(part) for part in asked):
        raise Http404
    decided = decided_of(request.user, [int(part) for part in asked])
    items = [{"pk": item.pk, "told": said_already(item)} for item in decided]
    return show(request, "routing/queue_gone.html", {"items": items})
