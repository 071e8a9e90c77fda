"""Analytics › Quota Credit: assignments whose rep gets no credit for them, and the crediting table."""

from collections.abc import Sequence

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from analytics.engine.credit import CreditRow
from analytics.forms.credit import CreditTableForm
from analytics.models import CreditTable
from analytics.queries.credit import (
    check_of,
    credit_csv,
    credit_page,
    credit_weeks_csv,
    opportunities_without,
)
from analytics.queries.credit_table import TEMPLATE, current_table, rows_of, tables
from analytics.services.credit_table import replace_table, take_back, use_table
from analytics.views.gaps import address_of, csv_file, filter_of
from crm.engine.imports.reading import Problem
from crm.queries.opportunities import opportunities_visible_to, with_records
from reps.pages import go_to, say, show
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of

SHOWN = 200  # problems, and rows of the table


@requires("see_analytics")
def credit(request: SignedIn) -> HttpResponse:
    """The last 90 days, or what the address says."""
    filters, today = filter_of(request), timezone.localdate()
    chosen, address = filters.chosen(today), address_of(request)
    page = credit_page(user=request.user, chosen=chosen, today=today, address=address)
    context = {"page": page, "filters": filters.showing(chosen), "chosen": chosen, "address": address}
    return show(request, "analytics/credit.html", context)


@requires("see_analytics")
def credit_list(request: SignedIn) -> HttpResponse:
    """The opportunities behind a number."""
    chosen = filter_of(request).chosen(timezone.localdate())
    found = with_records(opportunities_without(chosen, request.user, request.GET.dict()))
    try:
        page = page_of(found, key="opened_at", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {"page": page, "words": page.words("opportunity", "opportunities"), "chosen": chosen}
    return show(request, "analytics/credit_list.html", context)


@requires("see_analytics")
def credit_of(request: SignedIn, pk: int) -> HttpResponse:
    """The quiet line that an opportunity's page fetches: that its rep gets no credit for it, or a part."""
    opportunity = get_object_or_404(opportunities_visible_to(request.user), pk=pk)
    context = {"check": check_of(opportunity)}
    return show(request, "analytics/credit_of.html", context)


@requires("see_analytics")
def credit_file(request: SignedIn) -> HttpResponse:
    chosen = filter_of(request).chosen(timezone.localdate())
    return csv_file("without-quota-credit", credit_csv(user=request.user, chosen=chosen))


@requires("see_analytics")
def credit_weeks_file(request: SignedIn) -> HttpResponse:
    chosen = filter_of(request).chosen(timezone.localdate())
    return csv_file("without-quota-credit-by-week", credit_weeks_csv(user=request.user, chosen=chosen))


@requires("edit_configuration")
def table(request: SignedIn) -> HttpResponse:
    """The whole file counts, or nothing of it with every row that is wrong."""
    form = CreditTableForm(request.POST or None, request.FILES or None)
    problems = list[Problem]()
    if request.method == "POST" and form.is_valid() and (found := form.check()) is not None:
        rows, problems = found
        if not problems:
            return _imported(request, rows, form.cleaned_data["table"].name)
    current = current_table()
    context = {
        "form": form, "problems": problems[:SHOWN], "count": len(problems), "current": current,
        "rows": [] if current is None else rows_of(current)[:SHOWN], "tables": tables()[:20], "shown": SHOWN,
    }  # fmt: skip
    is_wrong = bool(problems) or (form.is_bound and not form.is_valid())
    return show(request, "analytics/credit_table.html", context, status=422 if is_wrong else 200)


def _imported(request: SignedIn, rows: Sequence[CreditRow], file_name: str) -> HttpResponse:
    made = replace_table(rows=rows, file_name=file_name, by=request.user, at=timezone.now())
    many = "1 row counts" if len(rows) == 1 else f"{len(rows):,} rows count"
    undo = reverse("analytics_credit_take_back", args=[made.pk])
    say(request, f"{many} from now on; assignments are being checked.", undo=undo)
    return redirect("analytics_credit_table")


@require_POST
@requires("edit_configuration")
def table_take_back(request: SignedIn, pk: int) -> HttpResponse:
    get_object_or_404(CreditTable, pk=pk)
    before = take_back(table_id=pk, by=request.user)
    said = "The table before it counts again." if before else "No crediting table counts now."
    say(request, f"Taken back. {said}", undo=reverse("analytics_credit_use", args=[pk]))
    return go_to(request, reverse("analytics_credit_table"))


@require_POST
@requires("edit_configuration")
def table_use(request: SignedIn, pk: int) -> HttpResponse:
    get_object_or_404(CreditTable, pk=pk)
    use_table(table_id=pk, by=request.user, at=timezone.now())
    say(request, "It counts again; assignments are being checked.")
    return go_to(request, reverse("analytics_credit_table"))


@requires("edit_configuration")
def table_template(request: SignedIn) -> HttpResponse:
    return csv_file("crediting-table", TEMPLATE)
