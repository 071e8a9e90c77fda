"""Analytics › Coaching: where reps do clearly worse or better than forecast, and what a manager makes of it."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from analytics.forms.coaching import DismissForm, TeamFilter
from analytics.queries.coaching import coaching_page, findings_visible_to, sentence
from analytics.services.coaching import dismiss_finding, suggest_tag_of, take_up_again
from reps.pages import go_to, say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries.people import teams_visible_to


@requires("see_analytics")
def coaching(request: SignedIn) -> HttpResponse:
    form = TeamFilter(request.GET, teams=teams_visible_to(request.user).order_by("name"))
    context = {"form": form, "page": coaching_page(request.user, form.chosen())}
    return show(request, "analytics/coaching.html", context)


@requires("edit_profiles")
def dismiss(request: SignedIn, pk: int) -> HttpResponse:
    finding = get_object_or_404(findings_visible_to(request.user), pk=pk)
    form = DismissForm(request.POST or None) if request.method == "POST" else DismissForm()
    if form.is_valid():
        try:
            dismiss_finding(finding_id=pk, by=request.user, at=timezone.now(), note=form.cleaned_data["note"])
        except ValidationError as refusal:
            form.add_error(None, refusal)
        else:
            undo = reverse("analytics_coaching_again", args=[pk])
            say(request, "Dismissed. It comes back only with clearly more evidence.", undo=undo)
            return redirect("analytics_coaching")
    context = {"finding": finding, "sentence": sentence(finding)}
    return show_form(request, "analytics/coaching_dismiss.html", form, context)


@require_POST
@requires("edit_profiles")
def again(request: SignedIn, pk: int) -> HttpResponse:
    """Takes the dismissal back."""
    get_object_or_404(findings_visible_to(request.user), pk=pk)
    return _done(
        request, lambda: take_up_again(finding_id=pk, by=request.user), lambda _: "It is open again."
    )


@require_POST
@requires("edit_profiles")
def suggest(request: SignedIn, pk: int) -> HttpResponse:
    """Suggests the tag of a segment in which the rep does clearly better."""
    get_object_or_404(findings_visible_to(request.user), pk=pk)
    return _done(
        request,
        lambda: suggest_tag_of(finding_id=pk, by=request.user, at=timezone.now()),
        lambda made: (
            f"{made.name} is suggested for {made.rep}. It waits under Suggested Tags to be approved."
        ),
    )


def _done(request: SignedIn, act: Callable[[], Any], words: Callable[[Any], str]) -> HttpResponse:
    try:
        say(request, words(act()))
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    return go_to(request, reverse("analytics_coaching"))
