"""Analytics › Routing: key metrics, charts, their numbers as files, and the opportunities behind a point."""

from django.http import Http404, HttpResponse
from django.utils import timezone

from analytics.forms.filters import BehindForm, RoutingFilter
from analytics.queries.addresses import Addresses
from analytics.queries.alarms import open_alarms, shown
from analytics.queries.behind import HITS, TITLES, facts_behind
from analytics.queries.exports import EXPORTS, as_csv
from analytics.queries.hold_outs import hold_out_pages
from analytics.queries.model_metrics import model_metrics
from analytics.queries.routing_page import count, routing_page
from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from reps.queries.people import organisation
from routing.queries.account_transfers import today_here


@requires("see_analytics")
def analytics_routing(request: SignedIn) -> HttpResponse:
    form = _form(request)
    filters = form.filters()
    page = routing_page(filters, Addresses.of(filters, form.chosen()))
    context = {
        "form": form,
        "filters": filters,
        "page": page,
        "alarms": shown(open_alarms(), request.user),
        "hold_outs": hold_out_pages(timezone.now()),
        "model": model_metrics(filters, request.user),
    }
    return show(request, "analytics/routing.html", context)


@requires("see_analytics")
def analytics_csv(request: SignedIn, key: str) -> HttpResponse:
    if key not in EXPORTS:
        raise Http404
    filters = _form(request).filters()
    response = HttpResponse(as_csv(key, count(filters)), content_type="text/csv; charset=utf-8")
    name = f"{key}-{filters.first}-to-{filters.last}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@requires("see_analytics")
def analytics_opportunities(request: SignedIn) -> HttpResponse:
    form, behind = _form(request), BehindForm(request.GET)
    filters, event = form.filters(), behind.event_asked
    rows = facts_behind(filters, request.user, event=event, narrower=behind.narrower())
    try:
        page = page_of(rows, key="opportunity_id", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "form": form,
        "filters": filters,
        "event": event,
        "title": TITLES[event],
        "asked": behind.words(),
        "hits": HITS[event],
        "currency": organisation().base_currency,
        "page": page,
        "words": page.words("opportunity", "opportunities"),
        "back": Addresses.of(filters, form.chosen()).page(),
    }
    return show(request, "analytics/opportunities.html", context)


def _form(request: SignedIn) -> RoutingFilter:
    return RoutingFilter(request.GET, user=request.user, today=today_here(timezone.now()))
