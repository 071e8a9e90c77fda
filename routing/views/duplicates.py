"""What people say of repeats: it repeats that one, it does not, or it repeats another."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.models import Opportunity
from crm.queries.opportunities import opportunities_visible_to
from reps.pages import say
from reps.permissions import SignedIn, requires
from routing.forms.duplicates import DuplicateForm, errors_in_words
from routing.services import duplicates


def _seen(request: SignedIn, pk: int) -> Opportunity:
    return get_object_or_404(opportunities_visible_to(request.user), pk=pk)


@require_POST
@requires("link_duplicates")
def duplicate_answer(request: SignedIn, pk: int, link: int) -> HttpResponse:
    """`repeats` is yes or no; the second of two people is told what the first said."""
    opportunity = _seen(request, pk)
    found = get_object_or_404(opportunity.duplicate_links.select_related("original"), pk=link)
    acts = {"yes": duplicates.confirm, "no": duplicates.decline}
    act = acts.get(request.POST.get("repeats", ""))
    if act is None:
        raise Http404
    try:
        act(link_id=found.pk, by=request.user, at=timezone.now())
    except (duplicates.AlreadySaid, duplicates.NoRepeat) as refusal:
        say(request, str(refusal), tone="bad")
    else:
        does = "repeats" if act is duplicates.confirm else "does not repeat"
        say(request, f"{opportunity.name} {does} {found.original.name}. {_what_became(pk)}")
    return _back(request, pk)


@require_POST
@requires("link_duplicates")
def duplicate_mark(request: SignedIn, pk: int) -> HttpResponse:
    opportunity = _seen(request, pk)
    form = DuplicateForm(request.POST, opportunity=opportunity, user=request.user, prefix="duplicate")
    if not form.is_valid():
        say(request, errors_in_words(form), tone="bad")
        return redirect("opportunity", pk)
    try:
        link = duplicates.mark(
            opportunity_id=pk,
            original_id=form.cleaned_data["chosen"],
            by=request.user,
            at=timezone.now(),
        )
    except duplicates.NoRepeat as refusal:
        say(request, str(refusal), tone="bad")
    else:
        say(request, f"{opportunity.name} repeats {link.original.name}. {_what_became(pk)}")
    return _back(request, pk)


def _what_became(pk: int) -> str:
    """Where it stands after what was said, in a sentence."""
    opportunity = Opportunity.objects.select_related("owner").get(pk=pk)
    if not opportunity.is_open:
        return f"It stays {opportunity.get_stage_display().lower()}."
    if opportunity.owner:
        return f"It stays with {opportunity.owner.name}."
    words = {"held": "It waits.", "manager": "It waits for the manager."}
    suggested = (
        opportunity.queue_items.filter(state="pending", rep__isnull=False).select_related("rep").first()
    )
    if suggested is not None and suggested.rep is not None:
        return f"{suggested.rep.name} is suggested."
    return words.get(opportunity.routing, "It is decided within the minute.")


def _back(request: SignedIn, pk: int) -> HttpResponse:
    """The page, for those who may still see it."""
    if opportunities_visible_to(request.user).filter(pk=pk).exists():
        return redirect("opportunity", pk)
    return redirect("opportunities")
