"""Growth: what grows and how fast, the months of history, and the archive."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from operations.forms.growth import RetentionForm
from operations.queries.growth import growth
from operations.queries.histories import retentions
from operations.services.history.archiving import save_retention
from reps.pages import say, show_form
from reps.permissions import SignedIn, requires


@requires("see_status")
def growth_page(request: SignedIn) -> HttpResponse:
    return _page(request, RetentionForm(kept=retentions()))


@require_POST
@requires("edit_retention")
def retention_save(request: SignedIn) -> HttpResponse:
    form = RetentionForm(request.POST, kept=retentions())
    if not form.is_valid():
        return _page(request, form)
    for history, months in form.changed:
        save_retention(history=history, months=months, by=request.user)
    if form.changed:
        say(request, "Kept so from now on. What is due goes into the archive in the night.")
    return redirect("growth")


def _page(request: SignedIn, form: RetentionForm) -> HttpResponse:
    return show_form(request, "operations/growth.html", form, {"growth": growth(timezone.now())})
