"""What axes asks: which account a guess is about, and what the page says once there were too many."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from reps.addresses import client_address

LONGEST = 255  # what axes keeps


def account_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """The email address that somebody tries, whatever its case."""
    given = credentials or {}
    name = given.get("email") or given.get("username") or request.POST.get("login") or ""
    return str(name).strip().lower()[:LONGEST]


def locked_out(
    request: HttpRequest, original: HttpResponse | None = None, credentials: Mapping[str, Any] | None = None
) -> HttpResponse:
    """The same for accounts that exist and that do not."""
    tried = AccessAttempt.objects.filter(
        username=account_of(request, credentials), ip_address=client_address(request)
    )
    newest = tried.order_by("-attempt_time").values_list("attempt_time", flat=True).first()
    pause = get_cool_off(request) or timedelta(0)
    ends_at = (newest or timezone.now()) + pause
    minutes = max(1, round((ends_at - timezone.now()).total_seconds() / 60))
    response = render(
        request, "registration/locked_out.html", {"ends_at": ends_at, "minutes": minutes}, status=429
    )
    response["Retry-After"] = str(minutes * 60)
    return response
