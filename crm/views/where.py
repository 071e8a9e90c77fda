"""The list of opportunities by a condition: building it, and accounts offered while one types."""

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from crm.forms.where import WhereForm, read_where
from crm.queries.records import account_names
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires

TEMPLATE = "crm/where.html"


@requires("see_records")
def opportunity_where(request: SignedIn) -> HttpResponse:
    """Shows the condition of the address; what is built leads back to the list."""
    try:
        condition = read_where(request.GET.get("where", ""))
    except forms.ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        condition = {}
    form = WhereForm(request.POST or None, user=request.user, condition=condition)
    context = {"form": form}
    if form.is_building:
        return show(request, TEMPLATE, context, regions=["condition"])
    if request.method == "POST" and form.is_valid():
        return redirect(form.address(reverse("opportunities"), request.GET))
    return show_form(request, TEMPLATE, form, context)


@requires("see_records")
def condition_accounts(request: SignedIn) -> HttpResponse:
    """Accounts offered to a test while somebody types; the input's own name says which test, so any value is meant."""
    words = str(next(iter(request.GET.values()), "")).replace("\x00", "").strip()
    names = account_names(request.user, words=words) if len(words) > 1 else []
    return show(request, "crm/account_suggestions.html", {"accounts": names})
