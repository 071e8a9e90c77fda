"""My Work: what is new for a rep and why it is theirs; the time off ahead; the notifications."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.engine.capacity import band
from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries.profiles import profile_gap
from routing.queries.configuration import compiled, live_version
from routing.queries.work import rep_of, time_off, unread_notifications, work_items
from routing.services.notifications import mark_read


@requires("see_records")
def my_work(request: SignedIn) -> HttpResponse:
    """A rep's own list. Those who are no rep are told what this page is for."""
    rep = rep_of(request.user)
    context: dict[str, Any] = {"rep": rep, "unread": unread_notifications(request.user)}
    if rep is not None:
        now = timezone.now()
        bounds = compiled(live_version().pk).capacity.bounds
        context |= {
            "items": work_items(rep),
            "time_off": time_off(rep, now),
            "now": now,
            "band": band(rep.load, rep.max_open, bounds).label,
            "profile_gap": profile_gap(rep, today=timezone.localdate()),
        }
    return show(request, "routing/work.html", context, regions=["unread"])


@require_POST
@requires("see_records")
def notifications_read(request: SignedIn) -> HttpResponse:
    """Marks the user's notifications as read."""
    mark_read(user=request.user, at=timezone.now())
    return redirect("my_work")
