"""Times are shown in the reader's time zone; who has to sign in comes back to a page; sessions end in time."""

import time
import zoneinfo
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from reps.attribution import acting
from reps.pages import go_to
from reps.services.audit import note_download

BEGAN, SEEN = "began_at", "seen_at"  # in the session: seconds since 1970
MUST_ENROL = "needs_second_factor"  # in the session, until the person has set one up
NOTED_EVERY_SECONDS = 300  # how exactly it is kept when somebody was here last
STREAM = "text/event-stream"  # what an open page keeps asking for without anybody there


class SignInMiddleware(LoginRequiredMiddleware):
    """After signing in one is where one was: for a form that was sent too late, the page that showed it. Its own
    address answers no GET."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseRedirect:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        before = request.headers.get("Referer", "")
        ours = url_has_allowed_host_and_scheme(
            before, {request.get_host()}, require_https=request.is_secure()
        )
        parts = urlsplit(before)
        back = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return redirect_to_login(back if ours and back else "/", self.get_login_url(view_func))


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            with timezone.override(zoneinfo.ZoneInfo(request.user.time_zone)):
                return self.get_response(request)
        return self.get_response(request)


class AttributionMiddleware:
    """What a request writes is written by whoever sent it; what it downloads is in the audit log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(request):
            response = self.get_response(request)
            note_download(request, response)
            return response


class SessionLifetimeMiddleware:
    """A session ends after some hours without a page, and after some days whatever happens. When it was used last
    stands in the session itself and is written every few minutes, so that a page takes no query more for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = time.time()
            if is_over(request, now):
                logout(request)
            elif request.headers.get("Accept") != STREAM:
                note_use(request, now)
        return self.get_response(request)


def is_over(request: HttpRequest, now: float) -> bool:
    began, seen = request.session.get(BEGAN, now), request.session.get(SEEN, now)
    idle = now - seen > settings.SESSION_IDLE_HOURS * 3600
    return bool(idle or now - began > settings.SESSION_MOST_HOURS * 3600)


def note_use(request: HttpRequest, now: float) -> None:
    if now - request.session.get(SEEN, 0.0) < NOTED_EVERY_SECONDS:
        return
    request.session.setdefault(BEGAN, now)
    request.session[SEEN] = now
    UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=timezone.now())


class SecondFactorMiddleware:
    """Whose role needs a second factor comes no further than to the pages that set one up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and request.session.get(MUST_ENROL):
            open_to_all = (reverse("security"), reverse("logout"), reverse("account_reauthenticate"))
            if not request.path.startswith(open_to_all):
                return go_to(request, reverse("security"))
        return self.get_response(request)
