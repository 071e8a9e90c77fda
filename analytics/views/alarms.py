"""Analytics › Reports › Alarms: what is on with what could be behind it, and what was."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from analytics.models import Alarm
from analytics.queries.alarms import open_alarms, past_alarms, shown
from analytics.services.alarms import acknowledge
from reps.pages import next_address, say, show
from reps.permissions import SignedIn, requires


@requires("see_analytics")
def alarm_list(request: SignedIn) -> HttpResponse:
    context = {
        "alarms": shown(open_alarms(), request.user),
        "past": shown(past_alarms(), request.user),
    }
    return show(request, "analytics/alarm_list.html", context)


@requires("answer_alarms")
@require_POST
def alarm_seen(request: SignedIn, pk: int) -> HttpResponse:
    alarm = get_object_or_404(Alarm, pk=pk)
    is_first = acknowledge(alarm_id=alarm.pk, by=request.user, at=timezone.now())
    say(request, f"Noted that you have seen “{alarm}”." if is_first else "Somebody had seen it before you.")
    return redirect(next_address(request, "analytics_alarms"))
