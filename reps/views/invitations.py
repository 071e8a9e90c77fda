"""Invitations as an admin sees them: made, sent again, taken back."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.forms.sign_in import InvitationForm
from reps.models import Invitation
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries.sign_in import open_invitations
from reps.services.invitations import invite, invite_again, link_of, revoke_invitation


@requires("edit_users")
def user_new(request: SignedIn) -> HttpResponse:
    """Users come by an invitation."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = invite(by=request.user, at=timezone.now(), **form.cleaned_data)
        except ValidationError as refusal:
            form.add_error(None, refusal)
        else:
            return _sent(request, made)
    return show_form(request, "reps/invitation_form.html", form, {"sends_mail": bool(settings.MAIL_URL)})


def _sent(request: SignedIn, made: Invitation) -> HttpResponse:
    """Where a letter went out, the list; else the link, in this answer only."""
    if settings.MAIL_URL:
        say(request, f"The invitation is on its way to {made.email}.")
        return redirect("users")
    response = show(request, "reps/invitation_link.html", {"invitation": made, "link": link_of(made)})
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@requires("edit_users")
def invitation_again(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(open_invitations(), pk=pk)
    try:
        made = invite_again(invitation=found, by=request.user, at=timezone.now())
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("users")
    return _sent(request, made)


@require_POST
@requires("edit_users")
def invitation_revoke(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(open_invitations(), pk=pk)
    try:
        revoke_invitation(invitation=found, at=timezone.now())
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
    else:
        say(request, f"The invitation of {found} is taken back; its link holds no longer.")
    return redirect("users")
