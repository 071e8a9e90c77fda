"""The settings of the sign-in: the provider and its test, the roles of its groups, who needs a second factor."""

from typing import Any

from allauth.utils import build_absolute_uri
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from reps.adapters import PROVIDER
from reps.forms.sign_in_settings import SignInSettingsForm, line_forms, lines_of
from reps.models import SignInRefusal
from reps.pages import say, show
from reps.permissions import SignedIn, requires
from reps.queries.sign_in import group_roles, sign_in_settings
from reps.services.calendars.fetching import FetchError
from reps.services.sign_in_fetching import discover
from reps.services.sign_in_settings import save_group_roles, save_sign_in_settings

REFUSALS_SHOWN = 10


@requires("edit_users")
def sign_in_settings_page(request: SignedIn) -> HttpResponse:
    found = sign_in_settings()
    form = SignInSettingsForm(request.POST or None, instance=found)
    if request.method == "POST" and form.saves(
        lambda: save_sign_in_settings(
            settings=found,
            secret=form.cleaned_data["client_secret"],
            break_glass=form.cleaned_data["break_glass"],
            seen=form.seen,
            by=request.user,
        )
    ):
        say(request, "Saved. It holds for the next sign-in.")
        return redirect("sign_in_settings")
    return _show(request, form=form, lines=line_forms(group_roles()))


@require_POST
@requires("edit_users")
def sign_in_groups(request: SignedIn) -> HttpResponse:
    """The mapping as a whole, in the order of its numbers."""
    lines = line_forms(group_roles(), request.POST)
    wrong = "Not saved yet. Each line needs a role, and the numbers say the order."
    if lines.is_valid():
        try:
            save_group_roles(lines=lines_of(lines), by=request.user)
        except ValidationError as refusal:
            wrong = " ".join(refusal.messages)
        else:
            say(request, "Saved. It holds for everybody's next sign-in.")
            return redirect("sign_in_settings")
    return _show(request, form=SignInSettingsForm(instance=sign_in_settings()), lines=lines, wrong=wrong)


@require_POST
@requires("edit_users")
def sign_in_test(request: SignedIn) -> HttpResponse:
    """Asks the provider what it says of itself."""
    found = sign_in_settings()
    if not found.server_url:
        say(request, "Give the provider's address first.", tone="warn")
        return redirect("sign_in_settings")
    try:
        told = discover(found.server_url)
    except FetchError as error:
        say(request, f"The provider cannot be used: {error}", tone="bad")
    else:
        say(request, f"The provider answers. It calls itself {told['issuer']}.")
    return redirect("sign_in_settings")


def _show(request: SignedIn, *, form: SignInSettingsForm, lines: Any, wrong: str = "") -> HttpResponse:
    stored = sign_in_settings()
    path = reverse("openid_connect_callback", kwargs={"provider_id": PROVIDER})
    context = {
        "form": form,
        "lines": lines,
        "wrong": wrong,
        "stored": stored,
        "callback": build_absolute_uri(request, path),
        "allows_private": settings.SSO_ALLOW_PRIVATE,
        "refusals": SignInRefusal.objects.all()[:REFUSALS_SHOWN],
    }
    return show(request, "reps/sign_in_settings.html", context, status=422 if form.is_bound or wrong else 200)
