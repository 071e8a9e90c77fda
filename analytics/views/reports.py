"""Analytics › Reports: the reader's own, daily and weekly."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404

from analytics.queries.alarms import open_alarms, shown
from analytics.queries.report_lines import FINE, TO_DO, lines_of
from analytics.queries.reports import reports_of
from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from routing.queries.notification_settings import settings_of


@requires("see_analytics")
def report_list(request: SignedIn) -> HttpResponse:
    found = reports_of(request.user).defer("content")
    try:
        page = page_of(found, key="day", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "page": page,
        "words": page.words("report", "reports"),
        "alarms": shown(open_alarms(), request.user),
        "wishes": settings_of(request.user),
    }
    return show(request, "analytics/reports.html", context)


@requires("see_analytics")
def report(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(reports_of(request.user), pk=pk)
    lines = lines_of(found.content)
    context = {
        "report": found,
        "to_do": [line for line in lines if line.state == TO_DO],
        "rest": [line for line in lines if line.state not in (TO_DO, FINE)],
        "fine": [line for line in lines if line.state == FINE],
    }
    return show(request, "analytics/report.html", context)
