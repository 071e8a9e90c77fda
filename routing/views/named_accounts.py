"""Settings › Named Accounts: who owns which account, what happens while the owner is away or gone, transfers."""

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.models import AccountTransfer
from crm.queries.account_owners import newest_change, transfers_managed_by, transfers_visible_to
from crm.queries.records import BY_NAME
from reps.pages import next_address, say, show
from reps.permissions import SignedIn, requires
from reps.queries import organisation
from reps.queries.pages import BadCursor, page_of
from reps.queries.people import teams_visible_to
from routing.forms.named_accounts import Chosen, ConfirmForm, NamedFilter, PlannedForm, TransferForm
from routing.queries.account_transfers import make_plan, selected, shown, today_here
from routing.queries.made_transfers import transfer_lines, transfer_of, waiting_transfers
from routing.services.account_transfers import (
    NotAsShown,
    TransferRefused,
    cancel_planned,
    change_planned,
    transfer_accounts,
    undo_transfer,
)
from territories.queries.named_accounts import (
    NamedSearch,
    as_csv,
    named_matching,
    named_rows,
    offered,
    totals,
    with_figures,
)


@requires("see_configuration")
def named_accounts(request: SignedIn) -> HttpResponse:
    user, now = request.user, timezone.now()
    filters = NamedFilter(request.GET, teams=teams_visible_to(user), offered=offered(user))
    search = filters.search()
    found = with_figures(named_matching(user, search, now=now))
    try:
        page = page_of(found, key=BY_NAME, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters,
        "page": page,
        "rows": named_rows(page.rows, now=now),
        "words": page.words("account", "accounts"),
        "is_filtered": search != NamedSearch(),
        "all_selected": request.GET.get("select") == "all" and bool(page.rows) and filters.is_valid(),
        "totals": totals(user),
        "waiting": waiting_transfers(user),
        "seen": newest_change(),
    }
    return show(request, "routing/named_accounts.html", context, regions=["named-accounts"])


@requires("see_configuration")
def named_accounts_csv(request: SignedIn) -> HttpResponse:
    """All that match the filter, not only the page."""
    now = timezone.now()
    search = NamedFilter(request.GET, teams=teams_visible_to(request.user)).search()
    content = as_csv(named_matching(request.user, search, now=now), now=now)
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="named accounts.csv"'
    return response


# --- a transfer ------------------------------------------------------------------------------------------------------


@requires("edit_accounts")
def transfer(request: SignedIn) -> HttpResponseBase:
    """GET shows what would happen; POST does that, or shows what is different by now."""
    data = request.POST if request.method == "POST" else request.GET
    chosen = Chosen(data, teams=teams_visible_to(request.user), newest=newest_change())
    if chosen.selection is None:
        say(request, "Select at least one account first.", tone="warn")
        return redirect("named_accounts")
    form = TransferForm(data if "kind" in data else None, **_zone(request), initial={"kind": "give"})
    if request.method != "POST" or not form.is_valid():
        return _show_transfer(request, chosen, form, ConfirmForm())
    confirm = ConfirmForm(data)
    if not confirm.is_valid():
        return _show_transfer(request, chosen, form, confirm, status=422)
    try:
        done = transfer_accounts(
            selection=chosen.selection,
            terms=form.terms(),
            **confirm.cleaned_data,
            by=request.user,
            at=timezone.now(),
        )
    except (NotAsShown, TransferRefused) as refusal:
        return _show_transfer(request, chosen, form, confirm, status=409, why=str(refusal))
    say(request, done_words(done), undo=_undo_address(done))
    return redirect("named_accounts")


def _zone(request: SignedIn) -> dict[str, Any]:
    return {"user": request.user, "today": today_here(timezone.now()), "zone": organisation().time_zone}


def _show_transfer(
    request: SignedIn,
    chosen: Chosen,
    form: TransferForm,
    confirm: ConfirmForm,
    *,
    status: int = 200,
    why: str = "",
) -> HttpResponse:
    """The terms, and beside them what would happen as soon as they are complete."""
    now = timezone.now()
    assert chosen.selection is not None
    context: dict[str, Any] = {"form": form, "chosen": chosen, "why": why, "confirm": confirm}
    context["reason"] = request.POST.get("reason") or request.GET.get("reason", "")
    if form.is_bound and form.is_valid():
        plan = make_plan(request.user, chosen.selection, form.terms(), now=now)
        context |= {"shown": shown(plan, form.terms(), now=now), "terms": form.terms()}
        context["carried"] = [*chosen.carried(), *form.carried(), ("digest", plan.digest)]
    elif form.is_bound and request.method == "POST":
        status = 422
    context["count"] = len(selected(request.user, chosen.selection, now=now))
    return show(
        request, "routing/account_transfer_new.html", context, regions=["transfer-plan"], status=status
    )


def done_words(transfer: AccountTransfer) -> str:
    number = transfer.account_count
    what = f"{number:,} account{'' if number == 1 else 's'}"
    if transfer.state == AccountTransfer.State.PLANNED:
        return f"The transfer of {what} is planned for {transfer.effective_on:%-d %b %Y}."
    words = f"{what} {'has' if number == 1 else 'have'} another owner"
    if transfer.kind == AccountTransfer.Kind.RELEASE:
        words = f"{what} {'has' if number == 1 else 'have'} no owner any more"
    if transfer.moved_count:
        went = "opportunity" if transfer.moved_count == 1 else "opportunities"
        words += f"; {transfer.moved_count:,} open {went} went along"
    return f"{words}."


def _undo_address(transfer: AccountTransfer) -> str:
    planned = transfer.state == AccountTransfer.State.PLANNED
    return reverse("account_transfer_cancel" if planned else "account_transfer_undo", args=[transfer.pk])


# --- transfers that were made ----------------------------------------------------------------------------------------


@requires("see_configuration")
def transfers(request: SignedIn) -> HttpResponse:
    try:
        found = transfers_visible_to(request.user)
        page = page_of(found, key="made_at", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {"page": page, "lines": transfer_lines(page.rows), "words": page.words("transfer", "transfers")}
    return show(request, "routing/account_transfers.html", context)


@requires("see_configuration")
def transfer_page(request: SignedIn, pk: int) -> HttpResponse:
    """What it did or will do, account by account."""
    found = get_object_or_404(transfers_visible_to(request.user), pk=pk)
    try:
        page = page_of(transfer_of(found, request.user), key="pk", cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "transfer": found,
        "line": transfer_lines([found])[0],
        "page": page,
        "words": page.words("account", "accounts"),
        "may_manage": transfers_managed_by(request.user).filter(pk=pk).exists(),
        "zone": organisation().time_zone,
    }
    return show(request, "routing/account_transfer.html", context)


@requires("edit_accounts")
def transfer_change(request: SignedIn, pk: int) -> HttpResponseBase:
    """Another day, owner or reason before it is done."""
    planned = get_object_or_404(transfers_managed_by(request.user), pk=pk)
    today = today_here(timezone.now())
    form = PlannedForm(request.POST or None, user=request.user, transfer=planned, today=today)
    if request.method == "POST" and form.is_valid():
        try:
            change_planned(transfer_id=pk, **form.changes(), at=timezone.now())
        except TransferRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            say(request, "The planned transfer is saved.")
            return redirect("account_transfer", pk)
    context = {"form": form, "transfer": planned, "zone": organisation().time_zone}
    status = 422 if form.is_bound else 200
    return show(request, "routing/account_transfer_change.html", context, status=status)


@require_POST
@requires("edit_accounts")
def transfer_cancel(request: SignedIn, pk: int) -> HttpResponseBase:
    get_object_or_404(transfers_managed_by(request.user), pk=pk)
    try:
        cancel_planned(transfer_id=pk, by=request.user, at=timezone.now())
        say(request, "The planned transfer is cancelled; nothing changes hands.")
    except TransferRefused as refusal:
        say(request, str(refusal), tone="bad")
    return redirect(next_address(request, reverse("named_accounts")))


@require_POST
@requires("edit_accounts")
def transfer_undo(request: SignedIn, pk: int) -> HttpResponseBase:
    get_object_or_404(transfers_managed_by(request.user), pk=pk)
    try:
        back, stayed = undo_transfer(transfer_id=pk, by=request.user, at=timezone.now())
    except TransferRefused as refusal:
        say(request, str(refusal), tone="bad")
    else:
        words = f"{back:,} account{'' if back == 1 else 's'} went back to the previous owner."
        if stayed:
            words += f" {stayed:,} changed owner since and stayed."
        say(request, words)
    return redirect(next_address(request, reverse("account_transfer", args=[pk])))
