"""Getting in: by password, by the provider, by an invitation."""

import secrets
from typing import Any

import requests
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from allauth.account.views import LoginView, PasswordResetView
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect.views import callback
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from reps.adapters import PROVIDER
from reps.forms.sign_in import AcceptForm
from reps.pages import next_address, say
from reps.permissions import SignedIn
from reps.queries.people import organisation
from reps.queries.sign_in import invitation_of, is_only_sso, sign_in_settings
from reps.services.invitations import accept_invitation

UNUSABLE = (
    requests.RequestException,
    KeyError,
    TypeError,
    ValueError,
)  # an answer that is none of a provider's


class SignInView(LoginView):
    """allauth's, with the provider's button; where the provider is the only way in, the password is one click away for
    those who keep one."""

    template_name = "registration/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        found = sign_in_settings()
        wanted = next_address(self.request, "")
        only = found.is_only_way
        asked = self.request.method == "POST" or "password" in self.request.GET
        return context | {
            "sso_label": found.button_label if found.is_ready else "",
            "sso_address": "/login/sso/" + (f"?{urlencode({'next': wanted})}" if wanted else ""),
            "takes_passwords": not only or asked,
        }

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


class ForgottenView(PasswordResetView):
    """Says how to get a new password where no email is sent."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"sends_mail": bool(settings.MAIL_URL)}

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@never_cache
@login_not_required
def sso_start(request: HttpRequest) -> HttpResponse:
    """Sends the browser to the provider. A plain link, since a policy that names the provider for forms would have to
    name every server behind it as well; state, nonce and PKCE tie the answer to this browser."""
    try:
        provider = get_adapter().get_provider(request, PROVIDER)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    nonce = secrets.token_urlsafe(24)
    try:
        answer: HttpResponse = provider.redirect(
            request,
            AuthProcess.LOGIN,
            next_url=next_address(request, ""),
            nonce=nonce,
            auth_params={"nonce": nonce},
        )
    except UNUSABLE as error:
        answer = render_authentication_error(request, provider, exception=error)
    return answer


@never_cache
@login_not_required
def sso_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Where the provider sends the browser back to."""
    try:
        answer: HttpResponse = callback(request, provider_id)
    except UNUSABLE as error:
        provider = get_adapter().get_provider(request, PROVIDER)
        answer = render_authentication_error(request, provider, exception=error)
    return answer


@never_cache
@login_not_required
@sensitive_post_parameters("password")
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Takes the invitation up: a name, a password, and one is in."""
    found = invitation_of(token)
    if found is None:
        return render(request, "reps/invitation_gone.html", status=410)
    if is_only_sso():
        say(request, "You are invited. Sign in through the provider, with the address of the invitation.")
        return redirect("login")
    initial = {"name": found.name, "time_zone": organisation().time_zone}
    form = AcceptForm(request.POST or None, invitation=found, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            user = accept_invitation(token=token, at=timezone.now(), **form.cleaned_data)
        except ValidationError:
            return render(request, "reps/invitation_gone.html", status=410)
        return _sign_in(request, user)
    context = {"form": form, "invitation": found}
    return render(request, "reps/invitation_accept.html", context, status=422 if form.is_bound else 200)


def _sign_in(request: HttpRequest, user: Any) -> HttpResponse:
    """The session of whoever sat here before ends with it."""
    request.session.flush()
    record_authentication(request, user, method="password", email=user.email)
    answer: HttpResponse = perform_login(request, user, email_verification="none")
    return answer


@login_not_required
def closed(request: HttpRequest) -> HttpResponse:
    """There is no signing up by oneself."""
    return render(request, "account/signup_closed.html")


def password_set(request: SignedIn) -> HttpResponse:
    """Who came by the provider has no password, and needs none."""
    say(request, "You sign in through the provider, without a password here.", tone="warn")
    return redirect("security")
