"""The rep accepts what was assigned, declines it with a reason, or passes."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.models import Opportunity
from crm.queries.opportunities import opportunities_visible_to
from reps.models import User
from reps.pages import next_address, say, show_form
from reps.permissions import SignedIn, requires
from routing.forms.acceptance import DeclineForm
from routing.queries.clocks import had_by
from routing.services import acceptance


def seen(user: User, pk: int) -> Opportunity | None:
    """What the user may see; None where it was the rep's and has gone to somebody else meanwhile. Raises Http404."""
    opportunity = opportunities_visible_to(user).filter(pk=pk).first()
    if opportunity is None and not had_by(user, pk):
        raise Http404
    return opportunity


def gone(request: SignedIn) -> HttpResponse:
    """The second is told."""
    say(request, "This is not yours any more: it went to somebody else meanwhile.", tone="warn")
    return redirect("my_work")


@require_POST
@requires("answer_assignments")
def accept(request: SignedIn, pk: int) -> HttpResponse:
    opportunity = seen(request.user, pk)
    if opportunity is None:
        return gone(request)
    try:
        acceptance.accept(opportunity_id=pk, by=request.user, at=timezone.now())
        say(request, f"{opportunity.name} is accepted. The next step is the first call, email or meeting.")
    except acceptance.CannotAnswer as error:
        say(request, str(error), tone="bad")
    return redirect(next_address(request, reverse("opportunity", args=[pk])))


@requires("answer_assignments")
def decline(request: SignedIn, pk: int) -> HttpResponse:
    """A form of one question: why."""
    opportunity = seen(request.user, pk)
    if opportunity is None:
        return gone(request)
    form = DeclineForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            acceptance.decline(opportunity_id=pk, by=request.user, at=timezone.now(), **form.cleaned_data)
            say(request, f"You declined {opportunity.name}; it goes to somebody else.")
            return redirect("my_work")
        except acceptance.CannotAnswer as error:
            form.add_error(None, str(error))
    return show_form(request, "routing/decline.html", form, {"opportunity": opportunity, "save": "Decline"})


@require_POST
@requires("answer_assignments")
def pass_on(request: SignedIn, pk: int) -> HttpResponse:
    opportunity = seen(request.user, pk)
    if opportunity is None:
        return gone(request)
    try:
        acceptance.pass_on(opportunity_id=pk, by=request.user, at=timezone.now())
    except acceptance.CannotAnswer as error:
        say(request, str(error), tone="bad")
        return redirect(next_address(request, reverse("opportunity", args=[pk])))
    say(request, f"You passed {opportunity.name} on; it goes to somebody else.")
    return redirect("my_work")
