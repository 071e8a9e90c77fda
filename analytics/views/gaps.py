"""Analytics › Gaps: what falls through, where, and what would close it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from analytics.forms.period import PeriodFilter
from analytics.queries.gaps import gap_of, gaps_csv, gaps_page, weeks_csv
from crm.models.words import WordKind
from crm.queries.opportunities import with_records
from crm.queries.words import known_names
from reps.pages import show
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from reps.queries.people import teams_visible_to


def filter_of(request: SignedIn) -> PeriodFilter:
    return PeriodFilter(
        request.GET,
        teams=teams_visible_to(request.user),
        sources=known_names([WordKind.SOURCE])[WordKind.SOURCE],
    )


def address_of(request: HttpRequest) -> str:
    """The filter as it stands in the address."""
    kept = request.GET.copy()
    kept.pop("at", None)
    return f"?{kept.urlencode()}" if kept else ""


def csv_file(name: str, text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


@requires("see_analytics")
def gaps(request: SignedIn) -> HttpResponse:
    """The last 90 days, or what the address says."""
    filters = filter_of(request)
    chosen = filters.chosen(timezone.localdate())
    address = address_of(request)
    page = gaps_page(user=request.user, chosen=chosen, now=timezone.now(), address=address)
    context = {"page": page, "filters": filters.showing(chosen), "chosen": chosen, "address": address}
    return show(request, "analytics/gaps.html", context)


@requires("see_analytics")
def gap(request: SignedIn, key: str) -> HttpResponse:
    """The opportunities behind one gap."""
    filters = filter_of(request)
    chosen = filters.chosen(timezone.localdate())
    found = gap_of(key, user=request.user, chosen=chosen)
    if found is None:
        raise Http404
    line, rows = found
    try:
        page = page_of(with_records(rows), key="opened_at", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {"line": line, "page": page, "words": page.words("opportunity", "opportunities")}
    return show(request, "analytics/gap.html", context | {"chosen": chosen, "address": address_of(request)})


@requires("see_analytics")
def gaps_file(request: SignedIn) -> HttpResponse:
    chosen = filter_of(request).chosen(timezone.localdate())
    return csv_file("gaps", gaps_csv(gaps_page(user=request.user, chosen=chosen, now=timezone.now())))


@requires("see_analytics")
def weeks_file(request: SignedIn) -> HttpResponse:
    chosen = filter_of(request).chosen(timezone.localdate())
    return csv_file("fall-through-by-week", weeks_csv(user=request.user, chosen=chosen))
