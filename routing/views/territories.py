"""Territories in their hierarchy, what falls in none or in several, and territories as a file."""

from django.http import HttpResponse
from django.utils import timezone

from reps.pages import show
from reps.permissions import SignedIn, requires
from routing.forms.territories import CoverageFilter, moments
from routing.queries.coverage import coverage_page
from routing.queries.territories import territory_lines
from routing.queries.territory_file import as_csv


@requires("see_configuration")
def territories(request: SignedIn) -> HttpResponse:
    lines = territory_lines(user=request.user, now=timezone.now())
    warned = sum(bool(line.warnings) for line in lines)
    return show(request, "routing/territories.html", {"lines": lines, "warned": warned})


@requires("see_configuration")
def territories_csv(request: SignedIn) -> HttpResponse:
    response = HttpResponse(as_csv(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="territories.csv"'
    return response


@requires("see_analytics")
def coverage(request: SignedIn) -> HttpResponse:
    """The past year, or the days of the address."""
    chosen = CoverageFilter(request.GET)
    first, last = chosen.period(timezone.localdate())
    start, end = moments(first, last)
    page = coverage_page(user=request.user, first=start, last=end)
    filters = CoverageFilter({"first": first, "last": last})
    context = {"page": page, "filters": filters, "first": first, "last": last}
    return show(request, "routing/coverage.html", context)
