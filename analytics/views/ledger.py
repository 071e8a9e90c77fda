"""A rep's opportunity ledger: for the rep, the own managers, and who sees everybody."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from analytics.forms.filters import BehindForm, DaysFilter
from analytics.queries.behind import HITS, TITLES, facts_behind
from analytics.queries.filters import Filters
from analytics.queries.ledger import counted_in_ledger, ledger_csv, load_ledger
from analytics.queries.ledger_charts import ledger_charts
from analytics.views.gaps import address_of, csv_file
from reps.models import Rep
from reps.pages import show
from reps.permissions import SignedIn, may, requires
from reps.queries.pages import BadCursor, page_of
from reps.queries.people import organisation, reps_visible_to
from routing.queries.account_transfers import today_here
from routing.queries.work import rep_of


@requires("see_records")
def own_ledger(request: SignedIn) -> HttpResponse:
    """Of whoever reads; who is no rep is told what this page is for."""
    rep = rep_of(request.user)
    if rep is None:
        return show(request, "analytics/no_ledger.html", {})
    return _page(request, get_object_or_404(reps_visible_to(request.user), pk=rep.pk))


@requires("see_records")
def ledger(request: SignedIn, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(reps_visible_to(request.user), pk=pk))


def _page(request: SignedIn, rep: Rep) -> HttpResponse:
    form, currency = _form(request), organisation().base_currency
    first, last = form.period()
    found, address = load_ledger(rep, first=first, last=last), address_of(request)
    context = {
        "rep": rep,
        "form": form,
        "page": found,
        "currency": currency,
        "address": address,
        "charts": ledger_charts(found, currency=currency, csv=reverse("ledger_csv", args=[rep.pk]) + address),
        "is_own": rep.user_id == request.user.pk,
        "sees_coaching": may(request.user, "see_analytics"),
    }
    return show(request, "analytics/ledger.html", context)


@requires("see_records")
def ledger_file(request: SignedIn, pk: int) -> HttpResponse:
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    first, last = _form(request).period()
    return csv_file(
        f"ledger-{rep.pk}-{first}-to-{last}", ledger_csv(load_ledger(rep, first=first, last=last))
    )


@requires("see_records")
def ledger_list(request: SignedIn, pk: int) -> HttpResponse:
    """The opportunities behind a number of the ledger."""
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    behind = BehindForm(request.GET)
    first, last = _form(request).period()
    filters, event = Filters(first, last, rep_ids=(rep.pk,)), behind.event_asked
    rows = counted_in_ledger(facts_behind(filters, request.user, event=event, narrower=behind.narrower()))
    try:
        page = page_of(rows, key="opportunity_id", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters, "event": event, "title": f"{TITLES[event]} of {rep}", "asked": behind.words(),
        "hits": HITS[event], "currency": organisation().base_currency, "page": page, "back_words": f"Ledger · {rep}",
        "words": page.words("opportunity", "opportunities"), "back": reverse("ledger", args=[pk]),
    }  # fmt: skip
    return show(request, "analytics/opportunities.html", context)


def _form(request: SignedIn) -> DaysFilter:
    return DaysFilter(request.GET, today=today_here(timezone.now()))
