"""The list of override reasons: add, rename, order, retire, offer again."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from routing.forms.reasons import ReasonRecordForm
from routing.models import OverrideReason
from routing.queries.reasons import reasons_with_counts
from routing.services import reasons


@requires("edit_organisation")
def reason_list(request: SignedIn) -> HttpResponse:
    return show(request, "routing/reasons.html", {"reasons": reasons_with_counts()})


@requires("edit_organisation")
def reason_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    reason = get_object_or_404(OverrideReason, pk=pk) if pk else OverrideReason()
    form = ReasonRecordForm(request.POST or None, instance=reason)

    def act() -> None:
        reasons.save_reason(reason=reason, seen=form.seen if pk else None, by=request.user)

    if request.method == "POST" and form.saves(act):
        say(request, f"“{reason}” is saved.")
        return redirect("override_reasons")
    stored = OverrideReason.objects.filter(pk=pk).first() if pk else None
    return show_form(request, "routing/reason_form.html", form, {"reason": stored})


@require_POST
@requires("edit_organisation")
def reason_offer(request: SignedIn, pk: int, offered: bool) -> HttpResponse:
    """Offered again, or retired; each can be undone."""
    reason = get_object_or_404(OverrideReason, pk=pk)
    try:
        reasons.offer_reason(reason_id=reason.pk, offered=offered, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("override_reasons")
    back = reverse("override_reason_retire" if offered else "override_reason_offer", args=[pk])
    text = "is offered" if offered else "is retired; past overrides keep it"
    say(request, f"“{reason}” {text}.", undo=back)
    return redirect("override_reasons")


@require_POST
@requires("edit_organisation")
def reason_move(request: SignedIn, pk: int) -> HttpResponse:
    by_places = {"up": -1, "down": 1}.get(request.POST.get("step", ""))
    if by_places is None:
        raise Http404
    get_object_or_404(OverrideReason, pk=pk)
    reasons.move_reason(reason_id=pk, by_places=by_places, by=request.user)
    return redirect("override_reasons")
