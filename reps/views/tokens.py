"""API tokens: made in the browser, shown once, made anew, revoked at any time."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.forms.tokens import RenewForm, TokenForm
from reps.pages import say, show
from reps.permissions import SignedIn, requires
from reps.queries.tokens import find_token, tokens_visible_to
from reps.services.tokens import make_token, renew_token, revoke_token


@requires("make_tokens")
def token_list(request: SignedIn) -> HttpResponse:
    """The tokens there are, and a form for a new one. The new one is shown in this answer only."""
    form = TokenForm(request.POST or None, user=request.user)
    secret = ""
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        _, secret = make_token(
            user=request.user, name=chosen["name"], days=form.days, scopes=chosen["scopes"]
        )
        form = TokenForm(user=request.user)
    return _show(request, form, secret)


def _show(request: SignedIn, form: TokenForm, secret: str) -> HttpResponse:
    status = 422 if form.is_bound and not secret else 200
    context = {"form": form, "secret": secret, "tokens": tokens_visible_to(request.user)}
    response = show(request, "reps/tokens.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@requires("make_tokens")
def token_renew(request: SignedIn, digest: str) -> HttpResponse:
    """The same token with another secret, for a change-over. Of the own ones only: who has it acts as the user."""
    token = find_token(tokens_visible_to(request.user).filter(user=request.user), digest)
    form = RenewForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        hours = int(form.cleaned_data["keeps_hours"])
        _, secret = renew_token(token=token, keeps_hours=hours, days=form.days, at=timezone.now())
        return _show(request, TokenForm(user=request.user), secret)
    status = 422 if form.is_bound else 200
    return show(request, "reps/token_renew.html", {"form": form, "token": token}, status=status)


@require_POST
@requires("make_tokens")
def token_revoke(request: SignedIn, digest: str) -> HttpResponse:
    token = find_token(tokens_visible_to(request.user), digest)
    revoke_token(token=token)
    say(request, f"The token “{token.name}” is revoked.")
    return redirect("tokens")
