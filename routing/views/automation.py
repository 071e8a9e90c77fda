"""Pause automation, say why, and let it go on."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import next_address, say
from reps.permissions import SignedIn, requires
from routing.services.automation import pause, resume


@require_POST
@requires("pause_automation")
def pause_automation(request: SignedIn) -> HttpResponse:
    """One click stops it; the reason may come with it or afterwards."""
    pause(by=request.user, at=timezone.now(), reason=request.POST.get("reason", ""))
    say(
        request,
        "Automation is paused. Leads go on coming in and wait; people can give them by hand.",
        tone="warn",
    )
    return redirect(next_address(request, "/queue/"))


@require_POST
@requires("pause_automation")
def resume_automation(request: SignedIn) -> HttpResponse:
    was_paused = resume(by=request.user, at=timezone.now())
    words = "Automation runs again. What has waited is decided bit by bit, the oldest first."
    say(request, words if was_paused else "Automation is running.")
    return redirect(next_address(request, "/queue/"))
