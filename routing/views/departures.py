"""A rep leaves, in one step; and comes back."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.models import Rep
from reps.pages import say, show
from reps.permissions import SignedIn, requires
from reps.queries import organisation, reps_visible_to
from routing.forms.departures import ConfirmDepartureForm, DepartureForm
from routing.queries.departures import latest_departure, plan_departure, ties_of
from routing.services.departures import DepartureChanged, DepartureRefused, let_go, take_back


@requires("let_reps_go")
def departure(request: SignedIn, pk: int) -> HttpResponse:
    """GET shows what names the rep and what would become of it; POST does it, or shows what is different by now."""
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    if not rep.is_active:
        return show(request, "routing/departed.html", {"rep": rep, "departure": latest_departure(rep)})
    ties = ties_of(rep, timezone.now())
    data = request.POST if request.method == "POST" else request.GET
    form = DepartureForm(data if request.method == "POST" or data else None, ties=ties, user=request.user)
    if request.method != "POST" or not form.is_valid():
        return _show(request, rep, form)
    said = ConfirmDepartureForm(data).said
    try:
        let_go(rep_id=pk, choices=form.choices(), by=request.user, at=timezone.now(), **said)
    except (DepartureChanged, DepartureRefused) as refusal:
        return _show(request, rep, form, status=409, why=str(refusal))
    say(
        request, f"{rep} has left. What was open, owned or named has somebody else or waits for its decision."
    )
    return redirect("departure", pk=pk)


def _show(
    request: SignedIn, rep: Rep, form: DepartureForm, *, status: int = 200, why: str = ""
) -> HttpResponse:
    """The choices, and beside them what would happen as soon as they are complete."""
    context: dict[str, Any] = {"rep": rep, "form": form, "ties": form.ties, "why": why}
    context["currency"] = organisation().base_currency
    context["reason"] = request.POST.get("reason") or request.GET.get("reason", "")
    if form.ties.is_free and not form.is_bound:
        form = context["form"] = DepartureForm({"closes_sign_in": "on"}, ties=form.ties, user=request.user)
    if form.is_bound and form.is_valid():
        context["plan"] = plan_departure(form.ties, form.choices(), by=request.user, now=timezone.now())
    elif request.method == "POST":
        status = 422
    return show(request, "routing/departure.html", context, regions=["departure-plan"], status=status)


@require_POST
@requires("let_reps_go")
def returned(request: SignedIn, pk: int) -> HttpResponse:
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    try:
        take_back(rep_id=rep.pk, by=request.user, at=timezone.now())
    except DepartureRefused as refusal:
        say(request, str(refusal), tone="bad")
    else:
        say(request, f"{rep} is back in the routing pool, with nothing open.")
    return redirect("rep", pk=pk)
